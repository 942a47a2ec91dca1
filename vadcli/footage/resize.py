"""Pictures → views, and views → the network's images: every size and colour that a frame has on its way."""

from typing import Any

import numpy as np
import numpy.typing as npt

from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2

MOST_HEIGHT, MOST_WIDTH = 256, 4096  # of a view


def view_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the view of a picture: a multiple of 32, at most 256, and one of 8, at most 4096.

    >>> view_size(240, 360), view_size(1080, 1920), view_size(16, 16)
    ((256, 384), (256, 456), (32, 32))
    """
    tall = min(MOST_HEIGHT, 32 * max(1, round(height / 32)))
    return tall, min(MOST_WIDTH, 8 * max(1, round(width * tall / height / 8)))


def view_of(picture: Image, size: tuple[int, int]) -> Image:
    """A picture (h, w, 3) at the size (H, W) of its view, contiguous.

    Halved by means of 2 x 2 pixels as long as it is twice as large, then bilinear: within a grey level or two of
    OpenCV's area interpolation, which takes ten times as long.
    """
    height, width = size
    while picture.shape[0] >= 2 * height and picture.shape[1] >= 2 * width:
        rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
        even = picture[: 2 * rows, : 2 * columns]
        picture = np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(resized(picture, height, width))


def network_image(view: Image, size: tuple[int, int], channels: int) -> Image:
    """A view (h, w, 3) as the network reads it: (H, W, channels) uint8, bilinear; grey by ITU-R BT.601."""
    image = resized(view, *size)
    if channels == 1:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, None]
    return image


def resized(picture: Image, height: int, width: int) -> Image:
    """A picture at another size, bilinear; the same one where it has that size."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def rgb_of(decoded: npt.NDArray[Any]) -> Image:
    """A picture as OpenCV decodes it, (h, w) grey, BGR or BGRA, uint8 or uint16, as (h, w, 3) uint8 RGB.

    Sixteen bits become eight by their full range; alpha is dropped.
    """
    if decoded.dtype == np.uint16:
        decoded = (decoded // 257).astype(np.uint8)
    have = 1 if decoded.ndim == 2 else decoded.shape[2]
    code = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}[have]
    return np.asarray(cv2.cvtColor(decoded, code), np.uint8)
