"""Heat, boxes and captions drawn on a frame, readable without colour vision."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.frames import Frame, Image
from vadcli.footage.opencv import cv2
from vadcli.scoring.boxes import Box
from vadcli.scoring.events import Region

Heat: TypeAlias = NDArray[np.float32]

# Heat is drawn from what is just usual, 1, to full strength; contours stand where it is far above.
_USUAL, _FULL_HEAT = 1.0, 4.0
_LEVELS = (2.0, 4.0)
_OPACITY = 0.45
_HEAT, _CONTOUR = (230, 60, 0), (255, 225, 60)  # RGB
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def picture_of(frame: Frame) -> Image:
    """The picture to draw on, (H, W, 3) RGB: the frame's own if it was kept, else the network's input."""
    if frame.original is not None:
        return frame.original
    return np.ascontiguousarray(np.broadcast_to(frame.image, (*frame.image.shape[:2], 3)))


def strength(heat: Heat) -> Heat:
    """Opacity of heat, in [0, 1]: 0 where heat is usual, 1 from four times that.

    >>> strength(np.array([[0.1, 1.0, 2.5, 4.0, 99.0]], np.float32)).astype(float).round(2).tolist()
    [[0.0, 0.0, 0.5, 1.0, 1.0]]
    """
    drawn: Heat = np.clip((heat - _USUAL) / (_FULL_HEAT - _USUAL), 0, 1).astype(np.float32)
    return drawn


def draw_heat(picture: Image, heat: Heat) -> Image:
    """A copy of a picture tinted by how far heat is above the usual, with contours at twice and four times that.

    Args:
        picture: (H, W, 3) RGB.
        heat: (h, w), brought to (H, W).
    """
    if float(heat.max()) <= _USUAL:
        return picture.copy()
    height, width = picture.shape[:2]
    side = max(1, heat.shape[0] // 32) | 1
    calm = cv2.GaussianBlur(heat, (side, side), 0) if side > 1 else heat
    smooth = np.asarray(cv2.resize(calm, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    opacity = strength(smooth) * np.float32(_OPACITY)
    tint = np.broadcast_to(np.array(_HEAT, np.uint8), picture.shape)
    mixed = np.asarray(cv2.blendLinear(picture, np.ascontiguousarray(tint), 1 - opacity, opacity), np.uint8)
    thick = max(1, round(min(height, width) / 300))
    for level in _LEVELS:
        lines, _ = cv2.findContours((smooth >= level).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(mixed, lines, -1, _CONTOUR, thick, cv2.LINE_AA)
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


def draw_boxes(picture: Image, boxes: Sequence[Box], source_size: tuple[int, int]) -> None:
    """Outline boxes in place and, where there are several, write the share of the heat into each."""
    for box in boxes:
        draw_box(picture, box.region, source_size)
    letters = max(8, min(picture.shape[:2]) // 45)
    for region, share in boxes if len(boxes) > 1 else ():
        x = round(region[0] * picture.shape[1] / source_size[1]) + 6
        y = round(region[1] * picture.shape[0] / source_size[0]) + letters + 8
        write_text(picture, f"{share:.0%}", (min(x, picture.shape[1] - 4 * letters), y), letters)


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
