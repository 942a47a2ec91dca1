"""Pixel masks as data sets publish them, packed eight pixels a byte at the size of the cache."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError
from vadcli.footage.layouts.label_files import read_npy
from vadcli.footage.matlab import load_mat
from vadcli.footage.naming import images_in
from vadcli.footage.opencv import cv2
from vadcli.footage.pictures import read_picture

MOST_BYTES = 1 << 30  # of the packed masks of a clip
Mask = npt.NDArray[Any]  # (h, w), anything but 0 is abnormal


@dataclass(frozen=True)
class MaskFolder:
    """A picture a frame."""

    origin: Path

    def masks(self) -> Iterator[Mask]:
        """One mask a frame, in natural order of the files."""
        for file in images_in(self.origin):
            mask = read_picture(file, cv2.IMREAD_GRAYSCALE)
            yield mask > 127 if mask.max() > 127 else mask > 0  # 0 and 255 with JPEG's noise between, or 0 and 1


@dataclass(frozen=True)
class MaskMatlab:
    """Avenue's `volLabel`: a cell of 1 x n masks."""

    origin: Path

    def masks(self) -> Sequence[Mask]:
        """One mask a frame."""
        content = load_mat(self.origin)
        if "volLabel" not in content:
            raise FootageError(f"{self.origin}: no variable `volLabel` in it. Use Avenue's testing_label_mask.")
        volume = content["volLabel"]
        if volume.dtype == object:
            return list(volume.reshape(-1))
        return list(np.moveaxis(volume, -1, 0)) if volume.ndim == 3 else [volume]


@dataclass(frozen=True)
class MaskArray:
    """A `.npy` of (n, h, w)."""

    origin: Path

    def masks(self) -> Sequence[Mask]:
        """One mask a frame."""
        array = read_npy(self.origin)
        if array.ndim != 3:
            raise FootageError(f"{self.origin}: masks of shape {array.shape}; expected frames x height x width.")
        return list(array)


@dataclass(frozen=True)
class MaskPacked:
    """A `.npz` of `masks` (n, h, ceil(w / 8)), eight pixels a byte along the width, and `shape` (n, h, w)."""

    origin: Path

    def masks(self) -> Sequence[Mask]:
        """One mask a frame."""
        try:
            with ZipFile(self.origin) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                    raise ValueError("larger than masks of any clip")
            with self.origin.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                _, _, width = (int(side) for side in stored["shape"])
                return list(np.unpackbits(stored["masks"], axis=2, count=width))
        except Exception as error:  # numpy has no error of its own for damage
            raise FootageError(f"{self.origin}: no masks that can be read. Make the scenes again.") from error


MaskTrack: TypeAlias = MaskFolder | MaskMatlab | MaskArray | MaskPacked


def packed_masks(
    track: MaskTrack, count: int, size: tuple[int, int], clip: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Masks at the size of the cache, by the nearest pixel, and which frames have one at their own.

    Args:
        track: masks at their own size.
        count: frames of the clip.
        size: (H, W) of the result.
        clip: named in errors.

    Returns:
        (count, ceil(H*W / 8)) uint8, `numpy.packbits` of each frame's pixels; and (count,) uint8, 1 where a frame has
        abnormal pixels, also those of an object so small that none is left at the size of the cache.

    Raises:
        FootageError: when there is not one mask for each frame.
    """
    height, width = size
    rows: list[npt.NDArray[np.uint8]] = []
    abnormal: list[bool] = []
    for mask in track.masks():
        pixels = np.asarray(mask)
        if pixels.ndim != 2 or not pixels.size or pixels.dtype.kind not in "biuf":
            what = f"{pixels.shape} {pixels.dtype}"
            raise FootageError(f"{clip}: mask {len(rows)} in {track.origin} is no picture: {what}. Fetch it again.")
        bits = (pixels != 0).astype(np.uint8)
        abnormal.append(bool(bits.any()))
        rows.append(np.packbits(cv2.resize(bits, (width, height), interpolation=cv2.INTER_NEAREST)))
    if len(rows) != count:
        off = abs(len(rows) - count)
        raise FootageError(
            f"{clip}: {len(rows)} masks in {track.origin} for {count} frames, "
            f"{off} too {'many' if len(rows) > count else 'few'}. Use the masks of this footage."
        )
    return np.stack(rows), np.array(abnormal, dtype=np.uint8)
