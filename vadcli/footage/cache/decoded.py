"""Clips on their way into a cache: flat files, which a kill cannot damage and a later run takes up again.

A cache `C.h5` in the making has a folder `.C.h5.draft` beside it, and in it of every clip `KEY.cues`, `KEY.frames`
(all its other arrays, end to end as the manifest has them) and, written last, `KEY.json`. Without it a clip is decoded
again.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from vadcli.errors import FootageError
from vadcli.footage.cache.manifest import DTYPES, CacheFormat, Clip
from vadcli.footage.cache.writer import Part
from vadcli.footage.frames import Frame, Image
from vadcli.footage.opencv import cv2

WRITE_BUFFER = 1 << 16
_CLIP = TypeAdapter(Clip)


def draft_folder(cache: Path) -> Path:
    """The folder of the decoded clips of a cache in the making."""
    return cache.with_name(f".{cache.name}.draft")


def draft_file(folder: Path, name: str, suffix: str) -> Path:
    """A file of a clip of any name."""
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:20]}.{suffix}"


def decoded_part(folder: Path, form: CacheFormat, clip: Clip) -> Part:
    """A decoded clip as part of a cache."""
    places, at = dict[str, tuple[Path, int, int]](), 0
    for array, length in clip.lengths(form).items():
        size = length * DTYPES[array].itemsize
        places[array] = (draft_file(folder, clip.name, "cues"), 0, size)
        if array != "cues":
            places[array] = (draft_file(folder, clip.name, "frames"), at, size)
            at += size
    return Part(clip, places.__getitem__)


def find_decoded(folder: Path, form: CacheFormat, name: str) -> Part | None:
    """A clip as an earlier run decoded it, if it is whole."""
    try:
        part = decoded_part(folder, form, _CLIP.validate_json(draft_file(folder, name, "json").read_bytes()))
        ends: dict[Path, int] = {}
        for file, start, size in map(part.regions, DTYPES):
            ends[file] = max(ends.get(file, 0), start + size)
        return part if all(file.stat().st_size == end for file, end in ends.items()) else None
    except (OSError, ValueError):
        return None


class DecodedClipWriter:
    """Writes one clip; leaves nothing behind unless `finish` was reached.

    Attributes:
        indices: of the frames so far.
    """

    def __init__(self, folder: Path, name: str, form: CacheFormat, quality: int) -> None:
        self._folder, self._name, self._form = folder, name, form
        draft_file(folder, name, "json").unlink(missing_ok=True)  # of an earlier run, whose frames are gone now
        self._quality = [cv2.IMWRITE_JPEG_QUALITY, quality]
        self._frames = draft_file(folder, name, "frames").open("wb", buffering=WRITE_BUFFER)
        self._cues = draft_file(folder, name, "cues").open("wb", buffering=WRITE_BUFFER)
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.indices: list[int] = []
        self._rows: list[tuple[int, float, bool, bool]] = []  # bytes, time, gap, cues
        self._finished = False

    def write(self, frame: Frame, image: Image, maps: Mapping[str, npt.NDArray[np.float16]] | None = None) -> None:
        """Add a frame as the network reads it, (H, W, C) uint8, and its cue maps."""
        data: Any = np.ascontiguousarray(image).data
        if self._form.codec == "jpeg":
            data = encode_jpeg(image, self._quality).data
        self._frames.write(data)
        self.indices.append(frame.index)
        self._rows.append((data.nbytes, frame.time_s, frame.after_gap, maps is not None))
        if maps is not None:
            self._write_cues({name: np.asarray(maps[name], np.float16) for name in sorted(maps)})
        elif self._shapes:
            self._skip_cues(1)

    def finish(self, clip: Clip, arrays: Mapping[str, npt.NDArray[Any]]) -> Part:
        """Close the files and say that they are complete.

        Args:
            clip: its record, but for the number of its frames, their bytes, and its cues.
            arrays: `labels` (sets, n) and packed `masks` (n, bytes), as far as it has them.
        """
        sizes, times_s, gaps, has_cues = zip(*self._rows, strict=True) if self._rows else ((),) * 4
        clip = replace(clip, num_frames=len(sizes), stored_bytes=sum(sizes), cues=self._shapes)
        values = {
            "ends": np.cumsum(sizes), "times_s": times_s, "indices": self.indices, "gaps": gaps, "has_cues": has_cues,
            **arrays,
        }  # fmt: skip
        for array, length in clip.lengths(self._form).items():
            if array not in ("frames", "cues") and length:
                stored = np.asarray(values[array], DTYPES[array])
                if stored.size != length:
                    raise ValueError(f"{self._name}: {stored.size} items of {array}, not {length}")
                self._frames.write(stored.tobytes())
        self._frames.close()
        self._cues.close()
        temporary = draft_file(self._folder, self._name, "tmp")
        temporary.write_text(json.dumps(asdict(clip), default=str), encoding="utf-8")
        temporary.replace(temporary.with_suffix(".json"))
        self._finished = True
        return decoded_part(self._folder, self._form, clip)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            with suppress(OSError):  # a full disk fails again when the buffer is flushed
                self._frames.close()
            with suppress(OSError):
                self._cues.close()
            for suffix in ("frames", "cues", "tmp", "json"):
                draft_file(self._folder, self._name, suffix).unlink(missing_ok=True)

    def _write_cues(self, maps: Mapping[str, npt.NDArray[np.float16]]) -> None:
        shapes = {name: values.shape for name, values in maps.items()}
        if not self._shapes:
            self._shapes = shapes
            self._skip_cues(len(self._rows) - 1)
        if shapes != self._shapes:
            raise ValueError(f"{self._name}: cue maps of {shapes} after those of {self._shapes}")
        for values in maps.values():
            self._cues.write(values.tobytes())

    def _skip_cues(self, frames: int) -> None:
        """Zeros for frames without maps."""
        row = bytes(sum(2 * int(np.prod(shape)) for shape in self._shapes.values()))
        for _ in range(frames):
            self._cues.write(row)


def encode_jpeg(image: Image, quality: list[int]) -> npt.NDArray[np.uint8]:
    """JPEG bytes, (n,), of a frame (H, W, C), grey or RGB."""
    picture = image if image.shape[2] == 1 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    written, data = cv2.imencode(".jpg", picture, quality)
    if not written:
        raise FootageError("a frame could not be written as JPEG. Use --codec raw.")
    return np.asarray(data, dtype=np.uint8).reshape(-1)
