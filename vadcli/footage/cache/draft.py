"""A cache in the making: flat files of decoded clips, which a kill cannot damage and a later run takes up again.

A cache `C.h5` in the making has a folder `.C.h5.draft` beside it, and in it of every clip `KEY.cues`, `KEY.frames`
(all its other arrays, end to end as the manifest has them) and, written last, `KEY.json`. Without it a clip is decoded
again.
"""

import errno
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from vadcli.errors import FootageError, InputError
from vadcli.files import locked, naming
from vadcli.footage.cache.manifest import DTYPES, CacheFormat, Clip, StoredClip
from vadcli.footage.frames import Frame, Image
from vadcli.footage.opencv import cv2

WRITE_BUFFER = 1 << 16
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOTHING = "Nothing was written. Make room and run the same command again."
_CLIP = TypeAdapter(Clip)


def draft_folder(cache: Path) -> Path:
    """The folder of the decoded clips of a cache in the making."""
    return cache.with_name(f".{cache.name}.draft")


@contextmanager
def draft(out: Path, note: Callable[[str], None] = lambda text: None) -> Iterator[Path]:
    """The folder of a cache's decoded clips, for this run alone; whoever has it may read the cache and write to it.

    It goes when all went well, or when the footage was at fault and no clip was decoded; it stays when interrupted or
    out of space. A disk without locks is noted.

    Raises:
        InputError: when another run has it, or the disk is full.
    """
    folder = draft_folder(out)
    with locked(out, f"{out}: another `vad prepare` is writing it. Wait, or use another --out.", note):
        try:
            with naming(out, folder):
                folder.mkdir(exist_ok=True)
            yield folder
        except FootageError:
            if not _finished(folder):
                _remove(folder)
            raise
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise InputError(f"{out}: the disk is full. {_clear(folder)}") from error
        _remove(folder)


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def _finished(folder: Path) -> int:
    """The number of decoded clips in it."""
    return len(list(folder.glob("*.json")))


def _clear(folder: Path) -> str:
    """Remove files that cannot be used again after a full disk, and report those that remain."""
    if not folder.is_dir():
        return _NOTHING
    (folder / "cache.h5").unlink(missing_ok=True)
    if kept := _finished(folder):
        return (
            f"Make room and run the same command to go on; {kept} decoded clips are kept in {folder.name}, "
            "which may be deleted instead."
        )
    _remove(folder)
    return _NOTHING


def draft_file(folder: Path, name: str, suffix: str) -> Path:
    """A file of a clip of any name."""
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:20]}.{suffix}"


def find_decoded(folder: Path, form: CacheFormat, name: str) -> StoredClip | None:
    """A clip as an earlier run decoded it, if it is whole."""
    try:
        found = _stored(folder, form, _CLIP.validate_json(draft_file(folder, name, "json").read_bytes()))
        ends: dict[Path, int] = {}
        for file, start, size in map(found.regions, DTYPES):
            ends[file] = max(ends.get(file, 0), start + size)
        return found if all(file.stat().st_size == end for file, end in ends.items()) else None
    except (OSError, ValueError):
        return None


def _stored(folder: Path, form: CacheFormat, clip: Clip) -> StoredClip:
    places, at = dict[str, tuple[Path, int, int]](), 0
    for array, length in clip.lengths(form).items():
        size = length * DTYPES[array].itemsize
        places[array] = (draft_file(folder, clip.name, "cues"), 0, size)
        if array != "cues":
            places[array] = (draft_file(folder, clip.name, "frames"), at, size)
            at += size
    return StoredClip(clip, places.__getitem__)


class DecodedClipWriter:
    """Writes one clip; leaves nothing behind unless `finish` was reached.

    Attributes:
        indices: of the frames so far.
    """

    def __init__(self, folder: Path, name: str, form: CacheFormat, quality: int) -> None:
        self._folder, self._name, self._form = folder, name, form
        self._file("json").unlink(missing_ok=True)  # of an earlier run, whose frames are gone now
        self._quality = [cv2.IMWRITE_JPEG_QUALITY, quality]
        self._frames = self._file("frames").open("wb", buffering=WRITE_BUFFER)
        self._cues = self._file("cues").open("wb", buffering=WRITE_BUFFER)
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.indices: list[int] = []
        self._rows: list[tuple[int, float, bool, bool]] = []  # bytes, time, gap, cues
        self._finished = False

    def write(self, frame: Frame, image: Image, maps: Mapping[str, npt.NDArray[np.float16]] | None = None) -> None:
        """Add a frame as the network reads it, (H, W, C) uint8, and its cue maps."""
        data: Any = np.ascontiguousarray(image).data if self._form.codec == "raw" else _jpeg(image, self._quality)
        self._frames.write(data)
        self.indices.append(frame.index)
        self._rows.append((data.nbytes, frame.time_s, frame.after_gap, maps is not None))
        if maps is not None:
            self._write_cues({name: np.asarray(maps[name], np.float16) for name in sorted(maps)})
        elif self._shapes:
            self._skip_cues(1)

    def finish(self, clip: Clip, arrays: Mapping[str, npt.NDArray[Any]]) -> StoredClip:
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
        temporary = self._file("tmp")
        temporary.write_text(json.dumps(asdict(clip), default=str), encoding="utf-8")
        temporary.replace(self._file("json"))
        self._finished = True
        return _stored(self._folder, self._form, clip)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._finished:
            for file in (self._frames, self._cues):
                with suppress(OSError):  # a full disk fails again when the buffer is flushed
                    file.close()
            for suffix in ("frames", "cues", "tmp", "json"):
                self._file(suffix).unlink(missing_ok=True)

    def _file(self, suffix: str) -> Path:
        return draft_file(self._folder, self._name, suffix)

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


def _jpeg(image: Image, quality: list[int]) -> Any:
    """The bytes of a frame (H, W, C), grey or RGB, as JPEG."""
    picture = image if image.shape[2] == 1 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    written, data = cv2.imencode(".jpg", picture, quality)
    if not written:
        raise FootageError("a frame could not be written as JPEG. Use --codec raw.")
    return data.data
