"""The still picture behind the actors: rectangles in space, each with a material, cast ray by ray once a scene."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.camera import Camera

Array = NDArray[Any]
RGB = tuple[float, float, float]
SUN = np.array([0.45, 0.8, -0.4])
_TABLE = 64
_FAR = 1e6


@dataclass(frozen=True)
class Material:
    """A surface."""

    colour: RGB  # RGB in [0, 1]
    rough: float = 0.15  # relative strength of its spots
    spot_m: float = 0.5  # their size in metres
    tile_m: float = 0.0  # side of its tiles (or distance of windows); 0 for none
    joint: RGB = (0.3, 0.3, 0.3)  # colour between tiles

    def paint(self, s: Array, t: Array, footprint: Array) -> Array:
        """(..., 3) colours at metres (s, t) of the surface, seen by pixels that are `footprint` metres wide."""
        spots = sum(
            _noise(s / size, t / size) * np.clip(size / footprint, 0, 1) for size in (self.spot_m, self.spot_m / 4)
        )
        colour = np.array(self.colour) * (1 + self.rough * np.asarray(spots))[..., None]
        if self.tile_m:
            edge = np.minimum(*(np.abs(np.mod(v / self.tile_m + 0.5, 1) - 0.5) * self.tile_m for v in (s, t)))
            share = np.clip((0.04 * self.tile_m - edge) / footprint + 0.5, 0, 1) * np.clip(
                self.tile_m / footprint, 0, 1
            )
            colour += (np.array(self.joint) - colour) * share[..., None]
        return colour


@lru_cache(maxsize=1)
def _table() -> Array:
    table: Array = np.random.default_rng(3).normal(0, 1, (_TABLE, _TABLE))
    return table


def _noise(s: Array, t: Array) -> Array:
    """Smooth noise of deviation about 0.7, periodic in 64."""
    i, j = np.floor(s).astype(int), np.floor(t).astype(int)
    a, b = (x - np.floor(x) for x in (s, t))
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    corners = [_table()[(i + k) % _TABLE, (j + m) % _TABLE] for k in (0, 1) for m in (0, 1)]
    low, high = corners[0] * (1 - b) + corners[1] * b, corners[2] * (1 - b) + corners[3] * b
    return np.asarray(low * (1 - a) + high * a)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A rectangle, or the ellipse in it, in space."""

    corner: Array  # (3,) where it begins. along, across: (3,) its sides, at right angles.
    along: Array
    across: Array
    material: Material  # its surface
    leaves: bool = False  # an ellipse with a ragged edge

    def cast(self, camera: Camera, rays: Array) -> tuple[Array, Array]:
        """(H, W) depth where rays meet it, far beyond all elsewhere, and (H, W, 3) colours."""
        eye = np.array([0.0, camera.height_m, 0.0])
        normal = np.cross(self.along, self.across)
        normal = normal / np.linalg.norm(normal)
        facing = rays @ normal
        safe = np.where(np.abs(facing) < 1e-9, 1e-9, facing)
        depth = ((self.corner - eye) @ normal) / safe
        sides = [np.linalg.norm(side) for side in (self.along, self.across)]
        hit = rays * depth[..., None] + (eye - self.corner)
        s, t = hit @ (self.along / sides[0]), hit @ (self.across / sides[1])
        footprint = np.maximum(depth, 0.1) / camera.focal / rays.shape[0]
        inside = (depth > 0.3) & (s >= 0) & (s <= sides[0]) & (t >= 0) & (t <= sides[1])
        if self.leaves:
            away = np.hypot(2 * s / sides[0] - 1, 2 * t / sides[1] - 1)
            inside &= away + 0.15 * _noise(s / 0.35, t / 0.35) < 0.85
        shade = 0.7 + 0.3 * abs(float(normal @ SUN))
        return np.where(inside, depth, _FAR), self.material.paint(s, t, footprint) * shade


def wall(start: tuple[float, float], end: tuple[float, float], height: float, material: Material) -> Sheet:
    """An upright rectangle over the ground from (x, z) to (x, z)."""
    corner, other = np.array([start[0], 0.0, start[1]]), np.array([end[0], 0.0, end[1]])
    return Sheet(corner, other - corner, np.array([0.0, height, 0.0]), material)


def band(start: Array, end: Array, wide: float, material: Material, above: float = 0.0) -> Sheet:
    """A strip on the ground, `wide` metres broad, along the line from (x, z) to (x, z)."""
    run = (end - start) / np.linalg.norm(end - start)
    side = np.array([run[1], -run[0]])
    corner = start - side * wide / 2
    return Sheet(
        np.array([corner[0], above, corner[1]]),
        np.array([end[0] - start[0], 0.0, end[1] - start[1]]),
        np.array([side[0], 0.0, side[1]]) * wide,
        material,
    )


def box(at: tuple[float, float], wide: float, deep: float, height: float, material: Material) -> list[Sheet]:
    """The sides of a box on the ground that face the camera, and its top."""
    (x, z), half = at, wide / 2
    left, right = (x - half, z), (x + half, z)
    beside = left if x > 0 else right
    return [
        wall(left, right, height, material),
        wall(beside, (beside[0], z + deep), height, material),
        Sheet(np.array([x - half, height, z]), np.array([wide, 0, 0]), np.array([0, 0, deep]), material),
    ]


def tree(at: tuple[float, float], height: float, crown: Material) -> list[Sheet]:
    """A trunk and a crown that face the camera."""
    x, z = at
    wide = 0.55 * height
    trunk = wall((x - 0.12, z), (x + 0.12, z), 0.5 * height, Material((0.25, 0.2, 0.16)))
    corner = np.array([x - wide / 2, 0.35 * height, z])
    return [trunk, Sheet(corner, np.array([wide, 0, 0]), np.array([0, 0.65 * height, 0]), crown, leaves=True)]


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A scene without actors."""

    picture: Array  # (H, W, 3) uint8 RGB
    nearest: Array  # (H, W) depth in metres of things that stand, as far as the eye sees where none is


def draw_backdrop(
    camera: Camera, ground: Sequence[Sheet], standing: Sequence[Sheet], sky: RGB, size: tuple[int, int]
) -> Backdrop:
    """Cast the still picture."""
    rays = camera.rays(size)
    colour = np.broadcast_to(np.array(sky), (*size, 3)).copy()
    seen, nearest = np.full(size, _FAR), np.full(size, _FAR)
    for sheet in (*ground, *standing):
        depth, own = sheet.cast(camera, rays)
        upright = any(sheet is each for each in standing)
        shown = depth < seen if upright else (depth < _FAR)
        colour[shown] = own[shown]
        seen[shown] = depth[shown]
        if upright:
            nearest = np.minimum(nearest, depth)
    return Backdrop(np.clip(colour * 255, 0, 255).astype(np.uint8), nearest)
