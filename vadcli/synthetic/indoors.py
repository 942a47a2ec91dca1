"""Corridors, halls, rooms and shops."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.places import Place, paving, pick_camera, tone, walkways
from vadcli.synthetic.routes import Route, visible_point
from vadcli.synthetic.textures import Material
from vadcli.synthetic.world import Builder, Pole, Slab, Strip, Wall

Array = NDArray[Any]
Generator = np.random.Generator


def _floor(rng: Generator) -> Material:
    kind = str(rng.choice(["tiles", "checker", "planks", "plain"], p=[0.45, 0.15, 0.2, 0.2]))
    first = tone(rng, 0.3, 0.75, 0.02)
    return Material(
        kind,
        first,
        tuple((np.array(first) * rng.uniform(0.6, 0.9)).tolist()),
        float(rng.uniform(0.3, 1.2)) if kind != "planks" else 0.12,
        float(rng.uniform(0.5, 1.1)),
        float(rng.uniform(0, 99)),
    )


def _plaster(rng: Generator) -> Material:
    return Material("plain", tone(rng, 0.45, 0.85, 0.02), contrast=0.6, offset=float(rng.uniform(0, 99)))


def _ceiling(place: Place, rng: Generator, level: float, deep: float, wide: float) -> None:
    place.build.slabs.append(
        Slab((0.0, deep / 2), 0.0, (deep, wide), level, Material("tiles", tone(rng, 0.55, 0.8), unit_m=0.6), glow=0.8)
    )
    for z in np.arange(2.0, deep, float(rng.uniform(2, 4))):
        place.build.slabs.append(
            Slab(
                (float(rng.uniform(-0.3, 0.3)), float(z)),
                0.0,
                (0.5, 0.3),
                level - 0.02,
                Material("plain", (1, 1, 0.97), contrast=0),
                glow=1.1,
            )
        )


def corridor(rng: Generator) -> Place:
    """A corridor with doors; people come and go along it and through side passages."""
    height = float(rng.uniform(2.4, 4.5))
    camera = pick_camera(rng, (height, height + 0.01), (10, 28), (0.16, 0.4))
    half, deep = float(rng.uniform(1.3, 3.5)), float(rng.uniform(12, 26))
    place = Place(Builder(_floor(rng)), camera, deep, indoor=True, sky=((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
    level = max(height + 0.3, 2.9)
    paint = _plaster(rng)
    gaps: list[tuple[float, float]] = []
    for side in (-1.0, 1.0):
        z = 0.0
        for opening in np.sort(rng.uniform(4, deep * 0.85, int(rng.integers(1, 3)))):
            if opening < z + 1.5:
                continue
            place.build.walls.append(Wall((side * half, z), (side * half, float(opening)), 0, level, paint))
            gaps.append((side, float(opening) + 0.9))
            z = float(opening) + 1.8
        place.build.walls.append(Wall((side * half, z), (side * half, deep), 0, level, paint))
        place.build.walls.append(Wall((side * (half + 2.2), 0), (side * (half + 2.2), deep), 0, level, paint))
        door = Material("planks", tone(rng, 0.2, 0.5, 0.06), unit_m=1.0)
        for at in rng.uniform(2, deep, int(rng.integers(1, 5))):
            if all(abs(at - gap) > 2 for s, gap in gaps if s == side):
                place.build.walls.append(
                    Wall(
                        (side * (half - 0.03), float(at) - 0.45),
                        (side * (half - 0.03), float(at) + 0.45),
                        0,
                        2.05,
                        door,
                    )
                )
    place.build.walls.append(
        Wall((-half - 3, deep), (half + 3, deep), 0, level, _plaster(rng), glow=float(rng.choice([0.0, 1.15])))
    )
    _ceiling(place, rng, level, deep, half + 3)
    rate = float(np.exp(rng.uniform(np.log(3), np.log(22))))
    ends: list[Array] = [np.array([side * (half + 1.4), z]) for side, z in gaps]
    near = camera.ground(0.5, 1.06, min(2.0, height * 0.6))
    start = np.array([0.0, near[1] if near is not None else 1.0])
    one_way = rng.random() < 0.35
    for end in ends:
        turn = np.array([np.sign(end[0]) * half * 0.3, end[1]])
        place.routes.append(
            Route(
                np.stack([start + np.array([rng.uniform(-0.6, 0.6) * half, 0]), turn - np.array([0, 1.0]), turn, end]),
                half * 0.12,
                rate / len(ends),
                0.0 if one_way else 0.5,
                1.25,
            )
        )
    for first, second in pairwise(ends):
        if not one_way and first[0] * second[0] < 0:
            inner = [np.array([np.sign(p[0]) * half * 0.3, p[1]]) for p in (first, second)]
            place.routes.append(Route(np.stack([first, *inner, second]), half * 0.1, rate / 4, 0.5, 1.25))
    return place


def hall(rng: Generator) -> Place:
    """A station hall or a lobby from above, with columns."""
    camera = pick_camera(rng, (4.5, 11), (18, 48), (0.1, 0.24))
    deep = float(np.clip(camera.focal * 1.7 / 0.05, 12, 45))
    place = Place(Builder(_floor(rng)), camera, deep, indoor=True, sky=((0.3, 0.3, 0.3), (0.3, 0.3, 0.3)))
    wide = float(rng.uniform(0.35, 0.8)) * deep
    for side in (-1.0, 1.0):
        place.build.walls.append(
            Wall(
                (side * wide, 0),
                (side * wide, deep * 1.05),
                0,
                14,
                Material("windows", tone(rng, 0.3, 0.8), tone(rng, 0.2, 0.95), 3.0),
            )
        )
    place.build.walls.append(
        Wall(
            (-wide, deep * 1.05),
            (wide, deep * 1.05),
            0,
            14,
            Material("windows", tone(rng, 0.3, 0.8), tone(rng, 0.1, 0.95), 2.4),
        )
    )
    for _ in range(int(rng.integers(0, 4))):
        stripe = float(rng.uniform(0.15, 0.8))
        at = visible_point(camera, rng, deep)
        if at is not None:
            angle = float(rng.choice([0, np.pi / 2]))
            place.build.marks.append(Strip((at[0], at[1]), angle, -stripe, stripe, paving(rng), dash=(4.0, 3.9)))
    for _ in range(int(rng.integers(0, 4))):
        at = visible_point(camera, rng, deep)
        if at is not None and np.hypot(*at) > 5 and abs(at[0]) < wide - 1:
            place.build.add_pole(
                Pole((float(at[0]), float(at[1])), 9.0, float(rng.uniform(0.2, 0.5)), tone(rng, 0.25, 0.8))
            )
    walkways(place, rng, int(rng.integers(4, 9)), float(np.exp(rng.uniform(np.log(6), np.log(50)))), speed=1.2)
    place.routes[:] = [route for route in place.routes if np.abs(route.points[:, 0]).max() < wide * 1.6]
    for _ in range(3):  # people who come through the far doors
        side = float(rng.uniform(-0.7, 0.7)) * wide
        near = camera.ground(float(rng.uniform(0.2, 0.8)), 1.05, 2.0)
        if near is not None:
            place.routes.append(
                Route(
                    np.array([[side, deep * 1.05 + 1.0], [side, deep * 0.95], near]),
                    0.5,
                    float(rng.uniform(1, 8)),
                    0.5,
                    1.2,
                )
            )
    for _ in range(int(rng.integers(0, 5))):
        at = visible_point(camera, rng, deep)
        if at is not None and abs(at[0]) < wide - 1 and np.hypot(*at) > 4:
            place.standing.append(at)
    return place


def room(rng: Generator) -> Place:
    """An office or a shop seen close, with tables and shelves that hide people's legs."""
    height = float(rng.uniform(2.3, 3.2))
    camera = pick_camera(rng, (height, height + 0.01), (14, 32), (0.28, 0.6))
    wide, deep = float(rng.uniform(2.5, 4.5)), float(rng.uniform(5.5, 10))
    place = Place(Builder(_floor(rng)), camera, deep, indoor=True, sky=((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
    level, paint = max(height + 0.2, 2.7), _plaster(rng)
    door = float(rng.uniform(0.45, 0.75)) * deep
    side = float(rng.choice([-1, 1]))
    place.build.walls += [
        Wall((-side * wide, 0), (-side * wide, deep), 0, level, paint),
        Wall((side * wide, 0), (side * wide, door), 0, level, paint),
        Wall((side * wide, door + 1.1), (side * wide, deep), 0, level, paint),
        Wall((-wide - 3, deep), (wide + 3, deep), 0, level, _plaster(rng)),
        Wall((side * (wide + 1.6), 0), (side * (wide + 1.6), deep), 0, level, _plaster(rng)),
    ]
    for _ in range(int(rng.integers(1, 4))):  # pictures, boards and windows
        at, half = float(rng.uniform(-wide * 0.8, wide * 0.8)), float(rng.uniform(0.3, 0.8))
        bright = rng.random() < 0.4
        place.build.walls.append(
            Wall(
                (at - half, deep - 0.04),
                (at + half, deep - 0.04),
                1.0,
                float(rng.uniform(1.6, 2.3)),
                Material("plain", tone(rng, 0.75, 0.97) if bright else tone(rng, 0.1, 0.7, 0.12)),
                glow=1.2 if bright else 0.0,
            )
        )
    shelf = Material(
        "shelves",
        tone(rng, 0.3, 0.6, 0.06),
        tone(rng, 0.08, 0.3),
        float(rng.uniform(0.3, 0.45)),
        offset=float(rng.uniform(0, 99)),
    )
    if rng.random() < 0.7:
        place.build.add_box(
            (float(rng.uniform(-wide * 0.6, wide * 0.6)), deep - 0.3),
            np.pi / 2,
            (float(rng.uniform(0.6, 1.8)), 0.25),
            float(rng.uniform(1.3, 2.1)),
            shelf,
        )
    for _ in range(int(rng.integers(1, 4))):
        spot = visible_point(camera, rng, deep, 0.35, 0.9)
        if (
            spot is not None
            and abs(spot[0]) < wide - 0.7
            and abs(spot[0] - side * wide) > 1.4
            and np.hypot(*spot) > 2.2
        ):
            wood = Material("planks", tone(rng, 0.25, 0.65, 0.06), unit_m=0.25)
            high = float(rng.choice([0.74, 0.74, 1.4]))
            place.build.add_box(
                (float(spot[0]), float(spot[1])),
                float(rng.choice([0, np.pi / 2])),
                (float(rng.uniform(0.5, 1.1)), float(rng.uniform(0.3, 0.5))),
                high,
                shelf if high > 1 else wood,
                wood,
            )
    _ceiling(place, rng, level, deep, wide + 3)
    way_in = np.array([side * (wide + 0.9), door + 0.55])
    inside = np.array([side * (wide - 0.8), door + 0.55])
    near = camera.ground(0.5, 1.05, 1.4)
    near = near if near is not None else np.array([0.0, 1.0])
    for _ in range(int(rng.integers(2, 5))):
        spot = visible_point(camera, rng, deep - 0.8, 0.4, 0.85)
        spot = spot if spot is not None else np.array([0.0, deep / 2])
        spot = np.array([np.clip(spot[0], -wide + 0.6, wide - 0.6), spot[1]])
        out = way_in if rng.random() < 0.4 else near
        mid = [inside] if out is way_in else []
        points = [way_in, inside, spot, *mid, out] if rng.random() < 0.8 else [near, spot, near + np.array([0.5, 0])]
        place.routes.append(Route(np.array(points), 0.15, float(rng.uniform(1.5, 5)), 0.5, 0.95))
    return place


INDOORS = {"corridor": corridor, "hall": hall, "room": room}
