"""Plazas, paths, lawns, roads, streets and car parks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.camera import Camera
from vadcli.synthetic.places import (
    WHITE,
    Place,
    along,
    backdrop_line,
    band,
    decorate_ground,
    furnish,
    grass,
    horizon_m,
    leaves,
    paving,
    pick_camera,
    put,
    tarmac,
    tone,
    walkways,
)
from vadcli.synthetic.routes import Route, visible_point
from vadcli.synthetic.textures import Material
from vadcli.synthetic.vehicles import random_make
from vadcli.synthetic.world import Builder, Strip, Wall

Array = NDArray[Any]
Generator = np.random.Generator


def _start(ground: Material, camera: Camera, rng: Generator, share: float = 0.03) -> Place:
    return Place(Builder(ground), camera, min(horizon_m(camera, share), 120.0))


def _far_end(place: Place, rng: Generator) -> None:
    """Close the view where it is too deep for people to be seen."""
    top = place.camera.ground(0.5, 0.0)
    if top is None or top[1] > place.far_m:
        place.far_m = min(place.far_m, float(rng.uniform(0.7, 1.0)) * place.far_m)
        backdrop_line(place, rng, place.far_m * 1.05 + 1)
    elif rng.random() < 0.4:
        at = place.camera.ground(0.5, float(rng.uniform(0.1, 0.25)))
        if at is not None:
            backdrop_line(place, rng, float(at[1]))
            place.far_m = min(place.far_m, float(at[1]) * 0.97)


def plaza(rng: Generator) -> Place:
    """A paved square crossed in all directions."""
    place = _start(paving(rng), pick_camera(rng, (3.5, 16), (14, 58), (0.08, 0.26)), rng)
    _far_end(place, rng)
    decorate_ground(place, rng)
    furnish(place, rng, int(rng.integers(0, 6)), ("planter", "tree", "bench", "lamp", "bollard", "sign"))
    walkways(place, rng, int(rng.integers(3, 9)), float(np.exp(rng.uniform(np.log(8), np.log(110)))))
    _gatherings(place, rng, 0.35)
    return place


def path(rng: Generator) -> Place:
    """A broad path across the picture with lawns, hedges and lamps beside it."""
    place = _start(grass(rng), pick_camera(rng, (4, 16), (14, 40), (0.09, 0.22)), rng)
    middle = float(rng.uniform(0.5, 0.68))
    at, angle, long = band(place, rng, middle + rng.normal(0, 0.06), middle + rng.normal(0, 0.06))
    ahead = place.camera.ground(0.5, middle - float(rng.uniform(0.12, 0.3)))
    half = float(np.clip(abs((ahead[1] if ahead is not None else 20) - at[1]), 1.5, 12)) * float(rng.uniform(0.5, 1.0))
    place.build.marks.append(Strip((at[0], at[1]), angle, -half, half, paving(rng)))
    kerb = Material("plain", tone(rng, 0.45, 0.75))
    place.build.marks += [Strip((at[0], at[1]), angle, side * half - 0.1, side * half + 0.1, kerb) for side in (-1, 1)]
    if rng.random() < 0.6:
        place.build.marks.append(
            Strip(
                (at[0] + long * float(rng.uniform(0.1, 0.5)), at[1]),
                angle + float(rng.uniform(-2.2, -1.0)),
                -0.9,
                0.9,
                paving(rng),
                start=half * 0.9,
            )
        )
    far = along(at, angle, -half - float(rng.uniform(1, 5)), -long, 2 * long)
    if rng.random() < 0.6:
        place.build.walls.append(
            Wall(tuple(far[0]), tuple(far[1]), 0, float(rng.uniform(0.5, 1.6)), leaves(rng), ragged=0.5)
        )
    _far_end(place, rng)
    for _ in range(int(rng.integers(0, 6))):
        side = float(rng.choice([-1, -1, 1])) * (half + float(rng.uniform(0.4, 5)))
        spot = along(at, angle, side, float(rng.uniform(0, 1)) * long, 0)[0]
        if np.hypot(*spot) > 4:
            put(place, rng, str(rng.choice(["tree", "lamp", "bush", "lamp", "bench"])), (spot[0], spot[1]))
    total = float(np.exp(rng.uniform(np.log(10), np.log(110))))
    lanes = int(rng.integers(3, 7))
    for across in rng.uniform(-half * 0.85, half * 0.85, lanes):
        points = along(at, angle, float(across), -2.5 - 0.3 * long, 1.3 * long + 2.5)
        place.routes.append(Route(points, min(1.2, half * 0.4), total / lanes, float(rng.choice([0.5, 0.3])), 1.3))
    return place


def lawn(rng: Generator) -> Place:
    """A lawn that people cross, with paved edges."""
    place = _start(grass(rng), pick_camera(rng, (4, 12), (18, 45), (0.09, 0.24)), rng)
    _far_end(place, rng)
    for _ in range(int(rng.integers(1, 4))):
        at, angle, _long = band(place, rng, float(rng.uniform(0.15, 1.0)), float(rng.uniform(0.15, 1.0)))
        if rng.random() < 0.5:
            angle += float(rng.uniform(0.6, 1.4))
        wide = float(rng.uniform(0.8, 3))
        place.build.marks.append(Strip((at[0], at[1]), angle, -wide, wide, paving(rng)))
    furnish(place, rng, int(rng.integers(0, 5)), ("tree", "bush", "bench", "lamp"))
    walkways(place, rng, int(rng.integers(3, 8)), float(np.exp(rng.uniform(np.log(8), np.log(70)))))
    _gatherings(place, rng, 0.4)
    return place


def _carriageway(place: Place, rng: Generator, at: Array, angle: float, long: float, lanes: int, rate: float) -> float:
    """Paint a road and let vehicles drive on it; its half width."""
    lane = float(rng.uniform(3.0, 3.7))
    half = lanes * lane / 2
    marks, here = place.build.marks, (float(at[0]), float(at[1]))
    marks.append(Strip(here, angle, -half - 0.4, half + 0.4, tarmac(rng)))
    paint = Material("plain", tuple((np.array(WHITE) * rng.uniform(0.75, 1.1)).tolist()))
    yellow = Material("plain", (0.78, 0.62, 0.2)) if rng.random() < 0.3 else paint
    both = rng.random() < 0.6 and lanes > 1
    for k in range(1, lanes):
        middle = both and k == lanes // 2
        line = -half + k * lane
        marks.append(
            Strip(
                here, angle, line - 0.08, line + 0.08, yellow if middle else paint, dash=None if middle else (9.0, 3.5)
            )
        )
    marks += [Strip(here, angle, side * (half + 0.1) - 0.07, side * (half + 0.1) + 0.07, paint) for side in (-1, 1)]
    speed = float(rng.uniform(7, 20))
    for k in range(lanes):
        reverse = both and k < lanes // 2
        points = along(at, angle, -half + (k + 0.5) * lane, -0.5 * long - 25, 1.5 * long + 25)
        place.routes.append(
            Route(
                points[::-1] if reverse else points,
                0.35,
                rate / lanes,
                0.0,
                speed * float(rng.uniform(0.85, 1.15)),
                drives=True,
            )
        )
    return half


def _gatherings(place: Place, rng: Generator, chance: float) -> None:
    """People who stand and talk, as is normal here."""
    if rng.random() < chance:
        for _ in range(int(rng.integers(1, 4))):
            at = visible_point(place.camera, rng, place.far_m)
            if at is not None and np.hypot(*at) > 3:
                place.standing.append(at)


def _deep_line(place: Place, rng: Generator) -> tuple[Array, float, float]:
    """A road's line: across the picture, or away from the camera."""
    camera = place.camera
    if rng.random() < 0.5:
        return band(place, rng, float(rng.uniform(0.35, 0.8)), float(rng.uniform(0.35, 0.8)))
    near, far = camera.ground(float(rng.uniform(0.1, 0.9)), 1.0), camera.ground(float(rng.uniform(0.2, 0.8)), 0.2)
    if near is None or far is None or far[1] > place.far_m:
        far = np.array([float(rng.normal(0, place.far_m * 0.25)), place.far_m])
    near = near if near is not None else np.array([0.0, 3.0])
    line = far - near
    return near, float(np.arctan2(line[0], line[1])), float(np.linalg.norm(line))


