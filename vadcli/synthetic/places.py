"""Kinds of outdoor places: their fixtures, and the ways of people and vehicles."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.camera import Camera
from vadcli.synthetic.routes import Route, side_point, visible_point
from vadcli.synthetic.textures import Material
from vadcli.synthetic.world import Builder, Foliage, Pole, Ring, Strip, Wall

Array = NDArray[Any]
RGB = tuple[float, float, float]
WHITE: RGB = (0.82, 0.82, 0.8)


@dataclass
class Place:
    """A place under construction: its pieces, its ways, and where people stand about."""

    build: Builder
    camera: Camera
    far_m: float
    routes: list[Route] = field(default_factory=list)
    standing: list[Array] = field(default_factory=list)
    sky: tuple[RGB, RGB] = ((0.8, 0.83, 0.87), (0.6, 0.7, 0.85))
    indoor: bool = False


def tone(rng: np.random.Generator, low: float, high: float, tint: float = 0.012) -> RGB:
    """A greyish colour of some brightness."""
    warm = rng.normal(0.015, 1.5 * tint)
    value = np.clip(rng.uniform(low, high) + rng.normal(0, tint, 3) + np.array([warm, 0, -warm]), 0.03, 0.97)
    return float(value[0]), float(value[1]), float(value[2])


def green(rng: np.random.Generator) -> tuple[RGB, RGB]:
    """Two greens of one plant, from lush to dry."""
    dry = rng.uniform(0, 1)
    level = rng.uniform(0.65, 1.2)
    first = np.array([0.22 + 0.2 * dry, 0.34 + 0.04 * dry, 0.18 + 0.06 * dry]) * level
    return tuple(first.tolist()), tuple((first * np.array([0.75, 0.72, 0.7])).tolist())


def grass(rng: np.random.Generator) -> Material:
    """A lawn."""
    first, second = green(rng)
    return Material("grass", first, second, contrast=float(rng.uniform(0.6, 1.4)), offset=float(rng.uniform(0, 99)))


def paving(rng: np.random.Generator) -> Material:
    """Something to walk on."""
    kind = str(rng.choice(["tiles", "bricks", "plain", "asphalt", "checker"], p=[0.4, 0.15, 0.2, 0.15, 0.1]))
    first = tone(rng, 0.4, 0.8)
    second = tuple(
        np.clip(np.array(first) * rng.choice([rng.uniform(0.45, 0.9), rng.uniform(1.05, 1.3)]), 0, 1).tolist()
    )
    unit = {"tiles": rng.uniform(0.4, 3.0), "bricks": rng.uniform(0.25, 0.7), "checker": rng.uniform(0.6, 2.5)}.get(
        kind, 1.0
    )
    return Material(kind, first, second, float(unit), float(rng.uniform(0.8, 1.9)), float(rng.uniform(0, 99)))


def tarmac(rng: np.random.Generator) -> Material:
    """A road's surface."""
    return Material(
        "asphalt", tone(rng, 0.24, 0.5, 0.007), offset=float(rng.uniform(0, 99)), contrast=float(rng.uniform(0.7, 1.8))
    )


def leaves(rng: np.random.Generator) -> Material:
    """A tree's or a hedge's leaves."""
    first, second = green(rng)
    return Material("leaves", first, second, offset=float(rng.uniform(0, 99)))


def wall_material(rng: np.random.Generator) -> Material:
    """A building's outside."""
    kind = str(rng.choice(["windows", "bricks", "plain"], p=[0.6, 0.2, 0.2]))
    colour = tone(rng, 0.3, 0.75, 0.025)
    second = tone(rng, 0.1, 0.3) if kind == "windows" else tone(rng, 0.4, 0.6)
    unit = rng.uniform(1.6, 3.5) if kind == "windows" else 0.5
    return Material(kind, colour, second, float(unit), offset=float(rng.uniform(0, 99)))


def pick_camera(
    rng: np.random.Generator, height: tuple[float, float], pitch: tuple[float, float], share: tuple[float, float]
) -> Camera:
    """A camera whose people take a `share` of the picture's height at its centre; angles in degrees."""
    aspect = float(rng.choice([1.0, 4 / 3, 4 / 3, 1.5, 16 / 9]))
    for _ in range(200):
        tall, tilt = rng.uniform(*height), np.deg2rad(rng.uniform(*pitch))
        wanted = np.exp(rng.uniform(np.log(share[0]), np.log(share[1])))
        away = tall / np.sin(tilt)
        focal = wanted * away / (1.7 * max(np.cos(tilt), 0.3))
        if 0.65 < focal < 6:
            break
    return Camera(
        float(tall), float(tilt), float(np.deg2rad(rng.normal(0, 1.2))), float(np.clip(focal, 0.65, 6)), aspect
    )


def horizon_m(camera: Camera, share: float = 0.03) -> float:
    """Distance at which people take only `share` of the picture's height."""
    return float(camera.focal * 1.7 / share)


def backdrop_line(place: Place, rng: np.random.Generator, at_m: float) -> None:
    """Buildings, trees or a hedge across the far end at `at_m`."""
    build, turn = place.build, float(rng.normal(0, 0.15))
    left = -at_m * 2.5
    while left < at_m * 2.5:
        long = float(rng.uniform(0.3, 1.2)) * at_m
        z0, z1 = at_m + left * np.tan(turn), at_m + (left + long) * np.tan(turn)
        kind = rng.random()
        if kind < 0.55:
            high = float(rng.uniform(5, 22))
            build.walls.append(Wall((left, z0), (left + long, z1), 0, high, wall_material(rng)))
            corners = np.array([[left, z0], [left + long, z1], [left + long, z1 + 8], [left, z0 + 8]])
            build.casters.append((corners, high))
        elif kind < 0.85:
            build.walls.append(
                Wall((left, z0), (left + long, z1), 0, float(rng.uniform(3, 9)), leaves(rng), ragged=2.0)
            )
        else:
            build.walls.append(Wall((left, z0), (left + long, z1), 0, float(rng.uniform(0.8, 2.2)), wall_material(rng)))
        left += long * float(rng.uniform(1.0, 1.1))


