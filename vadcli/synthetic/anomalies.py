"""Anomalies: riders, runners, strays, vehicles among people, loiterers, throwers, falls, panic.

Each kind makes actors whose frames are marked abnormal from the moment they behave so; whoever loiters, falls or
flees first walks in like everybody else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.actors import Actor
from vadcli.synthetic.camera import Camera
from vadcli.synthetic.figures import random_look
from vadcli.synthetic.gait import Motion
from vadcli.synthetic.routes import (
    Blockers,
    Pace,
    Route,
    length_of,
    out_of_sight,
    seen,
    side_point,
    sideways,
    smooth,
    travel,
)
from vadcli.synthetic.vehicles import random_make

Array = NDArray[Any]
Generator = np.random.Generator


@dataclass(frozen=True)
class Stage:
    """The surroundings of anomalies: ways, obstacles, length of the clip.

    Attributes:
        camera: who watches.
        routes: the normal ways.
        blockers: what stands in the way.
        far_m: nothing is seen farther than this.
        frames: length of the clip.
        fps: its frames a second.
        indoor: no cars come in.
        nearest: (h, w) metres to what stands in front of the ground, of any resolution.
    """

    camera: Camera
    routes: tuple[Route, ...]
    blockers: Blockers
    far_m: float
    frames: int
    fps: float
    indoor: bool
    nearest: Array

    @property
    def walks(self) -> list[Route]:
        """The ways of people."""
        return [route for route in self.routes if not route.drives]

    @property
    def drives(self) -> list[Route]:
        """The ways of vehicles."""
        return [route for route in self.routes if route.drives]

    def way(self, rng: Generator, spread: float = 1.0) -> Array:
        """A way that people take, to begin with."""
        route = self.walks[int(rng.integers(len(self.walks)))] if self.walks else self.drives[0]
        points = route.points + rng.normal(0, route.spread_m / 2 * spread, route.points.shape)
        way = smooth(points[::-1] if rng.random() < route.back else points, self.blockers)
        return out_of_sight(way, self.camera)

    def across(self, rng: Generator) -> Array:
        """A way over ground that nobody walks on, from one side of the picture to another."""
        for _ in range(20):
            sides = rng.permutation(["left", "right", "bottom" if self.camera.height_m > 3 else "left"])
            ends = [side_point(self.camera, str(side), rng, self.far_m) for side in sides[:2]]
            if ends[0] is not None and ends[1] is not None and np.linalg.norm(ends[0] - ends[1]) > 4:
                return smooth(np.array(ends), self.blockers)
        return self.way(rng)

    def in_view(self, x: Array, z: Array) -> Array:
        """(n,) whether the middle of a person at ground points shows, neither outside the picture nor hidden."""
        points = np.stack([x, np.full(len(x), 0.9), z], -1)
        plane = self.camera.picture(points)
        rows, columns = self.nearest.shape
        row = np.clip(plane[:, 1] * rows, 0, rows - 1).astype(int)
        column = np.clip(plane[:, 0] * columns, 0, columns - 1).astype(int)
        distance = np.linalg.norm(points - np.array([0.0, self.camera.height_m, 0.0]), axis=1)
        return np.asarray((np.abs(plane - 0.5) < 0.5).all(1) & (self.nearest[row, column] > distance))

    def show(self, motion: Motion | None, margin: float = 0.8) -> list[Motion]:
        """The motion while it can be seen, as a list of none or one."""
        shown = seen(motion, self.camera, margin) if motion is not None else None
        return [shown] if shown is not None else []


def _cyclist(stage: Stage, begin: float, _lasts: float, rng: Generator) -> list[Actor]:
    way = stage.way(rng) if stage.walks else sideways(smooth(stage.drives[0].points), float(rng.uniform(-1, 1)))
    pace = Pace(float(rng.uniform(3.0, 6.0)), stride_m=float(rng.uniform(4, 6)), wobble=0.03)
    paint = tuple(rng.uniform(0.05, 0.5, 3).tolist())
    motions = stage.show(travel(way, pace, begin, stage.frames, stage.fps, pose="ride", abnormal=True), 1.2)
    return [Actor(motion, replace(random_look(rng), bag="none"), "bicycle", paint) for motion in motions]


def _skater(stage: Stage, begin: float, _lasts: float, rng: Generator) -> list[Actor]:
    pace = Pace(float(rng.uniform(2.4, 4.2)), stride_m=30.0, wobble=0.15)
    motions = stage.show(travel(stage.way(rng), pace, begin, stage.frames, stage.fps, pose="glide", abnormal=True))
    return [Actor(motion, random_look(rng), "board") for motion in motions]


def _running(stage: Stage, begin: float, _lasts: float, rng: Generator) -> list[Actor]:
    way, actors = stage.way(rng), []
    for member in range(int(rng.choice([1, 1, 2]))):
        look = random_look(rng)
        pace = Pace(float(rng.uniform(3.0, 4.8)), run=1.0)
        motion = travel(
            sideways(way, 0.8 * member),
            pace,
            begin + 0.5 * member,
            stage.frames,
            stage.fps,
            abnormal=True,
            height=look.height,
        )
        actors += [Actor(shown, replace(look, skirt=0.0)) for shown in stage.show(motion)]
    return actors


def _wrong_way(stage: Stage, begin: float, _lasts: float, rng: Generator) -> list[Actor]:
    if stage.drives:
        route = stage.drives[int(rng.integers(len(stage.drives)))]
        make = random_make(rng)
        pace = Pace(route.speed * float(rng.uniform(0.5, 0.9)), wobble=0.0)
        motion = travel(smooth(route.points[::-1], (), 1.0), pace, begin, stage.frames, stage.fps, abnormal=True)
        return [Actor(shown, make) for shown in stage.show(motion, make.length)]
    one_way = [route for route in stage.walks if route.back == 0]
    route = one_way[int(rng.integers(len(one_way)))]
    actors = []
    for member in range(int(rng.integers(1, 4))):
        look = random_look(rng)
        way = sideways(smooth(route.points[::-1], stage.blockers), 0.7 * member - 0.5)
        motion = travel(
            way, Pace(float(rng.uniform(1.1, 1.6))), begin, stage.frames, stage.fps, abnormal=True, height=look.height
        )
        actors += [Actor(shown, look) for shown in stage.show(motion)]
    return actors


def _vehicle(stage: Stage, begin: float, _lasts: float, rng: Generator) -> list[Actor]:
    make = random_make(rng, str(rng.choice(["cart", "cart", "car", "van"])))
    pace = Pace(float(rng.uniform(1.6, 5.0)), wobble=0.05)
    motion = travel(stage.way(rng, 0.5), pace, begin, stage.frames, stage.fps, abnormal=True)
    return [Actor(shown, make) for shown in stage.show(motion, make.length)]


def _to_spot(stage: Stage, rng: Generator) -> tuple[Array, float]:
    """A way that passes through a spot in full view, and how far along it the spot is."""
    for _ in range(20):
        way = stage.way(rng)
        inside = stage.camera.picture(np.stack([way[:, 0], 0 * way[:, 0] + 0.9, way[:, 1]], -1))
        good = np.flatnonzero((np.abs(inside - 0.5) < 0.36).all(1) & stage.in_view(way[:, 0], way[:, 1]))
        if len(good):
            return way, float(length_of(way[: int(rng.choice(good)) + 1]))
    way = stage.way(rng)
    return way, length_of(way) / 2


def _loitering(stage: Stage, begin: float, lasts: float, rng: Generator) -> list[Actor]:
    way, spot = _to_spot(stage, rng)
    index = int(np.argmin(np.abs(np.linspace(0, length_of(way), len(way)) - spot)))
    radius, turns = float(rng.uniform(0.8, 2.0)), float(rng.uniform(0.9, 1.3))
    speed = 0.6
    around = np.arange(0, lasts * speed / radius * turns, 0.3) * rng.choice([-1, 1])
    wander = way[index] + radius * np.stack([np.sin(around * 1.3), np.cos(around) - 1], -1)
    whole = smooth(np.concatenate([way[: index + 1][::6], wander, way[index + 1 :][::6]]), stage.blockers)
    arrive, leave = spot / 1.2, spot / 1.2 + lasts
    look = random_look(rng)
    motion = travel(
        whole,
        Pace(1.2, tuple((spot + k * 1.4, float(rng.uniform(1.5, 3))) for k in range(int(lasts / 3)))),
        begin - arrive,
        stage.frames,
        stage.fps,
        height=look.height,
    )
    if motion is None:
        return []
    time = (motion.start + np.arange(len(motion))) / stage.fps - (begin - arrive)
    motion = replace(motion, abnormal=(time > arrive) & (time < leave))
    return [Actor(shown, look) for shown in stage.show(motion)]


def _thrown(stage: Stage, begin: float, lasts: float, rng: Generator) -> list[Actor]:
    way, spot = _to_spot(stage, rng)
    look = replace(random_look(rng), bag="none", arm_swing=0.8)
    pace = Pace(1.3, ((spot, lasts),))
    motion = travel(way, pace, begin - spot / 1.3, stage.frames, stage.fps, height=look.height)
    if motion is None:
        return []
    time = (motion.start + np.arange(len(motion))) / stage.fps
    throws = motion.effort < 0.05
    beat = (time - begin) * float(rng.uniform(0.55, 0.8))
    paint = tuple(rng.uniform(0.1, 0.9, 3).tolist())
    still = replace(motion, pose="throw", phase=np.where(throws, beat, 0.0), abnormal=throws)
    first, last = np.flatnonzero(throws)[[0, -1]] if throws.any() else (0, -1)
    pieces = (
        [
            (motion.part(slice(0, int(first))), "none"),
            (still.part(slice(int(first), int(last) + 1)), "ball"),
            (motion.part(slice(int(last) + 1, len(motion))), "none"),
        ]
        if throws.any()
        else [(motion, "none")]
    )
    return [Actor(shown, look, gear, paint) for piece, gear in pieces if len(piece) > 1 for shown in stage.show(piece)]


def _fall(stage: Stage, begin: float, lasts: float, rng: Generator) -> list[Actor]:
    way, spot = _to_spot(stage, rng)
    look = random_look(rng)
    motion = travel(way, Pace(1.3, ((spot, lasts),)), begin - spot / 1.3, stage.frames, stage.fps, height=look.height)
    if motion is None:
        return []
    time = (motion.start + np.arange(len(motion))) / stage.fps - begin
    fallen = np.clip(time / 0.7, 0, 1) ** 1.5 * np.clip((lasts - time) / 1.2, 0, 1)
    motion = replace(motion, fallen=fallen, abnormal=fallen > 0.15)
    return [Actor(shown, look) for shown in stage.show(motion, 1.5)]


def _panic(stage: Stage, begin: float, _lasts: float, rng: Generator) -> list[Actor]:
    actors = []
    for _ in range(int(rng.integers(4, 9))):
        way, spot = _to_spot(stage, rng)
        look = random_look(rng)
        walk = float(rng.uniform(0.8, 1.3))
        pace = Pace(walk, rush=(spot, float(rng.uniform(3, 4.6))), wobble=0.0)
        motion = travel(way, pace, begin - spot / walk, stage.frames, stage.fps, abnormal=True, height=look.height)
        actors += [Actor(shown, look) for shown in stage.show(motion)]
    return actors


def _astray(stage: Stage, begin: float, _lasts: float, rng: Generator) -> list[Actor]:
    way, actors = stage.across(rng), []
    for member in range(int(rng.choice([1, 1, 2]))):
        look = random_look(rng)
        motion = travel(
            sideways(way, 0.8 * member),
            Pace(float(rng.uniform(1.0, 2.0))),
            begin,
            stage.frames,
            stage.fps,
            abnormal=True,
            height=look.height,
        )
        actors += [Actor(shown, look) for shown in stage.show(motion)]
    return actors


def _swerve(stage: Stage, begin: float, _lasts: float, rng: Generator) -> list[Actor]:
    route = stage.drives[int(rng.integers(len(stage.drives)))]
    way = smooth(route.points, (), 1.0)
    arc = np.linspace(0, length_of(way), len(way))
    run = np.gradient(way, axis=0)
    run /= np.linalg.norm(run, axis=1, keepdims=True)
    weave = float(rng.uniform(1.2, 2.4)) * np.sin(arc / float(rng.uniform(5, 9)))
    way = way + weave[:, None] * np.stack([run[:, 1], -run[:, 0]], -1)
    make = random_make(rng, "car")
    motion = travel(
        way, Pace(route.speed * float(rng.uniform(0.6, 1.5)), wobble=0.0), begin, stage.frames, stage.fps, abnormal=True
    )
    return [Actor(shown, make) for shown in stage.show(motion, make.length)]


ANOMALIES: dict[str, Callable[[Stage, float, float, Generator], list[Actor]]] = {
    "cyclist": _cyclist,
    "skater": _skater,
    "running": _running,
    "wrong_way": _wrong_way,
    "vehicle": _vehicle,
    "loitering": _loitering,
    "thrown": _thrown,
    "fall": _fall,
    "panic": _panic,
    "astray": _astray,
    "swerve": _swerve,
}
