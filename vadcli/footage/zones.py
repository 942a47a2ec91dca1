"""Parts of the picture that are looked at, and parts that are not: polygons in shares of width and height."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError
from vadcli.footage.opencv import cv2

Polygon: TypeAlias = tuple[tuple[float, float], ...]  # (x, y) in [0, 1]; two points are opposite corners of a rectangle

LEAST_SHARE = 1e-3  # of the picture; less is an oversight
FINER = 8  # a pixel counts by where most of it lies


@dataclass(frozen=True, slots=True)
class Zones:
    """The parts of the picture that are blacked out before a frame is scored."""

    mask_top: float = 0.0  # share of the height at the top, in [0, 1)
    ignore: tuple[Polygon, ...] = ()  # polygons that are not looked at
    only: tuple[Polygon, ...] = ()  # polygons outside of which nothing is looked at; none for everywhere

    def looked_at(self, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """(H, W) truth values: which pixels of a picture of that size are looked at."""
        seen = _inside(self.only, size) if self.only else np.ones(size, dtype=bool)
        if self.ignore:
            seen &= ~_inside(self.ignore, size)
        seen[: round(self.mask_top * size[0])] = False
        return seen

    def require_something(self, size: tuple[int, int], name: str) -> None:
        """Raise FootageError where so good as nothing of a source's picture is looked at."""
        if self != EVERYWHERE and self.looked_at(size).mean() < LEAST_SHARE:
            raise FootageError(
                f"{name}: nothing of the picture is left to look at. Change --ignore, --only or --mask-top; "
                "vad zones shows what they leave."
            )


EVERYWHERE = Zones()


def _inside(polygons: tuple[Polygon, ...], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(H, W) truth values: which pixels lie in one of the polygons, by more than half of their area."""
    height, width = size
    fine = np.zeros((FINER * height, FINER * width), dtype=np.uint8)
    for polygon in polygons:
        corners = np.array(_corners(polygon)) * (FINER * width, FINER * height)  # (n, 2)
        cv2.fillPoly(fine, [np.round(corners - 0.5).astype(np.int32)], 255)
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)) > 127


def _corners(polygon: Polygon) -> Polygon:
    if len(polygon) > 2:
        return polygon
    (left, top), (right, bottom) = polygon
    return ((left, top), (right, top), (right, bottom), (left, bottom))