def road(rng: Generator) -> Place:
    """Traffic seen from a bridge or a mast."""
    steep = rng.random() < 0.25
    camera = pick_camera(rng, (7, 18), (50, 80) if steep else (12, 45), (0.05, 0.16))
    place = _start(grass(rng) if rng.random() < 0.7 else paving(rng), camera, rng, 0.02)
    _far_end(place, rng)
    at, angle, long = _deep_line(place, rng)
    half = _carriageway(
        place, rng, at, angle, long, int(rng.integers(2, 6)), float(np.exp(rng.uniform(np.log(12), np.log(90))))
    )
    if rng.random() < 0.5:
        rail = along(at, angle, float(rng.choice([-1, 1])) * (half + 1.0), -long, 2 * long)
        place.build.walls.append(
            Wall(tuple(rail[0]), tuple(rail[1]), 0.3, 0.75, Material("plain", tone(rng, 0.5, 0.75)))
        )
    for _ in range(int(rng.integers(0, 6))):
        spot = along(
            at,
            angle,
            float(rng.choice([-1, 1])) * (half + float(rng.uniform(1.5, 7))),
            float(rng.uniform(0, 1)) * long,
            0,
        )[0]
        if np.hypot(*spot) > 6:
            put(place, rng, str(rng.choice(["tree", "bush", "lamp", "sign"])), (spot[0], spot[1]))
    return place