def furnish(place: Place, rng: np.random.Generator, count: int, kinds: tuple[str, ...]) -> None:
    """Put planters, trees, poles, benches, bollards and bushes where they show."""
    for _ in range(count):
        at = visible_point(place.camera, rng, place.far_m, 0.12, 0.95)
        if at is None or np.hypot(*at) < 3:
            continue
        put(place, rng, str(rng.choice(kinds)), (float(at[0]), float(at[1])))


def put(place: Place, rng: np.random.Generator, kind: str, at: tuple[float, float]) -> None:
    """Put one thing on the ground."""
    build, angle = place.build, float(rng.uniform(0, np.pi))
    if place.camera.focal * (2.0 if kind in ("tree", "planter") else 1.0) / max(float(np.hypot(*at)), 0.1) > 0.3:
        return  # it would fill the picture
    if kind == "tree":
        build.add_tree(at, float(rng.uniform(3.5, 7)), float(rng.uniform(1.0, 2.2)), leaves(rng))
    elif kind == "planter":
        half = (float(rng.uniform(0.5, 1.6)), float(rng.uniform(0.4, 1.0)))
        build.add_box(at, angle, half, 0.5, Material("plain", tone(rng, 0.35, 0.65)), leaves(rng))
        build.crowns += _bush(rng, at, 0.75, min(half))
    elif kind == "bush":
        build.crowns += _bush(rng, at, 0.35, float(rng.uniform(0.5, 1.2)))
    elif kind == "bench":
        build.add_box(at, angle, (0.9, 0.25), 0.45, Material("planks", tone(rng, 0.25, 0.5), unit_m=0.1))
    elif kind == "lamp":
        build.add_pole(Pole(at, float(rng.uniform(3.5, 6.5)), 0.07, tone(rng, 0.1, 0.5), "lamp"))
    elif kind == "sign":
        build.add_pole(Pole(at, 2.4, 0.05, tone(rng, 0.3, 0.6), "sign"))
    else:
        build.add_pole(Pole(at, 0.9, 0.09, tone(rng, 0.15, 0.7)))


def _bush(rng: np.random.Generator, at: tuple[float, float], level: float, radius: float) -> list[Foliage]:
    return [Foliage(at, level, (radius, 0.45 + 0.3 * radius), leaves(rng))]


def walkways(
    place: Place,
    rng: np.random.Generator,
    count: int,
    rate: float,
    *,
    one_way: bool = False,
    speed: float = 1.3,
    via: bool = True,
) -> None:
    """Add `count` ways between sides of the picture, `rate` people a minute in all."""
    sides = ["left", "right", "bottom", "top"]
    top = place.camera.ground(0.5, -0.04)
    weights = np.array(
        [1, 1, 0.6 if place.camera.height_m > 2.5 else 0, 0.6 if top is not None and top[1] < place.far_m else 0]
    )
    shares = rng.dirichlet(np.full(count, 1.5))
    for share in shares:
        for _ in range(10):
            first, second = rng.choice(4, 2, replace=False, p=weights / weights.sum())
            ends = [side_point(place.camera, sides[k], rng, place.far_m) for k in (first, second)]
            if ends[0] is None or ends[1] is None or np.linalg.norm(ends[0] - ends[1]) < 3:
                continue
            middle = visible_point(place.camera, rng, place.far_m) if via and rng.random() < 0.5 else None
            points = [ends[0], *([middle] if middle is not None else []), ends[1]]
            place.routes.append(
                Route(
                    np.array(points),
                    float(rng.uniform(0.4, 2.5)),
                    float(rate * share),
                    0.0 if one_way else float(rng.choice([0.5, 0.2, 0.5])),
                    speed,
                )
            )
            break


def band(place: Place, rng: np.random.Generator, v_left: float, v_right: float) -> tuple[Array, float, float]:
    """A line across the picture from a height on its left to one on its right: a point, its angle, its length."""
    left, right = place.camera.ground(0.0, v_left), place.camera.ground(1.0, v_right)
    if left is None or right is None:
        left, right = np.array([-5.0, 15.0]), np.array([5.0, 15.0])
    line = right - left
    return left, float(np.arctan2(line[0], line[1])), float(np.linalg.norm(line))


def along(at: Array, angle: float, across: float, start: float, end: float) -> Array:
    """Two points (2, 2) on a line shifted `across` to its right, from `start` to `end` metres along it."""
    forward, right = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    return np.stack([at + right * across + forward * start, at + right * across + forward * end])


def decorate_ground(place: Place, rng: np.random.Generator) -> None:
    """Inlays: rings, bands and slabs of another paving."""
    for _ in range(int(rng.integers(0, 4))):
        at = visible_point(place.camera, rng, place.far_m)
        if at is None:
            continue
        other = paving(rng)
        if rng.random() < 0.4:
            outer = float(rng.uniform(1.5, 6))
            place.build.marks.append(Ring((at[0], at[1]), outer * float(rng.choice([0, 0.6, 0.8])), outer, other))
        else:
            wide = float(rng.uniform(0.3, 2.5))
            place.build.marks.append(Strip((at[0], at[1]), float(rng.uniform(0, np.pi)), -wide / 2, wide / 2, other))
