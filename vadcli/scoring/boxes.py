"""Boxes around the hot places of a map, each with its share of the heat."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.scoring.events import Region

_SHARE_OF_PEAK = 0.5  # what is at least so hot, compared with the peak, is a hot place
_LEAST_SHARE = 0.05
_MOST = 5


class Box(NamedTuple):
    """A hot place.

    Attributes:
        region: x, y, width, height in the source's pixels.
        share: of all heat above the usual, in (0, 1].
    """

    region: Region
    share: float


def boxes_of(heat: NDArray[np.float32], height: int, width: int) -> list[Box]:
    """Boxes around the hot places of a map.

    Args:
        heat: (h, w), larger is worse; 1 is still usual.
        height: of the source in pixels.
        width: of the source in pixels.

    Returns:
        the one with the peak first, then by their shares, five at most; none where no heat is above the usual.

    >>> heat = np.zeros((8, 8), np.float32)
    >>> heat[:2, :2], heat[5:, 4:] = 4, 3
    >>> [(box.region, round(box.share, 2)) for box in boxes_of(heat, 80, 80)]
    [((0, 0, 20, 20), 0.25), ((40, 50, 40, 30), 0.68)]
    """
    side = min(3, *heat.shape)
    calm = np.asarray(cv2.blur(heat.astype(np.float64), (side, side), borderType=cv2.BORDER_REPLICATE))
    excess = np.maximum(calm - 1, 0)
    total, peak = float(excess.sum()), int(calm.argmax())
    if total <= 0:
        return []
    count, places = cv2.connectedComponents((calm >= _SHARE_OF_PEAK * calm.max()).astype(np.uint8), connectivity=4)
    places = np.asarray(places)
    shares = np.bincount(places.ravel(), weights=excess.ravel(), minlength=count) / total
    first = int(places.ravel()[peak])
    others = sorted((one for one in range(1, count) if one != first), key=lambda one: -shares[one])
    kept = [first, *(one for one in others if shares[one] >= _LEAST_SHARE)][:_MOST]
    return [Box(_around(places == one, height, width), float(shares[one])) for one in kept]


def _around(place: NDArray[np.bool_], height: int, width: int) -> Region:
    rows, columns = np.nonzero(place)
    down, across = height / place.shape[0], width / place.shape[1]
    top, left = int(rows.min() * down), int(columns.min() * across)
    bottom, right = round((int(rows.max()) + 1) * down), round((int(columns.max()) + 1) * across)
    return left, top, max(1, min(right, width) - left), max(1, min(bottom, height) - top)
