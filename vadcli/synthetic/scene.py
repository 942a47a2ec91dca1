"""A scene: a place with its ways, a camera and a sensor, all drawn from one seed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.backdrop import RGB, Backdrop, Material, Sheet, band, box, draw_backdrop, tree, wall
from vadcli.synthetic.camera import Camera
from vadcli.synthetic.traffic import Way

Array = NDArray[Any]
Generator = np.random.Generator
_BESIDE = 1.02  # where ways begin, in picture heights from the middle: outside pictures of 16:9
_WAYS, _FREE = (-0.2, 0.12), 0.36  # heights in the plane at which people walk, and at which nobody does


@dataclass(frozen=True)
class Sensor:
    """The camera's electronics: blur and noise (pixels at a height of 256; grey levels), and drift of brightness."""

    blur: float
    noise: float
    drift: float


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything about a camera's view that outlasts a clip."""

    seed: int  # it was made from
    kind: str  # one of `KINDS`
    camera: Camera  # who watches
    sensor: Sensor  # with which sensor
    ground: list[Sheet]  # layers of the ground
    standing: list[Sheet]  # sheets that stand on it
    sky: RGB  # colour behind all
    ways: tuple[Way, ...]  # of normal traffic
    free_z: float  # distance of a line across the picture, near the camera, where nobody goes


def kind_of(seed: int) -> str:
    """The kind of the scene of a seed."""
    return str(np.random.default_rng([seed, 3]).choice(KINDS, p=(0.35, 0.25, 0.2, 0.2)))


def make_scene(seed: int, *, kind: str | None = None) -> Scene:
    """A scene, the same for the same seed.

    Args:
        seed: at least 0; each gives another layout, camera, traffic and sensor.
        kind: one of `KINDS`; by default the seed decides.

    Raises:
        ValueError: for an unknown kind.
    """
    kind = kind_of(seed) if kind is None else kind
    if kind not in _BUILDERS:
        raise ValueError(f"kind {kind!r}: not one of {', '.join(KINDS)}")
    rng = np.random.default_rng([seed, 2])
    sensor = Sensor(float(rng.uniform(0, 0.7)), float(rng.uniform(0.5, 2.5)), float(rng.uniform(0, 0.015)))
    return replace(_BUILDERS[kind](rng), seed=seed, kind=kind, sensor=sensor)


@lru_cache(maxsize=4)
def backdrop_of(scene: Scene, size: tuple[int, int]) -> Backdrop:
    """The scene without actors, kept for the next clip."""
    return draw_backdrop(scene.camera, scene.ground, scene.standing, scene.sky, size)


def _plaza(rng: Generator) -> Scene:
    """A paved place that people cross on two or three ways, before buildings."""
    camera = _camera(rng, (4.5, 7), (22, 34), (0.17, 0.24))
    ways = [_across(camera, rng, 9.0) for _ in range(int(rng.integers(2, 4)))]
    tiles = Material(_grey(rng, 0.45, 0.7), 0.12, 0.6, float(rng.uniform(0.6, 2)), _grey(rng, 0.3, 0.4))
    back = camera.ground_at(-0.36)
    windows = Material(_grey(rng, 0.35, 0.6), 0.08, 1.0, 2.6, (0.2, 0.23, 0.27))
    standing = [wall((-3 * back, back), (3 * back, back), float(rng.uniform(6, 12)), windows)]
    for at in _spots(rng, camera, ways, 3):
        standing += tree(at, 4.5, _leaves(rng)) if rng.random() < 0.5 else box(at, 1.6, 0.8, 0.6, _stone(rng))
    return _scene(camera, [_ground(tiles)], standing, ways)


def _path(rng: Generator) -> Scene:
    """A lawn with one or two paths, before a hedge."""
    camera = _camera(rng, (4, 6.5), (20, 32), (0.17, 0.24))
    ways = [_across(camera, rng, 12.0) for _ in range(int(rng.integers(1, 3)))]
    ground = [_ground(_leaves(rng))]
    gravel = Material(_grey(rng, 0.5, 0.68), 0.12, 0.3)
    ground += [band(way.at(-20.0), way.at(way.length + 20), way.wide + 1.4, gravel) for way in ways]
    back = camera.ground_at(-0.36)
    standing = [wall((-3 * back, back), (3 * back, back), float(rng.uniform(2, 5)), _leaves(rng))]
    for at in _spots(rng, camera, ways, 4):
        standing += tree(at, float(rng.uniform(3.5, 5.5)), _leaves(rng))
    return _scene(camera, ground, standing, ways)


def _hall(rng: Generator) -> Scene:
    """An indoor hall with columns."""
    camera = _camera(rng, (3, 4.2), (20, 30), (0.2, 0.28))
    ways = [_across(camera, rng, 10.0) for _ in range(2)]
    floor = Material(_grey(rng, 0.5, 0.75), 0.06, 2.0, float(rng.uniform(0.5, 1)), _grey(rng, 0.4, 0.5))
    back = camera.ground_at(-0.33)
    standing = [wall((-3 * back, back), (3 * back, back), 6.0, Material(_grey(rng, 0.55, 0.8), 0.05, 1.5, 3.0))]
    for x, z in _spots(rng, camera, ways, 2):
        standing += box((x, z), 0.5, 0.5, 4.0, _stone(rng))
    return _scene(camera, [_ground(floor)], standing, ways)


