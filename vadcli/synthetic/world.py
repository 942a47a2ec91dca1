"""Things that stand still: ground, walls, boxes, poles and trees, as pieces of a world in metres."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.textures import Material

Array = NDArray[Any]
Point = tuple[float, float]


@dataclass(frozen=True)
class Strip:
    """A band painted on the ground along a line.

    Attributes:
        at: a point (x, z) of the line.
        angle: direction of the line in radians from z to x.
        low, high: the band's extent across the line in metres, to its right positive.
        material: painted with metres along and across the line.
        start, end: extent along the line.
        dash: period and painted length in metres, or None when unbroken.
    """

    at: Point
    angle: float
    low: float
    high: float
    material: Material
    start: float = -1e4
    end: float = 1e4
    dash: tuple[float, float] | None = None

    def local(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Metres along and across the line of ground points."""
        sin, cos = np.sin(self.angle), np.cos(self.angle)
        dx, dz = x - self.at[0], z - self.at[1]
        return dx * sin + dz * cos, dx * cos - dz * sin

    def cover(self, s: Array, t: Array, footprint: Array) -> Array:
        """Share of a pixel it covers at local metres (s, t)."""
        share = _between(t, self.low, self.high, footprint) * _between(s, self.start, self.end, footprint)
        if self.dash:
            period, on = self.dash
            share = share * _between(np.mod(s, period), 0, on, footprint)
        return share


@dataclass(frozen=True)
class Ring:
    """A ring or disc painted on the ground."""

    at: Point
    inner: float
    outer: float
    material: Material
    angle: float = 0.0

    def local(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Metres from the centre."""
        return x - self.at[0], z - self.at[1]

    def cover(self, s: Array, t: Array, footprint: Array) -> Array:
        """Share of a pixel it covers at local metres (s, t)."""
        return _between(np.hypot(s, t), self.inner, self.outer, footprint)


def _between(value: Array, low: float, high: float, footprint: Array) -> Array:
    return np.asarray(np.clip((value - low) / footprint + 0.5, 0, 1) * np.clip((high - value) / footprint + 0.5, 0, 1))


@dataclass(frozen=True)
class Wall:
    """An upright rectangle over the ground segment from `start` to `end`."""

    start: Point
    end: Point
    low_m: float
    high_m: float
    material: Material
    ragged: float = 0.0
    glow: float = 0.0


@dataclass(frozen=True)
class Slab:
    """A level rectangle: the top of a box, or a ceiling."""

    at: Point
    angle: float
    half: Point
    level_m: float
    material: Material
    glow: float = 0.0


@dataclass(frozen=True)
class Pole:
    """An upright cylinder: a lamp post, a bollard, a sign's post, a column, a trunk."""

    at: Point
    height_m: float
    radius_m: float
    colour: tuple[float, float, float]
    head: str = "none"


@dataclass(frozen=True)
class Foliage:
    """A crown of leaves about (x, level, z), which sways."""

    at: Point
    level_m: float
    radius_m: Point
    material: Material


@dataclass(frozen=True)
class World:
    """Everything that stands still in a scene.

    Attributes:
        ground: what the ground is where no mark covers it.
        marks: painted over it in order.
        walls, slabs: hide what is behind them.
        poles, crowns: likewise, drawn as they are seen from the camera.
        casters: (corners (k, 2), height) of things whose shadow lies on the ground.
        sky: RGB at the horizon and above.
    """

    ground: Material
    marks: tuple[Strip | Ring, ...] = ()
    walls: tuple[Wall, ...] = ()
    slabs: tuple[Slab, ...] = ()
    poles: tuple[Pole, ...] = ()
    crowns: tuple[Foliage, ...] = ()
    casters: tuple[tuple[Array, float], ...] = field(default=(), compare=False)
    sky: tuple[tuple[float, float, float], tuple[float, float, float]] = ((0.8, 0.84, 0.88), (0.6, 0.7, 0.85))


def box(
    at: Point, angle: float, half: Point, height: float, side: Material, top: Material | None = None, low: float = 0.0
) -> tuple[list[Wall], list[Slab], list[tuple[Array, float]]]:
    """A box on the ground: its four walls, its top and what casts its shadow."""
    corners = _corners(at, angle, half)
    walls = [Wall(tuple(corners[k]), tuple(corners[(k + 1) % 4]), low, low + height, side) for k in range(4)]
    return walls, [Slab(at, angle, half, low + height, top or side)], [(corners, low + height)]


def _corners(at: Point, angle: float, half: Point) -> Array:
    along, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    a, b = half
    return np.array([np.array(at) + i * a * along + j * b * across for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1))])


@dataclass
class Builder:
    """Collects the pieces of a world."""

    ground: Material
    marks: list[Strip | Ring] = field(default_factory=list)
    walls: list[Wall] = field(default_factory=list)
    slabs: list[Slab] = field(default_factory=list)
    poles: list[Pole] = field(default_factory=list)
    crowns: list[Foliage] = field(default_factory=list)
    casters: list[tuple[Array, float]] = field(default_factory=list)

    def add_box(
        self,
        at: Point,
        angle: float,
        half: Point,
        height: float,
        side: Material,
        top: Material | None = None,
        low: float = 0.0,
    ) -> None:
        """Add a box: half its sides along and across `angle`, and its height in metres."""
        walls, slabs, casters = box(at, angle, half, height, side, top, low)
        self.walls += walls
        self.slabs += slabs
        self.casters += casters

    def add_tree(self, at: Point, height: float, spread: float, leaves: Material, trunk: float = 0.12) -> None:
        """Add a tree: total height, radius of its crown, radius of its trunk."""
        self.poles.append(Pole(at, height * 0.7, trunk, (0.25, 0.2, 0.16)))
        crown = (spread, height * 0.33)
        self.crowns.append(Foliage(at, height * 0.67, crown, leaves))
        around = np.linspace(0, 2 * np.pi, 8, endpoint=False)
        ring = np.stack([np.sin(around), np.cos(around)], -1) * spread * 0.8 + np.array(at)
        self.casters.append((ring, height * 0.75))

    def add_pole(self, pole: Pole) -> None:
        """Add a pole with its shadow."""
        self.poles.append(pole)
        self.casters.append((_corners(pole.at, 0.0, (pole.radius_m, pole.radius_m)), pole.height_m))

    def world(self, sky: tuple[tuple[float, float, float], tuple[float, float, float]]) -> World:
        """The collected pieces."""
        return World(
            self.ground,
            tuple(self.marks),
            tuple(self.walls),
            tuple(self.slabs),
            tuple(self.poles),
            tuple(self.crowns),
            tuple(self.casters),
            sky,
        )


def blockers(world: World) -> Iterator[tuple[Array, float]]:
    """Footprints (k, 2) in metres of the obstacles, with a margin."""
    for corners, _height in world.casters:
        if len(corners) == 4:
            centre = corners.mean(0)
            yield centre, float(np.linalg.norm(corners - centre, axis=1).max())
