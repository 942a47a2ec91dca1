"""The frame cache as it is read: an HDF5 file of clips, opened lazily, once in every process that uses it."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import h5py
import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError
from vadcli.footage.cache.heap import check_collections, checked_hdf5
from vadcli.footage.cache.layout import (
    FORMAT,
    READ,
    VERSION,
    Codec,
    additions,
    clip_group,
    clip_groups,
    why_no_cache,
    why_no_row,
)
from vadcli.footage.cache.uncommitted import PAGE_BYTES
from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2
from vadcli.footage.strangers import open_hdf5

AGAIN = "Prepare the footage again."
_OF_HDF5 = (OSError, KeyError, IndexError, TypeError, ValueError, RuntimeError, ArithmeticError)  # damage, mostly
Split = Literal["train", "test"]
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Clip:
    """A cache's record of one clip.

    Attributes:
        name: unique in the cache: `SCENE/CLIP`, or `SCENE/SPLIT/CLIP` for benchmarks.
        scene: whose camera it is.
        split: `train` (normal footage) or `test`.
        fps: frames a second, after thinning.
        num_frames: how many.
        has_labels: whether frames are labelled normal or abnormal.
        has_masks: whether abnormal pixels are marked.
        source: name of the file or folder that it came from.
        sha256: of the source's bytes.
        label_variants: names of further label sets (see `Cache.labels`).
    """

    name: str
    scene: str
    split: Split
    fps: float
    num_frames: int
    has_labels: bool
    has_masks: bool
    source: str
    sha256: str
    label_variants: tuple[str, ...] = ()


class Cache:
    """Frames, labels and masks of every clip; nothing is read before it is asked for.

    Safe to hand to another process or thread: each process opens the file for itself.

    Attributes:
        path: of the HDF5 file.
        size: (H, W) of all frames.
        channels: 1 (grey) or 3 (RGB).
        codec: `raw` or `jpeg`.
        clips: complete clips, in the order they were prepared.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        channels: int,
        codec: Codec,
        clips: tuple[Clip, ...],
    ) -> None:
        """Hold what `open_cache` found.

        Args:
            path: as the attribute.
            size: as the attribute.
            channels: as the attribute.
            codec: as the attribute.
            clips: as the attribute.
        """
        self.path, self.size, self.channels, self.codec, self.clips = path, size, channels, codec, clips
        self._by_name = {clip.name: clip for clip in clips}
        self._open: tuple[int, h5py.File, list[h5py.Group], dict[str, Any]] | None = None
        self._held: dict[str, Image] = {}

    def hold(self, limit_bytes: int) -> bool:
        """Keep all frames decoded in memory from now on, if they take at most `limit_bytes`.

        Returns:
            whether they do.
        """
        frame_bytes = self.size[0] * self.size[1] * self.channels
        if sum(clip.num_frames for clip in self.clips) * frame_bytes > limit_bytes:
            return False
        self._held = {clip.name: self.frames(clip.name) for clip in self.clips}
        return True

    def clip(self, name: str) -> Clip:
        """The clip of that name.

        Raises:
            FootageError: when the cache holds no such clip.
        """
        if name not in self._by_name:
            raise FootageError(f"{self.path}: no clip {name}. It holds: {shorten([clip.name for clip in self.clips])}.")
        return self._by_name[name]

    def frames(self, name: str, start: int = 0, stop: int | None = None) -> Image:
        """Frames `start` to `stop` (excluded) of a clip, (n, H, W, C) uint8."""
        start, stop = self._range(name, start, stop)
        if name in self._held:
            return self._held[name][start:stop]
        with self._reading(name):
            stored = self._dataset(name, "frames")
            if self.codec == "raw":
                return np.asarray(stored[start:stop])
            check_collections(stored, start, stop)
            frames = np.empty((stop - start, *self.size, self.channels), dtype=np.uint8)
            for frame, data in zip(frames, stored[start:stop] if stop > start else (), strict=True):
                frame[...] = decode_jpeg(data, self.size, self.channels)
            return frames

    def labels(self, name: str, variant: str | None = None) -> npt.NDArray[np.uint8] | None:
        """Labels of a clip's frames, (n,), 1 = abnormal; None where it has none.

        Args:
            name: of the clip.
            variant: one of the clip's `label_variants` instead of the usual labels.

        Raises:
            FootageError: when the clip has labels, but not this variant of them.
        """
        clip = self.clip(name)
        if not clip.has_labels:
            return None
        if variant is not None and variant not in clip.label_variants:
            has = ", ".join(clip.label_variants) or "no other"
            raise FootageError(f"{self.path}: clip {name} has no label variant {variant}. Variants here: {has}.")
        with self._reading(name):
            return np.asarray(self._dataset(name, "labels" if variant is None else f"variants/{variant}")[:])

    def masks(self, name: str, start: int = 0, stop: int | None = None) -> npt.NDArray[np.bool_] | None:
        """Abnormal pixels of frames `start` to `stop` (excluded), (n, H, W); None where the clip has no masks."""
        if not self.clip(name).has_masks:
            return None
        start, stop = self._range(name, start, stop)
        with self._reading(name):
            stored = self._dataset(name, "masks")
            if why := why_no_row(stored, start, stop):
                raise ValueError(why)
            packed = stored[start:stop]
        pixels = np.unpackbits(packed, axis=1, count=self.size[0] * self.size[1])
        return pixels.reshape(-1, *self.size).astype(np.bool_)

    def close(self) -> None:
        """Close this process's handle; reading again reopens it."""
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
        self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None, "_held": {}}

    def _range(self, name: str, start: int, stop: int | None) -> tuple[int, int]:
        count = self.clip(name).num_frames
        stop = count if stop is None else stop
        if not 0 <= start <= stop <= count:
            raise ValueError(f"frames {start} to {stop} of clip {name}, which has {count}")
        return start, stop

    def _reading(self, name: str) -> AbstractContextManager[None]:
        return _telling(self.path, f"clip {name} is damaged")

    def _opened(self) -> tuple[h5py.File, list[h5py.Group]]:
        file = open_hdf5(self.path)
        try:
            return file, additions(file)
        except BaseException:
            file.close()  # HDF5 takes what it knows of a file that is open for a file that is opened again
            raise

    def _dataset(self, name: str, what: str) -> Any:
        """An HDF5 dataset of a clip, by this process's own handle."""
        if self._open is None or self._open[0] != os.getpid():
            self._open = (os.getpid(), *_while_it_grows(self.path, self._opened), {})
        _, _, roots, found = self._open
        key = f"{name}/{what}"
        if key not in found:
            found[key] = clip_group(roots, name)[what]
        return found[key]


