"""Heat, boxes and captions drawn on a frame, readable without colour vision."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2
from vadcli.scoring.events import Box
from vadcli.scoring.observing import Observation
from vadcli.scoring.regions import Region

Heat: TypeAlias = NDArray[np.float32]

# In units of the score: heat is drawn from half of the level of alarms, 1, to twice that; contours stand at both.
_FAINT, _FULL_HEAT = 0.5, 2.0
_LEVELS = (1.0, 2.0)
_OPACITY = 0.45
_LEAST_SHARE = 0.05  # of the heat, of a further region that is drawn
_HEAT, _CONTOUR = (230, 60, 0), (255, 225, 60)  # RGB
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def picture_of(observation: Observation) -> Image:
    """The picture to draw on, (H, W, 3) RGB: the frame's own if it was kept, else the network's input."""
    picture = observation.image if observation.picture is None else observation.picture
    if picture is None:
        raise ValueError("an observation without a picture")
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def enlarged(picture: Image, least_side: int) -> Image:
    """A small picture made larger by whole pixels, so that text can be read on it."""
    times = max(1, -(-least_side // max(picture.shape[:2])))
    return picture if times == 1 else np.repeat(np.repeat(picture, times, axis=0), times, axis=1)


def strength(heat: Heat) -> Heat:
    """Opacity of heat, in [0, 1]: 0 up to half of the level of alarms, 1 from twice that.

    >>> strength(np.array([[0.1, 0.5, 1.25, 2.0, 99.0]], np.float32)).astype(float).round(2).tolist()
    [[0.0, 0.0, 0.5, 1.0, 1.0]]
    """
    drawn: Heat = np.clip((heat - _FAINT) / (_FULL_HEAT - _FAINT), 0, 1).astype(np.float32)
    return drawn


def draw_heat(picture: Image, heat: Heat) -> Image:
    """A copy of a picture (H, W, 3) tinted by heat (h, w), with contours at the level of alarms and at twice that."""
    if float(heat.max()) <= _FAINT:
        return picture.copy()
    height, width = picture.shape[:2]
    smooth = np.asarray(cv2.resize(heat, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    opacity = strength(smooth) * np.float32(_OPACITY)
    tint = np.broadcast_to(np.array(_HEAT, np.uint8), picture.shape)
    mixed = np.asarray(cv2.blendLinear(picture, np.ascontiguousarray(tint), 1 - opacity, opacity), np.uint8)
    thick = max(1, round(min(height, width) / 300))
    for level in _LEVELS:
        lines, _ = cv2.findContours((smooth >= level).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(mixed, lines, -1, _CONTOUR, thick, cv2.LINE_AA)
    return mixed


def draw_box(picture: Image, box: Box, source_size: tuple[int, int]) -> None:
    """Outline a region of a source of `source_size` (H, W) in place, white within black."""
    down, across = picture.shape[0] / source_size[0], picture.shape[1] / source_size[1]
    x, y, w, h = box
    first = (round(x * across), round(y * down))
    last = (max(round((x + w) * across) - 1, first[0]), max(round((y + h) * down) - 1, first[1]))
    thick = max(1, round(min(picture.shape[:2]) / 200))
    cv2.rectangle(picture, first, last, (0, 0, 0), 3 * thick)
    cv2.rectangle(picture, first, last, (255, 255, 255), thick)


def draw_regions(picture: Image, regions: Sequence[Region], source_size: tuple[int, int]) -> None:
    """Outline the regions that alone reach the level of alarms, the first always, with their shares of the heat."""
    shown = [*regions[:1], *(region for region in regions[1:] if region.score >= 1 and region.share >= _LEAST_SHARE)]
    letters = max(8, min(picture.shape[:2]) // 45)
    for region in shown:
        draw_box(picture, region.box, source_size)
        if len(shown) > 1:
            x = round(region.box[0] * picture.shape[1] / source_size[1]) + 6
            y = round(region.box[1] * picture.shape[0] / source_size[0]) + letters + 8
            write_text(picture, f"{region.share:.0%}", (min(x, picture.shape[1] - 4 * letters), y), letters)


def write_text(picture: Image, text: str, corner: tuple[int, int], height: int) -> None:
    """Write ASCII text in place, white on a darkened ground.

    `corner` is x, y of its lower left, `height` that of a capital letter in pixels; smaller where it would not fit.
    """
    scale = height / 21  # the font's capitals are 21 pixels high
    width = cv2.getTextSize(text, _FONT, scale, 1)[0][0]
    scale *= min(1.0, (picture.shape[1] - corner[0] - 4) / max(width, 1))
    width, tall = cv2.getTextSize(text, _FONT, scale, 1)[0]
    top, left = max(corner[1] - tall - 4, 0), max(corner[0] - 4, 0)
    ground = picture[top : corner[1] + tall // 2, left : corner[0] + width + 4]
    ground[:] = ground // 4
    cv2.putText(picture, text, corner, _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
