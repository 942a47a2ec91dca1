"""People, riders, vehicles and things as capsules and polygons in the world."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RGB = tuple[float, float, float]
DARK: RGB = (0.1, 0.1, 0.11)
# Colours that people wear here; what is left behind has none of them.
CLOTHES: tuple[RGB, ...] = (
    (0.16, 0.17, 0.2), (0.2, 0.22, 0.3), (0.3, 0.28, 0.26), (0.45, 0.44, 0.42),
    (0.62, 0.6, 0.57), (0.3, 0.36, 0.45), (0.42, 0.34, 0.3), (0.68, 0.67, 0.65),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Shape:
    """A polygon (k, 3) in the world; or a thick line through its points, with a radius in metres."""

    points: Array
    colour: RGB
    radius: float = 0.0


@dataclass(frozen=True)
class Moment:
    """Where a body is and what it does: ground place, heading from z to x, cycles of its gait, and its pose."""

    x: float
    z: float
    heading: float
    phase: float
    pose: str

    def world(self, local: Array) -> Array:
        """(..., 3) world points of (forward, up, right) metres of the body."""
        sin, cos = np.sin(self.heading), np.cos(self.heading)
        forward, up, right = local[..., 0], local[..., 1], local[..., 2]
        return np.stack([self.x + forward * sin + right * cos, up, self.z + forward * cos - right * sin], -1)


@dataclass(frozen=True)
class Person:
    """Somebody, on foot or on a bicycle; the footprint is (length, width) in metres."""

    height_m: float
    top: RGB
    legs: RGB
    skin: RGB
    footprint = (0.5, 0.5)

    @property
    def stride_m(self) -> float:
        """Metres a cycle of two steps covers."""
        return 0.85 * self.height_m

    def shapes(self, now: Moment) -> Iterator[Shape]:
        """Outlines, the far ones first."""
        scale, rides = self.height_m / 1.7, now.pose == "ride"
        swing, lift, lean, bend = _GAITS[now.pose]
        turn = 2 * np.pi * now.phase
        hip = np.array([0.0, (0.95 if rides else 0.88) * scale, 0.0])
        neck = hip + np.array([np.sin(lean), np.cos(lean), 0.0]) * 0.52 * scale
        if rides:
            yield from (Shape(now.world(ring), DARK, 0.03) for ring in _WHEELS)
            yield Shape(now.world(_FRAME), (0.5, 0.1, 0.1), 0.035)
        for side in (-1.0, 1.0):
            beat = turn + (np.pi if side > 0 else 0.0)
            thigh = (0.6 + 0.45 * np.sin(beat)) if rides else swing * np.sin(beat)
            shin = (thigh - 0.9) if rides else thigh - lift * max(np.cos(beat), 0.0)
            ways = [_step(thigh, 0.45 * scale), _step(shin, 0.45 * scale)]
            leg = np.array([hip, hip + ways[0], hip + ways[0] + ways[1]]) + np.array([0, 0, 0.09 * side * scale])
            yield Shape(now.world(leg), self.legs, 0.075 * scale)
            if now.pose == "fight":
                arm = 1.6 + 1.1 * np.sin(5 * turn + 2 * side)
            elif rides:
                arm = 0.95
            else:
                arm = -swing * np.sin(beat)
            shoulder = neck + np.array([0.0, -0.05, 0.2 * side]) * scale
            elbow = shoulder + _step(arm, 0.28 * scale)
            yield Shape(now.world(np.array([shoulder, elbow, elbow + _step(arm + bend, 0.27 * scale)])), self.top, 0.05)
        yield Shape(now.world(np.array([hip, neck])), self.top, 0.17 * scale)
        head = neck + np.array([0.04, 0.2, 0.0]) * scale
        yield Shape(now.world(np.array([head, head + np.array([0.0, 0.06, 0.0])])), self.skin, 0.11 * scale)


# Swing of legs and arms, lift of the heel, lean of the body, bend of the elbow; all in radians.
_GAITS = {
    "walk": (0.42, 0.7, 0.03, 0.25),
    "run": (0.85, 1.5, 0.22, 1.3),
    "ride": (0.0, 0.0, 0.35, 0.3),
    "fight": (0.35, 0.5, 0.15, 0.6),
}
_AROUND = np.linspace(0, 2 * np.pi, 13)
_WHEELS = [
    np.stack([hub + 0.34 * np.cos(_AROUND), 0.35 + 0.34 * np.sin(_AROUND), 0 * _AROUND], -1) for hub in (-0.52, 0.52)
]
_FRAME = np.array([[-0.52, 0.35, 0], [-0.15, 0.9, 0], [0.4, 0.85, 0], [0.52, 0.35, 0], [0.4, 0.85, 0], [0, 0.3, 0]])


def _step(angle: float, length: float) -> Array:
    """A bone that hangs at an angle from straight down, forward positive."""
    return np.array([np.sin(angle), -np.cos(angle), 0.0]) * length


@dataclass(frozen=True)
class Vehicle:
    """A car, van or cart of a length, width and height in metres; `cabin` is where it begins and ends on the body."""

    length: float
    width: float
    height_m: float
    cabin: tuple[float, float]
    paint: RGB

    stride_m = 1.0

    @property
    def footprint(self) -> tuple[float, float]:
        """Length and width in metres."""
        return self.length, self.width

    def shapes(self, now: Moment) -> Iterator[Shape]:
        """Outlines, the far ones first."""
        half, floor, waist = self.length / 2, 0.25, 0.25 + 0.45 * (self.height_m - 0.25)
        body = _block(-half, half, floor, waist, self.width)
        first, last = (half * end for end in self.cabin)
        for side in (-0.5, 0.5):
            for hub in (-0.6, 0.6):
                ring = np.stack([hub * half + 0.33 * np.cos(_AROUND), 0.33 + 0.33 * np.sin(_AROUND), 0 * _AROUND], -1)
                yield Shape(now.world(ring + np.array([0, 0, side * self.width])), DARK)
        yield from _faces(body, self.paint, now)
        yield from _faces(_block(first, last, waist, self.height_m, 0.9 * self.width), self.paint, now, 0.45)


def _block(back: float, front: float, low: float, high: float, wide: float) -> Array:
    """(8, 3) corners: back and front, then left and right, then low and high."""
    return np.array([[s, u, r] for s in (back, front) for r in (-wide / 2, wide / 2) for u in (low, high)])


def _faces(corners: Array, paint: RGB, now: Moment, bright: float = 1.0) -> Iterator[Shape]:
    """The two sides of a block that the camera sees, and its top."""
    points = now.world(corners)
    faces = [((0, 1, 3, 2), 0.75), ((4, 5, 7, 6), 0.75), ((0, 1, 5, 4), 0.9), ((2, 3, 7, 6), 0.9)]
    faces.sort(key=lambda face: -float(np.linalg.norm(points[list(face[0])][:, [0, 2]].mean(0))))
    for indices, shade in faces[2:]:
        yield Shape(points[list(indices)], _dimmed(paint, shade * bright))
    yield Shape(points[[1, 3, 7, 5]], _dimmed(paint, 1.1 if bright == 1 else 0.95))


def _dimmed(colour: RGB, by: float) -> RGB:
    red, green, blue = (min(by * value, 1.0) for value in colour)
    return red, green, blue


@dataclass(frozen=True)
class Thing:
    """A box that was left behind."""

    width: float
    height_m: float
    paint: RGB

    stride_m = 1.0

    @property
    def footprint(self) -> tuple[float, float]:
        """Length and width in metres."""
        return self.width, self.width

    def shapes(self, now: Moment) -> Iterator[Shape]:
        """Outlines, the far ones first."""
        yield from _faces(_block(-self.width / 2, self.width / 2, 0.0, self.height_m, self.width), self.paint, now)


Body = Person | Vehicle | Thing


def random_person(rng: np.random.Generator) -> Person:
    """Somebody who may walk by at any time."""
    top, legs = (CLOTHES[k] for k in rng.integers(0, len(CLOTHES), 2))
    skin = float(rng.uniform(0.45, 0.9))
    return Person(float(rng.uniform(1.6, 1.85)), top, legs, (skin, 0.78 * skin, 0.65 * skin))


def random_car(rng: np.random.Generator) -> Vehicle:
    """A car or a van in a colour of many."""
    paint = CLOTHES[int(rng.integers(len(CLOTHES)))]
    if rng.random() < 0.2:
        return Vehicle(5.2, 2.0, 2.1, (-0.95, 0.6), paint)
    return Vehicle(float(rng.uniform(3.9, 4.6)), 1.8, 1.5, (-0.7, 0.35), paint)
