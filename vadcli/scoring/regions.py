"""Where in the frame: one map from prediction and feature errors, and the box around its peak."""

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.scoring.events import Region

# A region is what joins the peak and is at least this share of it.
_SHARE_OF_PEAK = 0.5


def fuse(
    frame: NDArray[np.float32], feature: NDArray[np.float32] | None, share: float, usual: tuple[float, float]
) -> NDArray[np.float32]:
    """One map of how unusual each place is.

    Args:
        frame: (h, w), squared error of prediction.
        feature: (h', w'), distance to prototypes, brought to (h, w); None without a unit.
        share: of the feature map.
        usual: typical peak errors of frame and feature, which make the two comparable.

    Returns:
        (h, w), at least 0; 1 is what the worst patch of a typical frame reaches.
    """
    scaled = frame / usual[0]
    if feature is None or share == 0:
        return scaled.astype(np.float32)
    if feature.shape != frame.shape:
        feature = np.asarray(cv2.resize(feature, frame.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return ((1 - share) * scaled + share * feature / usual[1]).astype(np.float32)


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