def open_cache(path: Path | str) -> Cache:
    """A cache for reading.

    Raises:
        FootageError: when it is missing, no HDF5 file, no cache of ours, or of another version.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder, not a cache" if path.is_dir() else "not found"
        raise FootageError(f"{path}: {what}. Make a cache with `vad prepare SOURCE --out {path.name or 'C.h5'}`.")
    with _telling(path, "no HDF5 file, or a damaged one, so no cache"):
        return _while_it_grows(path, lambda: _found(path))


def _found(path: Path) -> Cache:
    with checked_hdf5(path) as file:
        attributes = dict(file.attrs)
        if attributes.get("format") != FORMAT:
            raise FootageError(f"{path}: an HDF5 file, but no cache of vad. Make one with `vad prepare`.")
        version = int(attributes.get("version", -1))
        if version not in READ:
            raise FootageError(f"{path}: cache version {version}; this vad reads up to version {VERSION}. {AGAIN}")
        if problem := why_no_cache(file, path.stat().st_size):
            raise FootageError(f"{path}: {problem}. {AGAIN}")
        size = int(attributes["size"][0]), int(attributes["size"][1])
        codec: Codec = "jpeg" if attributes["codec"] == "jpeg" else "raw"
        clips = tuple(_read_clip(name, group) for _, name, group in clip_groups(file))
        return Cache(path, size, int(attributes["channels"]), codec, clips)


def _while_it_grows(path: Path, read: Callable[[], _Read]) -> _Read:
    """The result of `read`, called again where clips were added meanwhile: HDF5 reads the first page more than once."""
    while True:
        head = _head(path)
        try:
            return read()
        except _OF_HDF5:
            if _head(path) == head:
                raise


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(PAGE_BYTES)


@contextmanager
def _telling(path: Path, damaged: str) -> Iterator[None]:
    """Errors of HDF5 in one line: the system's by its own words, and damage as such.

    Raises:
        FootageError: for either.
    """
    try:
        yield
    except MemoryError:
        raise
    except _OF_HDF5 as error:
        if isinstance(error, PermissionError):
            raise FootageError(f"{path}: may not be read. Check its permissions.") from error
        if isinstance(error, OSError) and error.errno:
            raise FootageError(f"{path}: cannot be read: {os.strerror(error.errno).lower()}. Try again.") from error
        raise FootageError(f"{path}: {damaged}. Make one with `vad prepare SOURCE --out C.h5`.") from error


def decode_jpeg(data: npt.NDArray[np.uint8], size: tuple[int, int], channels: int) -> Image:
    """A stored JPEG as (H, W, C), grey or RGB.

    Raises:
        FootageError: when it is damaged, or of another size.
    """
    flags = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
    try:
        picture = cv2.imdecode(np.ascontiguousarray(data), flags) if len(data) else None
    except cv2.error:  # more pixels than OpenCV takes
        picture = None
    if picture is None or picture.shape[:2] != size:
        got = "" if picture is None else f": {picture.shape[0]}x{picture.shape[1]}, not {size[0]}x{size[1]}"
        raise FootageError(f"a JPEG frame in this cache is damaged{got}. {AGAIN}")
    if channels == 1:
        return np.asarray(picture, dtype=np.uint8)[:, :, None]
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def shorten(names: list[str], most: int = 8) -> str:
    """A list of names, cut to what fits a line."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "nothing"


def _read_clip(name: str, group: h5py.Group) -> Clip:
    attributes = group.attrs
    return Clip(
        name=name,
        scene=str(attributes["scene"]),
        split="test" if attributes["split"] == "test" else "train",
        fps=float(attributes["fps"]),
        num_frames=len(group["frames"]),
        has_labels="labels" in group,
        has_masks="masks" in group,
        source=str(attributes["source"]),
        sha256=str(attributes["sha256"]),
        label_variants=tuple(group["variants"]) if "variants" in group else (),
    )
