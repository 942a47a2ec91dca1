"""A scene: a place, a camera, a light and a sensor, all drawn from one seed."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.backdrop import Backdrop, draw_backdrop
from vadcli.synthetic.camera import Camera
from vadcli.synthetic.indoors import INDOORS
from vadcli.synthetic.light import Light, indoor_light, outdoor_light
from vadcli.synthetic.outdoors import OUTDOORS
from vadcli.synthetic.routes import Blockers, Route, smooth
from vadcli.synthetic.sensor import Sensor, random_sensor
from vadcli.synthetic.world import World, blockers

Array = NDArray[Any]
_BUILDERS = OUTDOORS | INDOORS
KINDS = tuple(_BUILDERS)
_SHARES = {
    "plaza": 0.19,
    "path": 0.2,
    "lawn": 0.12,
    "road": 0.13,
    "street": 0.09,
    "parking": 0.06,
    "corridor": 0.07,
    "hall": 0.08,
    "room": 0.06,
}


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything about a camera's view that outlasts a clip.

    Attributes:
        seed: it was made from.
        kind: one of `KINDS`.
        world: what stands still.
        camera: who watches.
        light: in which light.
        sensor: with which sensor.
        routes: the ways of normal traffic.
        standing: (2,) ground points where people stand about.
        blockers: what people walk around.
        far_m: nobody is seen farther than this.
        pausing: share of people who pause on their way.
    """

    seed: int
    kind: str
    world: World
    camera: Camera
    light: Light
    sensor: Sensor
    routes: tuple[Route, ...]
    standing: tuple[Array, ...]
    blockers: Blockers
    far_m: float
    pausing: float


def kind_of(seed: int) -> str:
    """The kind of the scene of a seed."""
    return str(np.random.default_rng([seed, 1]).choice(KINDS, p=[_SHARES[kind] for kind in KINDS]))


def make_scene(seed: int, *, kind: str | None = None) -> Scene:
    """A scene, the same for the same seed.

    Args:
        seed: at least 0; each gives another layout, camera, light, sensor and density.
        kind: one of `KINDS`; by default the seed decides.

    Raises:
        ValueError: for an unknown kind.
    """
    kind = kind_of(seed) if kind is None else kind
    if kind not in _BUILDERS:
        raise ValueError(f"kind {kind!r}: not one of {', '.join(KINDS)}")
    for attempt in range(50):
        rng = np.random.default_rng([seed, 2, attempt])
        place = _BUILDERS[kind](rng)
        place.routes[:] = [route for route in place.routes if shown_share(route, place.camera) > 0.4]
        if place.routes:
            break
    light = indoor_light(rng) if place.indoor else outdoor_light(rng)
    light = replace(light, fog_m=max(light.fog_m, 1.5 * place.camera.height_m / np.sin(place.camera.pitch)))
    world = place.build.world(place.sky)
    return Scene(
        seed,
        kind,
        world,
        place.camera,
        light,
        random_sensor(rng),
        tuple(place.routes),
        tuple(place.standing),
        tuple(blockers(world)),
        place.far_m,
        float(rng.choice([0.02, 0.1, 0.25])),
    )


def shown_share(route: Route, camera: Camera) -> float:
    """Length in picture heights of the part of a way that shows, where people are neither too small nor too near."""
    way = smooth(route.points, (), 0.5)
    plane, depth = camera.plane(np.stack([way[:, 0], 0 * way[:, 0] + 0.8, way[:, 1]], -1))
    tall = camera.focal * 1.7 / depth
    inside = (np.abs(plane[:, 0]) < camera.aspect / 2) & (np.abs(plane[:, 1]) < 0.5) & (tall > 0.03) & (tall < 0.9)
    steps = np.linalg.norm(np.diff(plane / np.array([camera.aspect, 1.0]), axis=0), axis=1)
    return float(steps[inside[1:] & inside[:-1]].sum())


@lru_cache(maxsize=4)
def backdrop_of(scene: Scene, canvas: tuple[int, int]) -> Backdrop:
    """The scene without actors, kept for the next clip."""
    return draw_backdrop(scene.world, scene.camera, scene.light, canvas, grey=scene.sensor.grey)
