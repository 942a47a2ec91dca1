"""Pixel masks as data sets publish them, packed eight pixels a byte at the size of the cache."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
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


def masks_of(origin: Path) -> Iterable[Mask]:
    """Masks, one a frame.

    They are read from a folder with a picture a frame; Avenue's `.mat`, of which `volLabel` is a cell of masks; a
    `.npy` of (n, h, w); or a `.npz` of `masks` (n, h, ceil(w / 8)), packed along the width, and `shape` (n, h, w).

    Raises:
        FootageError: when it holds no masks.
    """
    match origin.suffix.lower() if origin.is_file() else "":
        case ".mat":
            content = load_mat(origin)
            if "volLabel" not in content:
                raise FootageError(f"{origin}: no variable `volLabel` in it. Use Avenue's testing_label_mask.")
            volume = content["volLabel"]
            if volume.dtype == object:
                return list(volume.reshape(-1))
            return np.moveaxis(volume, -1, 0) if volume.ndim == 3 else [volume]
        case ".npy":
            if (array := read_npy(origin)).ndim != 3:
                raise FootageError(f"{origin}: masks of shape {array.shape}; expected frames x height x width.")
            return array
        case ".npz":
            return _unpacked(origin)
    return map(_picture, images_in(origin))


def _unpacked(origin: Path) -> Mask:
    try:
        with ZipFile(origin) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError("larger than masks of any clip")
        with origin.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            _, _, width = (int(side) for side in stored["shape"])
            return np.unpackbits(stored["masks"], axis=2, count=width)
    except Exception as error:  # numpy has no error of its own for damage
        raise FootageError(f"{origin}: no masks that can be read. Make the scenes again.") from error


def _picture(file: Path) -> Mask:
    mask = read_picture(file, cv2.IMREAD_GRAYSCALE)
    return mask > 127 if mask.max() > 127 else mask > 0  # 0 and 255 with JPEG's noise between, or 0 and 1


def packed_masks(
    origin: Path, count: int, size: tuple[int, int], clip: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Masks at the size of the cache, by the nearest pixel, and which frames have one at their own.

    Args:
        origin: as for `masks_of`.
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
    for mask in masks_of(origin):
        pixels = np.asarray(mask)
        if pixels.ndim != 2 or not pixels.size or pixels.dtype.kind not in "biuf":
            what = f"{pixels.shape} {pixels.dtype}"
            raise FootageError(f"{clip}: mask {len(rows)} in {origin} is no picture: {what}. Fetch it again.")
        bits = (pixels != 0).astype(np.uint8)
        abnormal.append(bool(bits.any()))
        rows.append(np.packbits(cv2.resize(bits, (width, height), interpolation=cv2.INTER_NEAREST)))
    if len(rows) != count:
        off = abs(len(rows) - count)
        raise FootageError(
            f"{clip}: {len(rows)} masks in {origin} for {count} frames, "
            f"{off} too {'many' if len(rows) > count else 'few'}. Use the masks of this footage."
        )
    return np.stack(rows), np.array(abnormal, dtype=np.uint8)