def _road(rng: Generator) -> Scene:
    """A road with two lanes, and a pavement with people beyond it, before buildings."""
    camera = _camera(rng, (6.5, 9), (24, 34), (0.095, 0.115))
    z, slope = camera.ground_at(0.0), float(rng.uniform(-0.25, 0.25))
    reach = camera.half_width(z + 8, _BESIDE) + 6
    left, right = np.array([-reach, z - slope * reach]), np.array([reach, z + slope * reach])
    lane = Way(left, right, 0.3, 7.0, float(rng.uniform(5, 6)), drives=True)
    walk = replace(lane, wide=1.2, rate=8.0, speed=1.35, drives=False).moved(-6.2)
    ways = [lane.moved(1.7), lane.reversed().moved(1.7), walk]
    pave, tarmac = Material(_grey(rng, 0.5, 0.65), 0.08, 0.4, 1.2), Material(_grey(rng, 0.28, 0.4), 0.12, 0.25)
    white = Material((0.8, 0.8, 0.78), 0.05)
    road = [band(left - 0.2 * right, right - 0.2 * left, 7.4, tarmac)]
    road += [band(lane.at(s), lane.at(s + 2.0), 0.15, white) for s in np.arange(0, lane.length, 5.0)]
    back = z + 11
    windows = Material(_grey(rng, 0.35, 0.6), 0.08, 1.0, 2.8, (0.2, 0.23, 0.27))
    standing = [wall((-3 * back, back), (3 * back, back), 9.0, windows)]
    for at in _spots(rng, camera, ways, 2, apart=2.2):
        standing += tree(at, 4.5, _leaves(rng))
    return _scene(camera, [_ground(pave), *road], standing, ways)


_BUILDERS: dict[str, Callable[[Generator], Scene]] = {"plaza": _plaza, "path": _path, "hall": _hall, "road": _road}
KINDS = tuple(_BUILDERS)


def _scene(camera: Camera, ground: list[Sheet], standing: list[Sheet], ways: list[Way]) -> Scene:
    return Scene(
        0, "", camera, Sensor(0, 0, 0), ground, standing, (0.72, 0.77, 0.84), tuple(ways), camera.ground_at(_FREE)
    )


def _camera(
    rng: Generator, height: tuple[float, float], pitch: tuple[float, float], share: tuple[float, float]
) -> Camera:
    """A camera in whose middle people take a `share` of the picture's height; angles in degrees."""
    tall, tilt = float(rng.uniform(*height)), float(np.deg2rad(rng.uniform(*pitch)))
    away = tall / np.sin(tilt)
    return Camera(tall, tilt, float(rng.uniform(*share) * away / (1.7 * np.cos(tilt))))


def _across(camera: Camera, rng: Generator, rate: float) -> Way:
    """A way from one side of the picture to the other, which leaves the foreground free."""
    z0, z1 = (camera.ground_at(float(down)) for down in rng.uniform(*_WAYS, 2))
    start = np.array([-camera.half_width(z0, _BESIDE) - 0.6, z0])
    end = np.array([camera.half_width(z1, _BESIDE) + 0.6, z1])
    return Way(start, end, float(rng.uniform(0.8, 2.0)), rate, float(rng.uniform(1.2, 1.45)))


def _spots(
    rng: Generator, camera: Camera, ways: list[Way], count: int, apart: float = 1.6
) -> list[tuple[float, float]]:
    """Places for things to stand, on no way and not in the foreground."""
    found: list[tuple[float, float]] = []
    for _ in range(30):
        z = camera.ground_at(float(rng.uniform(-0.3, 0.2)))
        x = float(rng.uniform(-0.5, 0.5)) * 2 * camera.half_width(z)
        away = min(way.away(np.array([x, z])) - way.wide / 2 for way in ways)
        if away > apart and all(np.hypot(x - a, z - b) > 2 for a, b in found):
            found.append((x, z))
    return found[:count]


def _grey(rng: Generator, low: float, high: float) -> RGB:
    red, green, blue = (float(rng.uniform(low, high)) + rng.normal(0, 0.015, 3)).tolist()
    return red, green, blue


def _leaves(rng: Generator) -> Material:
    level = float(rng.uniform(0.7, 1.1))
    return Material((0.27 * level, 0.36 * level, 0.19 * level), 0.22, 0.45)


def _stone(rng: Generator) -> Material:
    return Material(_grey(rng, 0.4, 0.6), 0.1)


def _ground(material: Material) -> Sheet:
    return Sheet(np.array([-200.0, 0, -20]), np.array([400.0, 0, 0]), np.array([0, 0, 400.0]), material)