def street(rng: Generator) -> Place:
    """A street with pavements where people walk, and houses."""
    place = _start(paving(rng), pick_camera(rng, (4, 12), (14, 40), (0.08, 0.22)), rng)
    _far_end(place, rng)
    at, angle, long = _deep_line(place, rng)
    half = _carriageway(
        place, rng, at, angle, long, int(rng.integers(1, 4)), float(np.exp(rng.uniform(np.log(5), np.log(35))))
    )
    kerb = Material("plain", tone(rng, 0.5, 0.75))
    for side in (-1, 1):
        edges = sorted((side * (half + 0.4), side * (half + 0.65)))
        place.build.marks.append(Strip((at[0], at[1]), angle, edges[0], edges[1], kerb))
        for _ in range(int(rng.integers(1, 3))):
            points = along(at, angle, side * (half + float(rng.uniform(1.2, 3.2))), -0.4 * long - 6, 1.4 * long + 6)
            place.routes.append(Route(points, 0.5, float(rng.uniform(3, 13)), 0.5, 1.3))
    for _ in range(int(rng.integers(0, 5))):
        spot = along(at, angle, float(rng.choice([-1, 1])) * (half + 0.95), float(rng.uniform(0, 1)) * long, 0)[0]
        if np.hypot(*spot) > 5:
            put(place, rng, str(rng.choice(["lamp", "tree", "sign", "bollard"])), (spot[0], spot[1]))
    return place


def parking(rng: Generator) -> Place:
    """A car park: parked cars, some that drive slowly, people who walk to them."""
    place = _start(tarmac(rng), pick_camera(rng, (5, 12), (18, 42), (0.07, 0.18)), rng)
    _far_end(place, rng)
    at, angle, long = band(place, rng, float(rng.uniform(0.3, 0.45)), float(rng.uniform(0.3, 0.45)))
    paint = Material("plain", WHITE)
    aisle = float(rng.uniform(3.2, 4.5))
    full = float(rng.uniform(0.2, 0.85))
    for side in (-1.0, 1.0):
        inner, outer = side * aisle, side * (aisle + 5)
        place.build.marks.append(
            Strip((at[0], at[1]), angle, min(outer, inner), max(outer, inner), paint, dash=(2.6, 0.12))
        )
        for bay in range(int(-0.3 * long / 2.6), int(1.3 * long / 2.6)):
            if rng.random() < full:
                spot = along(at, angle, side * (aisle + 2.5), bay * 2.6 + 1.36, 0)[0]
                if np.hypot(*spot) > 5:
                    _parked(place, rng, spot, angle + np.pi / 2)
    for reverse in (False, True):
        points = along(at, angle, 1.4 if reverse else -1.4, -0.5 * long - 8, 1.5 * long + 8)
        place.routes.append(
            Route(points[::-1] if reverse else points, 0.2, float(rng.uniform(1, 6)), 0.0, 4.0, drives=True)
        )
    for across in (-aisle + 0.5, aisle - 0.5, -aisle - 6.5, aisle + 6.2):
        place.routes.append(
            Route(along(at, angle, across, -0.4 * long - 4, 1.4 * long + 4), 0.4, float(rng.uniform(2, 12)), 0.5, 1.3)
        )
    return place


def _parked(place: Place, rng: Generator, spot: Array, angle: float) -> None:
    make = random_make(rng, "car" if rng.random() < 0.8 else "van")
    paint, glass = Material("plain", make.paint, contrast=0.3), Material("plain", (0.12, 0.13, 0.15), contrast=0.3)
    here = (float(spot[0]), float(spot[1]))
    place.build.add_box(here, angle, (make.length / 2, make.width / 2), make.deck - 0.2, paint, low=0.2)
    low, high = make.cabin
    shift = ((low + high) / 2 - 0.5) * make.length * float(rng.choice([-1, 1]))
    centre = (here[0] + shift * float(np.sin(angle)), here[1] + shift * float(np.cos(angle)))
    place.build.add_box(
        centre,
        angle,
        ((high - low) * make.length / 2 - 0.25, make.width / 2 - 0.15),
        make.roof - make.deck,
        glass,
        paint,
        make.deck,
    )


OUTDOORS = {"plaza": plaza, "path": path, "lawn": lawn, "road": road, "street": street, "parking": parking}
