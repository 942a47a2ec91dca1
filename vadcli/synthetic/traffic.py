"""Traffic: straight ways through a scene, bodies on them, and the normal traffic of a clip."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.figures import Body, Moment, random_car, random_person

Array = NDArray[Any]
Generator = np.random.Generator


@dataclass(frozen=True, eq=False)
class Way:
    """A way of normal traffic."""

    start: Array
    end: Array
    wide: float  # people keep within so many metres
    rate: float  # people or vehicles a minute
    speed: float  # in metres a second; everybody keeps nearly to it
    drives: bool = False  # for vehicles, which all go one way

    @property
    def length(self) -> float:
        """In metres."""
        return float(np.linalg.norm(self.end - self.start))

    def reversed(self) -> "Way":
        """The same in the other direction."""
        return replace(self, start=self.end, end=self.start)

    def moved(self, right: float) -> "Way":
        """The same, moved to the right of its direction."""
        run = (self.end - self.start) / self.length
        side = np.array([run[1], -run[0]]) * right
        return replace(self, start=self.start + side, end=self.end + side)

    def away(self, place: Array) -> float:
        """Metres from a place to the line of the way."""
        run, there = (self.end - self.start) / self.length, place - self.start
        return float(abs(run[0] * there[1] - run[1] * there[0]))

    def at(self, metres: Array | float) -> Array:
        """(..., 2) places so many metres along it."""
        share = np.asarray(metres)[..., None] / self.length
        return np.asarray(self.start + (self.end - self.start) * share)


@dataclass(frozen=True, eq=False)
class Actor:
    """A body and the frames in which it is there."""

    body: Body  # its look
    start: int  # its first frame in the clip
    moments: list[Moment]  # where it is and what it does, frame by frame
    abnormal: Array  # (n,) bool


@dataclass(frozen=True)
class Clock:
    """The length of a clip in frames, and its frames a second."""

    frames: int
    fps: float


def follow(
    body: Body,
    way: Way,
    knots: list[tuple[float, float]],
    clock: Clock,
    *,
    pose: str = "walk",
    stays: str = "walk",
    abnormal: tuple[float, float] | None = None,
) -> list[Actor]:
    """A body that is so many metres along a way at given seconds, and keeps its speed between them.

    Args:
        body: who.
        way: along which.
        knots: (second of the clip, metres), rising; it is there from the first to the last.
        clock: of the clip.
        pose: while it moves.
        stays: while it does not.
        abnormal: seconds from and to which it is an anomaly.

    Returns:
        one actor, or none where the clip has no frame of it.
    """
    times, metres = (np.array(column) for column in zip(*knots, strict=True))
    seconds = np.arange(clock.frames) / clock.fps
    there = np.flatnonzero((seconds >= times[0]) & (seconds <= times[-1]))
    if not len(there):
        return []
    seconds = seconds[there]
    along = np.interp(seconds, times, metres)
    rests = np.interp(seconds + 1e-3, times, metres) - along < 1e-5
    run = way.end - way.start
    heading = float(np.arctan2(run[0], run[1]))
    if stays == "fight":  # they push and are pushed
        along = along + np.where(rests, 0.4 * np.sin(2 * np.pi * 1.5 * seconds), 0.0)
    phases = np.where(rests, seconds, along / (body.stride_m if pose != "run" else 1.6 * body.stride_m))
    places = way.at(along)
    moments = [
        Moment(float(x), float(z), heading, float(phase), stays if rest else pose)
        for (x, z), phase, rest in zip(places, phases, rests, strict=True)
    ]
    first, last = abnormal or (np.inf, -np.inf)
    return [Actor(body, int(there[0]), moments, (seconds >= first) & (seconds < last))]


def traffic(ways: tuple[Way, ...], clock: Clock, rng: Generator) -> list[Actor]:
    """Normal people and vehicles, evenly enough that a minute shows what there is to see."""
    actors: list[Actor] = []
    for way in ways:
        span_s = clock.frames / clock.fps
        gap_s, crossing_s = 60 / way.rate, way.length / (0.93 * way.speed)
        for begin in np.arange(-crossing_s, span_s, gap_s) + rng.uniform(-gap_s, 0):
            speed = way.speed * float(rng.uniform(0.93, 1.07) if not way.drives else rng.uniform(0.97, 1.03))
            begin += 0.0 if way.drives else float(rng.uniform(-0.4, 0.4)) * gap_s
            lane = way if way.drives or rng.random() < 0.5 else way.reversed()
            for member in range(1 if way.drives or rng.random() < 0.6 else 2):
                body = random_car(rng) if way.drives else random_person(rng)
                aside = float(rng.uniform(-0.5, 0.5)) * way.wide + 0.7 * member
                knots = [(begin, 0.0), (begin + way.length / speed, way.length)]
                actors += follow(body, lane.moved(aside), knots, clock)
    return actors
