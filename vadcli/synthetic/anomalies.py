"""Anomalies that a person would see: each in view for a second and more, and large enough."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.figures import Body, Thing, Vehicle, random_car, random_person
from vadcli.synthetic.scene import Scene
from vadcli.synthetic.traffic import Actor, Clock, Way, follow

Array = NDArray[Any]
Generator = np.random.Generator
EVERY_S = 13.0  # an anomaly in so many seconds
_IN_VIEW = 0.5  # picture heights from the middle: within a square picture
_VIVID = ((0.95, 0.5, 0.08), (0.85, 0.1, 0.1), (0.95, 0.85, 0.1), (0.1, 0.55, 0.9))


@dataclass(frozen=True)
class Stage:
    """The scene, and the clip's length and rate."""

    scene: Scene
    clock: Clock

    def way(self, rng: Generator) -> Way:
        """One of the ways that people take, in either direction."""
        ways = [way for way in self.scene.ways if not way.drives]
        way = ways[int(rng.integers(len(ways)))]
        return way if rng.random() < 0.5 else way.reversed()

    def enters(self, way: Way) -> float:
        """Metres along a way at which the picture begins."""
        metres = np.arange(0, way.length, 0.2)
        places = way.at(metres)
        plane, _ = self.scene.camera.plane(np.stack([places[:, 0], np.full(len(places), 0.8), places[:, 1]], -1))
        return float(metres[np.argmax(np.abs(plane[:, 0]) < _IN_VIEW)])

    def cross(self, body: Body, way: Way, speed: float, at_s: float, pose: str = "walk") -> list[Actor]:
        """A body that comes into view at a second of the clip and is an anomaly all the way."""
        begin = at_s - self.enters(way) / speed
        knots = [(begin, 0.0), (begin + way.length / speed, way.length)]
        return follow(body, way, knots, self.clock, pose=pose, abnormal=(-np.inf, np.inf))


def _running(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    """Two people run, one after the other."""
    way, speed = stage.way(rng), float(rng.uniform(4.4, 5.2))
    return [
        actor
        for member in (0, 1)
        for actor in stage.cross(random_person(rng), way.moved(0.5 * member), speed, at_s + 0.7 * member, "run")
    ]


def _panic(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    """Several people run, one after the other, through all of the picture."""
    way, actors = stage.way(rng), []
    for member in range(int(rng.integers(4, 7))):
        own = way.moved(float(rng.uniform(-1.5, 1.5)))
        actors += stage.cross(random_person(rng), own, float(rng.uniform(3.8, 4.6)), at_s + 0.5 * member, "run")
    return actors


def _cyclist(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    return stage.cross(random_person(rng), stage.way(rng), float(rng.uniform(4.5, 6)), at_s, "ride")


def _vehicle(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    """A cart or a car where people walk."""
    cart = Vehicle(2.8, 1.5, 1.9, (-0.9, 0.2), (0.85, 0.85, 0.8))
    indoors = stage.scene.kind == "hall"
    return stage.cross(cart if indoors else random_car(rng), stage.way(rng), float(rng.uniform(3, 4.5)), at_s)


def _fight(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    """Two people meet in the middle of the picture, fight, and go on."""
    way, lasts = stage.way(rng), float(rng.uniform(4, 6))
    spot, speed, actors = way.length * float(rng.uniform(0.42, 0.58)), 1.35, []
    for side, own, here in ((-0.28, way, spot), (0.28, way.reversed(), way.length - spot)):
        here -= 0.35
        begin, ends = at_s - here / speed, at_s + lasts
        knots = [(begin, 0.0), (at_s, here), (ends, here), (ends + (own.length - here) / speed, own.length)]
        moved = own.moved(side)
        actors += follow(random_person(rng), moved, knots, stage.clock, stays="fight", abnormal=(at_s, ends))
    return actors


def _left(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    """Somebody stops, and what they leave behind stays to the end of the clip."""
    way, speed = stage.way(rng), 1.35
    spot = way.length * float(rng.uniform(0.42, 0.58))
    begin, beside = at_s - spot / speed, way.moved(-1.0)
    knots = [(begin, 0.0), (at_s, spot), (at_s + 1, spot), (at_s + 1 + (way.length - spot) / speed, way.length)]
    place = beside.at(spot)
    _, depth = stage.scene.camera.plane(np.array([place[0], 0.5, place[1]]))
    side = 0.11 * float(depth) / stage.scene.camera.focal  # of the picture's height, wherever it stands
    thing = Thing(side, side, _VIVID[int(rng.integers(len(_VIVID)))])
    actors = follow(random_person(rng), way, knots, stage.clock)
    return actors + follow(thing, beside, [(at_s, spot), (1e6, spot)], stage.clock, abnormal=(-np.inf, np.inf))


def _astray(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    """Two people cross the foreground, where nobody goes."""
    z, camera = stage.scene.free_z, stage.scene.camera
    aside = camera.half_width(z, 0.9)
    way = Way(np.array([-aside, z]), np.array([aside, z]), 0.0, 0.0, 1.5)
    way = way if rng.random() < 0.5 else way.reversed()
    speed = float(rng.uniform(1.6, 2.2))
    return [actor for member in (0, 1) for actor in stage.cross(random_person(rng), way, speed, at_s + 0.6 * member)]


def _speeding(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    lanes = [way for way in stage.scene.ways if way.drives]
    lane = lanes[int(rng.integers(len(lanes)))]
    return stage.cross(random_car(rng), lane, 2.4 * lane.speed, at_s)


def _off_road(stage: Stage, at_s: float, rng: Generator) -> list[Actor]:
    """A vehicle on the near pavement, where nobody goes."""
    z, camera = stage.scene.free_z, stage.scene.camera
    aside = camera.half_width(z, 0.9) + 3
    way = Way(np.array([-aside, z]), np.array([aside, z]), 0.0, 0.0, 1.5)
    return stage.cross(random_car(rng), way if rng.random() < 0.5 else way.reversed(), 7.0, at_s)


Kind = Callable[[Stage, float, Generator], list[Actor]]
ON_FOOT: dict[str, Kind] = {
    "running": _running,
    "panic": _panic,
    "cyclist": _cyclist,
    "vehicle": _vehicle,
    "fight": _fight,
    "astray": _astray,
    "left": _left,
}
ON_ROADS: dict[str, Kind] = {"speeding": _speeding, "off_road": _off_road, "left": _left}


def anomalies_of(scene: Scene) -> dict[str, Kind]:
    """The kinds of anomalies that can happen in a scene."""
    if scene.kind == "road":
        return ON_ROADS
    return {name: kind for name, kind in ON_FOOT.items() if scene.kind != "hall" or name != "cyclist"}


def happen(scene: Scene, clock: Clock, rng: Generator) -> list[Actor]:
    """The anomalies of a clip: one in every 13 seconds, each kind once before any comes again."""
    kinds, seconds = anomalies_of(scene), clock.frames / clock.fps
    count = max(1, round(seconds / EVERY_S))
    slot_s, stage, actors = seconds / count, Stage(scene, clock), []
    names: list[str] = []
    while len(names) < count:
        names += rng.permutation([name for name in kinds if name != "left"]).tolist()
    names = names[:count]
    if count > 1 and rng.random() < 0.5:
        names[-1] = "left"  # it stays to the end
    for index, name in enumerate(names):
        at_s = (index + float(rng.uniform(0.3, 0.45))) * slot_s
        actors += kinds[name](stage, at_s, rng)
    return actors
