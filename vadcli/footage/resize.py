"""Decoded pictures of any depth, channels and size → uint8 frames of the asked size, resized once."""

from typing import Any

import numpy as np
import numpy.typing as npt

from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2

Picture = npt.NDArray[Any]  # as OpenCV decodes: (h, w), (h, w, 1), BGR or BGRA; uint8 or uint16


def fit(picture: Picture, size: tuple[int, int], channels: int) -> Image:
    """A decoded picture at the size and with the channels of the network.

    Bilinear, as the paper reads its frames. Sixteen bits become eight by their full range; alpha is dropped;
    grey is repeated for RGB; RGB becomes grey by ITU-R BT.601.

    Args:
        picture: (h, w), (h, w, 1), BGR (h, w, 3) or BGRA (h, w, 4), uint8 or uint16.
        size: (H, W) of the result.
        channels: 1 or 3.

    Returns:
        (H, W, channels) uint8, grey or RGB, contiguous.
    """
    return np.ascontiguousarray(_recolour(_eight_bits(resized(picture, *size)), channels))


def resized(picture: Picture, height: int, width: int) -> Picture:
    """A picture at another size, bilinear; the same one where it has that size."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR))


def native(picture: Picture) -> Image:
    """A decoded picture as uint8 RGB (h, w, 3) at its own size."""
    return np.ascontiguousarray(_recolour(_eight_bits(picture), 3))


def _eight_bits(picture: Picture) -> Image:
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.uint16:
        return (picture // 257).astype(np.uint8)
    raise ValueError(f"pictures must be uint8 or uint16, got {picture.dtype}")


def _recolour(image: Image, channels: int) -> Image:
    """(H, W), (H, W, 1 | 3 | 4) in OpenCV's order → (H, W, channels)."""
    have = 1 if image.ndim == 2 else image.shape[2]
    if channels == 1:
        if have == 1:
            return image.reshape(*image.shape[:2], 1)
        code = cv2.COLOR_BGR2GRAY if have == 3 else cv2.COLOR_BGRA2GRAY
        return np.asarray(cv2.cvtColor(image, code), dtype=np.uint8)[:, :, None]
    code = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}[have]
    return np.asarray(cv2.cvtColor(image, code), dtype=np.uint8)
