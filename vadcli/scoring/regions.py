"""Where in the frame: one map from prediction and feature errors, and the box around its peak."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.scoring.events import Region
from vadcli.scoring.measuring import Maps

# A region is what joins the peak and is at least this share of it.
_SHARE_OF_PEAK = 0.5


class Scales(NamedTuple):
    """What the maps of a frame are multiplied by before they are added: their share over a typical peak."""

    frame: float
    feature: float = 0.0
    scene: float = 0.0


def fuse(maps: Maps, scales: Scales) -> NDArray[np.float32]:
    """One map of how unusual each place is.

    Args:
        maps: of a frame; those of features and of the scene are brought to the resolution of the frame's.
        scales: of each.

    Returns:
        (h, w), at least 0; 1 is what the worst patch of a typical frame reaches.
    """
    heat = maps.frame * np.float32(scales.frame)
    for values, scale in ((maps.feature, scales.feature), (maps.scene, scales.scene)):
        if values is None or scale == 0:
            continue
        if values.shape != heat.shape:
            values = np.asarray(cv2.resize(values, heat.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        heat += values * np.float32(scale)
    return heat


def region(heat: NDArray[np.float32], height: int, width: int) -> Region:
    """The box around the peak of a map.

    Args:
        heat: (h, w), larger is worse.
        height: of the source in pixels.
        width: of the source in pixels.

    Returns:
        x, y, width and height in the source's pixels, at least one by one and inside the source.
    """
    side = min(3, *heat.shape)
    calm = np.asarray(cv2.blur(heat.astype(np.float64), (side, side), borderType=cv2.BORDER_REPLICATE))
    peak = np.unravel_index(int(calm.argmax()), calm.shape)
    _, joined = cv2.connectedComponents((calm >= _SHARE_OF_PEAK * calm[peak]).astype(np.uint8), connectivity=4)
    rows, columns = np.nonzero(joined == joined[peak])
    down, across = height / heat.shape[0], width / heat.shape[1]
    top, left = int(rows.min() * down), int(columns.min() * across)
    bottom, right = round((int(rows.max()) + 1) * down), round((int(columns.max()) + 1) * across)
    return left, top, max(1, min(right, width) - left), max(1, min(bottom, height) - top)
