"""A pinhole camera on a pole above flat ground.

World: metres, x right, y up, z ahead of the camera along the ground; the camera stands at (0, height_m, 0).
Plane: picture heights from the picture's centre, to the right and down.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_LEAST_DEPTH_M = 0.3


@dataclass(frozen=True)
class Camera:
    """Place and direction of the camera."""

    height_m: float  # above the ground
    pitch: float  # downward tilt in radians; 0 looks at the horizon
    focal: float  # focal length in picture heights

    def plane(self, points: Array) -> tuple[Array, Array]:
        """(..., 2) plane coordinates of world points (..., 3), and their (...) depth in metres along the axis."""
        sin, cos = np.sin(self.pitch), np.cos(self.pitch)
        x, y, z = points[..., 0], points[..., 1] - self.height_m, points[..., 2]
        depth = np.maximum(z * cos - y * sin, _LEAST_DEPTH_M)
        return np.stack([x, -(y * cos + z * sin)], -1) * (self.focal / depth)[..., None], depth

    def rays(self, size: tuple[int, int]) -> Array:
        """(H, W, 3) world directions through the pixels of a picture, of length 1 along the axis."""
        height, width = size
        right = (np.arange(width) + 0.5 - width / 2) / height / self.focal
        down = ((np.arange(height) + 0.5) / height - 0.5) / self.focal
        sin, cos = np.sin(self.pitch), np.cos(self.pitch)
        rays = np.empty((height, width, 3))
        rays[..., 0], rays[..., 1], rays[..., 2] = right, (-down * cos - sin)[:, None], (cos - down * sin)[:, None]
        return rays

    def ground_at(self, down: float) -> float:
        """Distance z ahead of the camera of the ground that shows at the plane coordinate `down`."""
        return float(self.height_m / np.tan(self.pitch + np.arctan(down / self.focal)))

    def half_width(self, z: float, right: float = 0.5) -> float:
        """Metres to the right at which the ground at distance z meets the plane coordinate `right`."""
        depth = z * np.cos(self.pitch) + self.height_m * np.sin(self.pitch)
        return float(right * depth / self.focal)
