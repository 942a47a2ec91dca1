"""A pinhole camera on a pole above flat ground, and how people and things leave its view.

World: metres, x right, y up, z ahead of the camera along the ground; the camera stands at (0, height_m, 0).
Picture: u and v in [0, 1] from the top left; "plane" coordinates (a, b) are isotropic, in picture heights from
the centre, b downward, so that a length in metres is as long in a as in b.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Camera:
    """Place and direction of the camera.

    Attributes:
        height_m: above the ground.
        pitch: downward tilt in radians, 0 looks at the horizon.
        roll: tilt of the horizon in radians.
        focal: focal length in picture heights.
        aspect: width by height of the sensor; a picture of another shape is squeezed, as frames fed to networks are.
    """

    height_m: float
    pitch: float
    roll: float
    focal: float
    aspect: float

    @cached_property
    def axes(self) -> Array:
        """(3, 3): right, up and forward of the camera in the world."""
        sin, cos = np.sin(self.pitch), np.cos(self.pitch)
        right, up, forward = np.array([1.0, 0, 0]), np.array([0, cos, sin]), np.array([0, -sin, cos])
        tilt_cos, tilt_sin = np.cos(self.roll), np.sin(self.roll)
        return np.stack([tilt_cos * right + tilt_sin * up, tilt_cos * up - tilt_sin * right, forward])

    def plane(self, points: Array) -> tuple[Array, Array]:
        """Positions of world points in the picture.

        Args:
            points: (..., 3) metres.

        Returns:
            (..., 2) plane coordinates and (...) depth in metres along the optical axis, at least 0.05.
        """
        seen = (points - np.array([0.0, self.height_m, 0.0])) @ self.axes.T
        depth = np.maximum(seen[..., 2], 0.05)
        return np.stack([seen[..., 0], -seen[..., 1]], -1) * (self.focal / depth)[..., None], depth

    def picture(self, points: Array) -> Array:
        """(..., 2) picture fractions u, v of world points (..., 3)."""
        plane, _ = self.plane(points)
        return np.asarray(plane / np.array([self.aspect, 1.0]) + 0.5)

    def rays(self, u: Array | float, v: Array | float) -> Array:
        """(..., 3) directions in the world through picture fractions, not normalised (forward part 1)."""
        a, b = (np.asarray(u) - 0.5) * self.aspect / self.focal, (np.asarray(v) - 0.5) / self.focal
        local = np.stack([a, -b, np.ones_like(a * b)], -1) if np.ndim(a) == np.ndim(b) else _stack(a, b)
        return np.asarray(local @ self.axes)

    def ground(self, u: float, v: float, height: float = 0.0) -> Array | None:
        """(2,) x and z where the ray through (u, v) meets the plane y = height; None above the horizon."""
        ray = self.rays(u, v)
        if ray[1] > -1e-3:
            return None
        reach = (height - self.height_m) / ray[1]
        point = ray * reach
        return point[[0, 2]] if reach > 0 else None

    def person_share(self, x: float, z: float, height: float = 1.7) -> float:
        """Share of the picture's height that a person standing at (x, z) takes."""
        ends, _ = self.plane(np.array([[x, 0, z], [x, height, z]]))
        return float(np.hypot(*(ends[0] - ends[1])))


def _stack(a: Array, b: Array) -> Array:
    return np.stack(np.broadcast_arrays(a, -b, np.ones(1)), -1)
