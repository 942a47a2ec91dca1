"""The frame cache as it is read: clips by their names, from one file, by plain reads of its bytes."""

import math
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError
from vadcli.footage.cache.hdf5 import MANIFEST, find_arrays
from vadcli.footage.cache.manifest import DTYPES, Clip, Manifest, NoCacheError, StoredClip
from vadcli.footage.frames import Image
from vadcli.footage.naming import shorten
from vadcli.footage.opencv import cv2

AGAIN = "Prepare the footage again, into another file."
MOST_MANIFEST_BYTES = 1 << 28
_NOT_FINITE = 0x7C00  # the exponent of infinities and NaN
_OF_HDF5 = (OSError, EOFError, KeyError, IndexError, TypeError, ValueError, RuntimeError, ArithmeticError)


class Cache:
    """Frames, times, cue maps, labels and masks of every clip; nothing is read before it is asked for.

    Safe to hand to another process or thread.

    Attributes:
        path: of the HDF5 file.
        form: of all frames; `size` (H, W), `channels` and `codec` are its own.
        clips: in the order they were prepared.
    """

    def __init__(self, path: Path, file: int, manifest: Manifest, offsets: dict[str, int]) -> None:
        """Of an open file, which is closed with it, whose manifest agrees with its arrays; use `open_cache`."""
        self.path, self.form, self.clips = path, manifest.frames, manifest.clips
        self.size, self.channels, self.codec = self.form.size, self.form.channels, self.form.codec
        self._file, self._closed = file, weakref.finalize(self, os.close, file)
        self._offsets, self._starts = offsets, manifest.starts()
        self._numbers = {clip.name: number for number, clip in enumerate(manifest.clips)}
        self._ends: dict[str, npt.NDArray[np.int64]] = {}
        self._has_cues: dict[str, npt.NDArray[np.uint8]] = {}

    def clip(self, name: str) -> Clip:
        """The clip of that name.

        Raises:
            FootageError: when the cache holds no such clip.
        """
        if name not in self._numbers:
            raise FootageError(f"{self.path}: no clip {name}. It holds: {shorten([clip.name for clip in self.clips])}.")
        return self.clips[self._numbers[name]]

    def frames(self, name: str, start: int = 0, stop: int | None = None) -> Image:
        """Frames `start` to `stop` (excluded) of a clip, (n, H, W, C) uint8."""
        start, stop = self._range(name, start, stop)
        shape = (stop - start, *self.size, self.channels)
        if self.codec == "raw":
            size = self.form.frame_bytes
            return self._read(name, "frames", start * size, (stop - start) * size).reshape(shape)
        if name not in self._ends:
            self._ends[name] = self._ends_of(name)
        ends = self._ends[name][start : stop + 1]  # of the frame before it, too
        data = self._read(name, "frames", int(ends[0]), int(ends[-1] - ends[0]))
        frames = np.empty(shape, np.uint8)
        for frame, begin, end in zip(frames, ends[:-1] - ends[0], ends[1:] - ends[0], strict=True):
            frame[...] = self._decoded(name, data[begin:end])
        return frames

    def timeline(self, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Of a clip's frames (n,): numbers in the source, times in seconds, and whether frames are missing before."""
        indices, times_s, gaps = (self._read(name, array) for array in ("indices", "times_s", "gaps"))
        if not (np.isfinite(times_s).all() and (np.diff(times_s) > 0).all() and (np.diff(indices) > 0).all()):
            raise self._damaged(name)
        return indices, times_s, gaps.astype(np.bool_)

    def cues(self, name: str, number: int) -> dict[str, npt.NDArray[np.float16]] | None:
        """Cue maps of one frame by name; None where it has none."""
        clip, _ = self.clip(name), self._range(name, number, number + 1)
        if name not in self._has_cues:
            self._has_cues[name] = self._read(name, "has_cues")
        if not clip.cues or not self._has_cues[name][number]:
            return None
        row = self._read(name, "cues", number * clip.cue_numbers, clip.cue_numbers)
        if (row.view(np.uint16) & _NOT_FINITE == _NOT_FINITE).any():
            raise self._damaged(name)
        maps, at = dict[str, npt.NDArray[np.float16]](), 0
        for each, shape in clip.cues.items():
            maps[each] = row[at : at + math.prod(shape)].reshape(shape)
            at += maps[each].size
        return maps

    def labels(self, name: str, variant: str | None = None) -> npt.NDArray[np.uint8] | None:
        """Labels of a clip's frames, (n,), 1 = abnormal, or one of its `label_variants`; None where it has none.

        Raises:
            FootageError: when the clip has labels, but not this variant of them.
        """
        clip = self.clip(name)
        if not clip.has_labels:
            return None
        if variant is not None and variant not in clip.label_variants:
            has = ", ".join(clip.label_variants) or "no other"
            raise FootageError(f"{self.path}: clip {name} has no label variant {variant}. Variants here: {has}.")
        place = 0 if variant is None else 1 + clip.label_variants.index(variant)
        labels = self._read(name, "labels", place * clip.num_frames, clip.num_frames)
        if (labels > 1).any():
            raise self._damaged(name)
        return labels

    def masks(self, name: str, start: int = 0, stop: int | None = None) -> npt.NDArray[np.bool_] | None:
        """Abnormal pixels of frames `start` to `stop` (excluded), (n, H, W); None where the clip has no masks."""
        if not self.clip(name).has_masks:
            return None
        start, stop = self._range(name, start, stop)
        size = self.form.mask_bytes
        packed = self._read(name, "masks", start * size, (stop - start) * size).reshape(-1, size)
        pixels = np.unpackbits(packed, axis=1, count=self.size[0] * self.size[1])
        return pixels.reshape(-1, *self.size).astype(np.bool_)

    def stored(self, name: str) -> StoredClip:
        """A clip as another cache takes it over."""
        return StoredClip(self.clip(name), lambda array: (self.path, *self._region(name, array)))

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        self._file = -1
        self._closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        return open_cache, (self.path,)

    def _region(self, name: str, array: str) -> tuple[int, int]:
        """First byte in the file of a clip's part of an array, and the number of bytes."""
        begin, end = self._starts[array][self._numbers[name] :][:2]
        size = DTYPES[array].itemsize
        return self._offsets.get(array, 0) + begin * size, (end - begin) * size

    def _range(self, name: str, start: int, stop: int | None) -> tuple[int, int]:
        count = self.clip(name).num_frames
        stop = count if stop is None else stop
        if not 0 <= start <= stop <= count:
            raise ValueError(f"frames {start} to {stop} of clip {name}, which has {count}")
        return start, stop

    def _read(self, name: str, array: str, start: int = 0, count: int | None = None) -> npt.NDArray[Any]:
        """Items of a clip's part of an array."""
        self.clip(name)
        begin, size = self._region(name, array)
        dtype = DTYPES[array]
        values = np.empty(size // dtype.itemsize - start if count is None else count, dtype)
        with _telling(self.path):
            _read_into(self._file, values, begin + start * dtype.itemsize)
        return values

    def _ends_of(self, name: str) -> npt.NDArray[np.int64]:
        """Where each JPEG of a clip begins, and the last ends, (n + 1,)."""
        ends = np.concatenate([np.zeros(1, np.int64), self._read(name, "ends")])
        if (np.diff(ends) < 0).any() or ends[-1] != self.clip(name).stored_bytes:
            raise self._damaged(name)
        return ends

    def _decoded(self, name: str, data: npt.NDArray[np.uint8]) -> Image:
        """A stored JPEG as (H, W, C), grey or RGB."""
        picture = None
        with suppress(cv2.error):  # more pixels than OpenCV takes
            picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if self.channels == 1 else cv2.IMREAD_COLOR)
        if picture is None or picture.shape[:2] != self.size:
            raise self._damaged(name)
        if self.channels == 1:
            return np.asarray(picture, np.uint8)[:, :, None]
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

    def _damaged(self, name: str) -> FootageError:
        return FootageError(f"{self.path}: clip {name} is damaged. {AGAIN}")


def open_cache(path: Path | str) -> Cache:
    """A cache for reading.

    Raises:
        FootageError: when it is missing, no HDF5 file, no cache of ours, or of another version.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder, not a cache" if path.is_dir() else "not found"
        raise FootageError(f"{path}: {what}. Make a cache with `vad prepare SOURCE --out {path.stem or 'C'}.h5`.")
    with _telling(path):
        file = os.open(path, os.O_RDONLY)
        try:
            return _opened(path, file)
        except BaseException:
            os.close(file)
            raise


def _opened(path: Path, file: int) -> Cache:
    try:
        found = find_arrays(file)
        offset, length = found.pop(MANIFEST)
        if length > MOST_MANIFEST_BYTES:
            raise NoCacheError(f"a manifest of {length:,} bytes")
        data = np.empty(length, np.uint8)
        _read_into(file, data, offset)
        manifest = Manifest.from_json(data.tobytes())
        for array, starts in manifest.starts().items():
            if (length := found.get(array, (0, 0))[1]) != starts[-1]:
                raise NoCacheError(f"'{array}' has {length:,} items, and its clips {starts[-1]:,}")
    except NoCacheError as error:
        raise FootageError(f"{path}: {error}. {AGAIN}") from error
    return Cache(path, file, manifest, {array: offset for array, (offset, _) in found.items()})


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Errors of reading in one line: the system's by its own words, and damage as such.

    Raises:
        FootageError: for either.
    """
    try:
        yield
    except PermissionError as error:
        raise FootageError(f"{path}: may not be read. Check its permissions.") from error
    except _OF_HDF5 as error:
        if isinstance(error, OSError) and error.errno:
            raise FootageError(f"{path}: cannot be read: {os.strerror(error.errno).lower()}. Try again.") from error
        raise FootageError(f"{path}: no HDF5 file, or a damaged one, so no cache. {AGAIN}") from error


def _read_into(file: int, values: npt.NDArray[Any], at: int) -> None:
    """Fill an array with bytes of a file; from any thread or process that has it open.

    Raises:
        EOFError: when the file ends before.
    """
    view, done = values.view(np.uint8).data, 0
    while done < len(view):
        got = os.preadv(file, [view[done:]], at + done)
        if not got:
            raise EOFError
        done += got
