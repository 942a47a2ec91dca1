"""Clips on their way into a cache: flat files, which a kill cannot damage and a later run takes up again.

A cache `C.h5` in the making has a folder `.C.h5.draft` beside it, and in it of every clip `KEY.frames` (frames end to
end as they will stand in the cache), `KEY.npz` (labels, masks, lengths of JPEGs) and, written last, `KEY.json`. Without
it a clip is decoded again.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError
from vadcli.footage.cache.layout import Codec
from vadcli.footage.cache.reader import Split
from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2

WRITE_BUFFER = 1 << 16


@dataclass(frozen=True, slots=True)
class CacheFormat:
    """The format of all frames of a cache.

    Attributes:
        size: (H, W).
        channels: 1 (grey) or 3 (RGB).
        codec: `raw` pixels or `jpeg`.
    """

    size: tuple[int, int]
    channels: int
    codec: Codec

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}x{self.channels} {self.codec}"


@dataclass(frozen=True, slots=True)
class DecodedClipFacts:
    """The record of a decoded clip (see `reader.Clip`).

    Attributes:
        stamp: size and time of change of the source's files, by which a later run knows it again without hashing.
        recipe: digest of everything else that the stored clip depends on.
        stored_bytes: length of the frames file.
        location: digest of the source's absolute path.
    """

    name: str
    scene: str
    split: Split
    fps: float
    num_frames: int
    source: str
    sha256: str
    stamp: str
    recipe: str
    stored_bytes: int
    location: str = ""


@dataclass(frozen=True, slots=True)
class DecodedClip:
    """A decoded clip: its folder and its record."""

    folder: Path
    facts: DecodedClipFacts

    @property
    def frames(self) -> Path:
        """Its frames, end to end."""
        return self.folder / f"{draft_key(self.facts.name)}.frames"

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Those it has of `lengths` (n,) int64 of JPEG frames in bytes, `labels`, packed `masks`, `variants/NAME`."""
        if not self._npz.exists():
            return {}
        with np.load(self._npz, allow_pickle=False) as stored:
            return dict(stored)

    @property
    def _npz(self) -> Path:
        return self.folder / f"{draft_key(self.facts.name)}.npz"


def draft_key(name: str) -> str:
    """A file name for a clip of any name."""
    return hashlib.sha256(name.encode()).hexdigest()[:20]


def draft_folder(cache: Path) -> Path:
    """The folder of the decoded clips of a cache in the making."""
    return cache.with_name(f".{cache.name}.draft")


def find_decoded(folder: Path, name: str) -> DecodedClip | None:
    """A clip as an earlier run decoded it, if it is whole."""
    try:
        facts = DecodedClipFacts(**json.loads((folder / f"{draft_key(name)}.json").read_text(encoding="utf-8")))
        clip = DecodedClip(folder, facts)
        return clip if clip.frames.stat().st_size == facts.stored_bytes else None
    except (OSError, ValueError, TypeError):
        return None


class DecodedClipWriter:
    """Writes one clip; leaves nothing behind unless `finish` was reached."""

    def __init__(self, folder: Path, name: str, form: CacheFormat, quality: int) -> None:
        self._folder, self._name, self._form = folder, name, form
        self._quality = [cv2.IMWRITE_JPEG_QUALITY, quality]
        self._frames = folder / f"{draft_key(name)}.frames"
        self._file = self._frames.open("wb", buffering=WRITE_BUFFER)
        self._lengths: list[int] = []
        self._finished = False

    @property
    def num_frames(self) -> int:
        """Frames written so far."""
        return len(self._lengths)

    def write(self, image: Image) -> None:
        """Add a frame, (H, W, C) uint8."""
        data: Any = np.ascontiguousarray(image).data
        if self._form.codec == "jpeg":
            data = encode_jpeg(image, self._quality).data
        self._file.write(data)
        self._lengths.append(data.nbytes)

    def finish(self, facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> DecodedClip:
        """Close the files and say that they are complete.

        Args:
            facts: the fields of `DecodedClipFacts` but for name, num_frames and stored_bytes.
            arrays: labels, masks and variants, as `DecodedClip.arrays` gives them back.
        """
        self._file.close()
        done = DecodedClipFacts(name=self._name, num_frames=self.num_frames, stored_bytes=sum(self._lengths), **facts)
        clip = DecodedClip(self._folder, done)
        stem = self._folder / draft_key(self._name)
        stored: dict[str, Any] = dict(arrays)
        if self._form.codec == "jpeg":
            stored["lengths"] = np.array(self._lengths, dtype=np.int64)
        stem.with_suffix(".npz").unlink(missing_ok=True)
        if stored:
            np.savez(stem.with_suffix(".npz"), **stored)
        stem.with_suffix(".tmp").write_text(json.dumps(asdict(done)), encoding="utf-8")
        stem.with_suffix(".tmp").replace(stem.with_suffix(".json"))
        self._finished = True
        return clip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            with suppress(OSError):  # a full disk fails again when the buffer is flushed
                self._file.close()
            for suffix in (".frames", ".npz", ".tmp", ".json"):
                self._frames.with_suffix(suffix).unlink(missing_ok=True)


def encode_jpeg(image: Image, quality: list[int]) -> npt.NDArray[np.uint8]:
    """JPEG bytes, (n,), of a frame (H, W, C), grey or RGB."""
    picture = image if image.shape[2] == 1 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    written, data = cv2.imencode(".jpg", picture, quality)
    if not written:
        raise FootageError("a frame could not be written as JPEG. Use --codec raw.")
    return np.asarray(data, dtype=np.uint8).reshape(-1)
