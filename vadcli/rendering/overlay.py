"""Heat, boxes and captions drawn on a frame, readable without colour vision."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.frames import Frame, Image
from vadcli.footage.opencv import cv2
from vadcli.scoring.events import Region

Heat: TypeAlias = NDArray[np.float32]

# Heat in worst patches of a typical frame: where drawing begins, and where it is at full strength.
_LEAST_HEAT, _FULL_HEAT = 0.5, 4.0
_OPACITY = 0.65
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def picture_of(frame: Frame) -> Image:
    """What a frame is drawn on, (H, W, 3) RGB: its own picture if it was kept, else what the network saw."""
    if frame.original is not None:
        return frame.original
    return np.ascontiguousarray(np.broadcast_to(frame.image, (*frame.image.shape[:2], 3)))


def strength(heat: Heat) -> Heat:
    """How strongly heat is drawn, in [0, 1], by its logarithm: 1 from four times a typical worst patch.

    >>> strength(np.array([[0.1, 0.5, 1.0, 4.0, 99.0]], np.float32)).astype(float).round(2).tolist()
    [[0.0, 0.0, 0.33, 1.0, 1.0]]
    """
    share = np.log(np.maximum(heat, _LEAST_HEAT) / _LEAST_HEAT) / np.log(_FULL_HEAT / _LEAST_HEAT)
    drawn: Heat = np.clip(share, 0, 1).astype(np.float32)
    return drawn


def draw_heat(picture: Image, heat: Heat) -> Image:
    """A copy of a picture with heat laid over it: brighter and more opaque where it is stranger.

    Args:
        picture: (H, W, 3) RGB.
        heat: (h, w), smoothed over a patch's quarter and brought to (H, W).
    """
    side = max(3, heat.shape[0] // 32) | 1
    calm = cv2.GaussianBlur(heat, (side * 2 + 1, side * 2 + 1), 0)
    height, width = picture.shape[:2]
    drawn = cv2.resize(strength(np.asarray(calm, np.float32)), (width, height), interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((np.asarray(drawn) * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    opacity = (np.minimum(np.asarray(drawn) * 3, 1) * _OPACITY)[..., None]
    mixed: Image = (picture * (1 - opacity) + colours * opacity).round().astype(np.uint8)
    return mixed


def draw_box(picture: Image, box: Region, source_size: tuple[int, int]) -> None:
    """Outline a region in place, white within black.

    Args:
        picture: (H, W, 3).
        box: x, y, width, height in the source's pixels.
        source_size: height and width of the source.
    """
    down, across = picture.shape[0] / source_size[0], picture.shape[1] / source_size[1]
    x, y, w, h = box
    first = (round(x * across), round(y * down))
    last = (max(round((x + w) * across) - 1, first[0]), max(round((y + h) * down) - 1, first[1]))
    thick = max(1, round(min(picture.shape[:2]) / 200))
    cv2.rectangle(picture, first, last, (0, 0, 0), 3 * thick)
    cv2.rectangle(picture, first, last, (255, 255, 255), thick)


def write_text(picture: Image, text: str, corner: tuple[int, int], height: int) -> None:
    """Write ASCII text in place, white on a darkened ground.

    Args:
        picture: (H, W, 3).
        text: what to write.
        corner: x, y of its lower left.
        height: of a capital letter in pixels; smaller where the text would not fit.
    """
    scale = height / 21  # the font's capitals are 21 pixels high
    width = cv2.getTextSize(text, _FONT, scale, 1)[0][0]
    scale *= min(1.0, (picture.shape[1] - corner[0] - 4) / max(width, 1))
    width, tall = cv2.getTextSize(text, _FONT, scale, 1)[0]
    top, left = max(corner[1] - tall - 4, 0), max(corner[0] - 4, 0)
    ground = picture[top : corner[1] + tall // 2, left : corner[0] + width + 4]
    ground[:] = ground // 4
    cv2.putText(picture, text, corner, _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
