"""The normal traffic of a clip: people and vehicles that come and go as they always do here."""

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
    sideways,
    smooth,
    travel,
)
from vadcli.synthetic.vehicles import random_make

Array = NDArray[Any]
Generator = np.random.Generator


def walkers(
    route: Route,
    camera: Camera,
    blockers: Blockers,
    frames: int,
    fps: float,
    density: float,
    pausing: float,
    rng: Generator,
) -> list[Actor]:
    """People on one way, alone and in groups, already under way when the clip starts."""
    actors: list[Actor] = []
    crossing = length_of(route.points) / route.speed * 1.3
    span = crossing + frames / fps
    busy = np.clip(rng.normal(1, 0.4), 0.2, 2)
    for _ in range(int(rng.poisson(route.rate * density * busy / 60 * span))):
        begin = float(rng.uniform(-crossing, frames / fps))
        shift = rng.normal(0, route.spread_m / 2, route.points.shape)
        points = route.points + np.clip(shift, -route.spread_m, route.spread_m)
        if rng.random() < route.back:
            points = points[::-1]
        way = smooth(points, blockers)
        speed = float(np.clip(rng.normal(route.speed, 0.2), 0.55, 1.9))
        stops: tuple[tuple[float, float], ...] = ()
        if rng.random() < pausing:
            stops = ((float(rng.uniform(0.2, 0.8)) * length_of(way), float(rng.uniform(1, 3.5))),)
        company = int(rng.choice([1, 1, 1, 1, 2, 2, 3]))
        for member in range(company):
            look = random_look(rng)
            aside = (member - (company - 1) / 2) * float(rng.uniform(0.55, 0.8))
            lag = float(rng.uniform(0, 0.5)) * member
            motion = travel(
                out_of_sight(sideways(way, aside) if company > 1 else way, camera),
                Pace(speed, stops),
                begin + lag,
                frames,
                fps,
                height=look.height,
                phase=float(rng.random()),
            )
            shown = seen(motion, camera, 0.7) if motion is not None else None
            if shown is not None:
                actors.append(Actor(shown, look))
    return actors


def vehicles(route: Route, camera: Camera, frames: int, fps: float, density: float, rng: Generator) -> list[Actor]:
    """Vehicles on one lane, which keep their distance."""
    actors: list[Actor] = []
    way = smooth(route.points, (), 1.0)
    speed = route.speed * float(rng.uniform(0.8, 1.15))
    crossing = length_of(way) / speed
    mean_gap = 60 / max(route.rate * density, 0.1)
    begin = -crossing - float(rng.exponential(mean_gap))
    while True:
        make = random_make(rng)
        least = (make.length + 6) / speed + 0.5
        begin += least + float(rng.exponential(max(mean_gap - least, 0.2)))
        if begin > frames / fps:
            return actors
        lane = sideways(way, float(rng.normal(0, route.spread_m / 2)))
        motion = travel(lane, Pace(speed, wobble=0.0), begin, frames, fps)
        shown = seen(motion, camera, make.length) if motion is not None else None
        if shown is not None:
            actors.append(Actor(shown, make))


def standing(spot: Array, frames: int, fps: float, rng: Generator) -> list[Actor]:
    """A few people who stand and talk, shifting their weight."""
    actors = []
    for turn in np.linspace(0, 2 * np.pi, int(rng.integers(2, 5)), endpoint=False) + rng.uniform(0, 6):
        look = random_look(rng)
        heading = np.full(frames, turn + np.pi + float(rng.normal(0, 0.3)))
        time = np.arange(frames) / fps
        lull = 0.03 * np.sin(2 * np.pi * (time / rng.uniform(3, 9) + rng.random()))
        x, z = spot[0] + 0.6 * np.sin(turn) + lull, spot[1] + 0.6 * np.cos(turn) + lull * 0.5
        still = np.zeros(frames)
        phase = 0.31 + 0.02 * np.sin(2 * np.pi * time / rng.uniform(2, 6))
        motion = Motion(
            0, x, z, heading + 3 * lull, phase, np.ones(frames), still + 0.12, still, still, "walk", still > 1
        )
        actors.append(Actor(motion, look))
    return actors
