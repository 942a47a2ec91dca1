"""Cars, vans, trucks, buses and carts: boxes with cabins, windows, wheels and lamps."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.synthetic.camera import Camera
from vadcli.synthetic.drawing import Part, Sketch, bounds, on_ground, pixels
from vadcli.synthetic.figures import RGB, tinted
from vadcli.synthetic.gait import Motion
from vadcli.synthetic.light import Light

Array = NDArray[Any]
_PAINT: tuple[RGB, ...] = (
    (0.85, 0.85, 0.86),
    (0.6, 0.61, 0.63),
    (0.35, 0.36, 0.38),
    (0.1, 0.1, 0.11),
    (0.55, 0.1, 0.1),
    (0.12, 0.2, 0.42),
    (0.5, 0.46, 0.38),
    (0.14, 0.28, 0.2),
    (0.75, 0.6, 0.15),
)


@dataclass(frozen=True)
class Make:
    """A vehicle's shape in metres: body, cabin from `cabin[0]` to `cabin[1]` of its length, rear first, and paint."""

    length: float
    width: float
    deck: float
    roof: float
    cabin: tuple[float, float]
    slope: tuple[float, float]
    paint: RGB
    wheel: float


def random_make(rng: np.random.Generator, kind: str | None = None) -> Make:
    """Some vehicle; `kind` one of car, van, truck, bus, cart."""
    kind = kind or str(rng.choice(["car", "van", "truck", "bus"], p=[0.72, 0.16, 0.08, 0.04]))
    mixed = np.clip(np.array(_PAINT[rng.integers(len(_PAINT))]) * rng.uniform(0.8, 1.15), 0.04, 1)
    paint = (float(mixed[0]), float(mixed[1]), float(mixed[2]))
    k = float(rng.uniform(0.93, 1.08))
    if kind == "van":
        return Make(5.0 * k, 1.95, 1.0, 2.1 * k, (0.0, 0.86), (0.01, 0.1), paint, 0.34)
    if kind == "truck":
        return Make(8.0 * k, 2.4, 1.1, 3.1 * k, (0.0, 0.98), (0.0, 0.02), paint, 0.5)
    if kind == "bus":
        return Make(11.0 * k, 2.5, 1.0, 3.0 * k, (0.0, 1.0), (0.0, 0.015), paint, 0.5)
    if kind == "cart":
        return Make(2.5 * k, 1.25, 0.65, 1.8 * k, (0.1, 0.75), (0.0, 0.12), paint, 0.24)
    return Make(4.3 * k, 1.78, 0.85 * k, 1.45 * k, (0.08, 0.72), (0.1, 0.16), paint, 0.32)


def sketch_vehicle(
    make: Make, motion: Motion, camera: Camera, light: Light, size: tuple[int, int], dim: Array, *, grey: bool
) -> Sketch:
    """Outlines of a vehicle; arguments as of `sketch_figure`."""
    faces, base, normals = _faces(make)  # (f, 8, 3) forward, up, right
    n = len(motion)
    sin, cos = np.sin(motion.heading)[:, None, None], np.cos(motion.heading)[:, None, None]
    s, y, r = faces[None, ..., 0], faces[None, ..., 1], faces[None, ..., 2]
    world = np.stack(
        [
            motion.x[:, None, None] + s * sin + r * cos,
            np.broadcast_to(y, (n, *y.shape[1:])),
            motion.z[:, None, None] + s * cos - r * sin,
        ],
        -1,
    )
    plane, depth = camera.plane(world)
    outline = pixels(plane, camera, size)
    normal = np.stack(
        [
            normals[:, 0] * sin[:, 0] + normals[:, 2] * cos[:, 0],
            np.broadcast_to(normals[:, 1], (n, len(normals))),
            normals[:, 0] * cos[:, 0] - normals[:, 2] * sin[:, 0],
        ],
        -1,
    )
    outward = ((np.array([0, camera.height_m, 0]) - world.mean(2)) * normal).sum(-1) > 0
    distance = np.sqrt(motion.x**2 + motion.z**2 + camera.height_m**2)
    sun = light.towards_sun
    shade = (
        0.55 + 0.3 * normal[..., 1] * (normal[..., 1] > 0) + (0.12 + 0.5 * light.direct) * np.maximum(normal @ sun, 0)
    )
    ready = depth.min((1, 2)) > 0.6
    parts: list[list[Part]] = []
    for i in range(n):
        tones = tinted(
            base * np.minimum(shade[i], 1.25)[:, None], light, dim[i : i + 1], distance[i : i + 1], grey=grey
        )[0]
        parts.append([(outline[i, k], tones[k]) for k in np.flatnonzero(outward[i])] if ready[i] else [])
    sharp = light.direct > 0.1
    middle = np.stack([motion.x, np.zeros(n), motion.z], -1)[:, None, None]
    cast = on_ground(world, light.shadow_slope()) if sharp else on_ground(middle + (world - middle) * 1.15, np.zeros(2))
    flat, depth = camera.plane(cast)
    ground = pixels(flat, camera, size).reshape(n, -1, 2)
    shadows = [[cv2.convexHull(ground[i])[:, 0]] if ready[i] and depth[i].min() > 0.4 else [] for i in range(n)]
    boxes = bounds(outline, size)
    boxes[~ready] = 0
    return Sketch(motion.start, distance, boxes, parts, shadows, motion.abnormal)


def _faces(make: Make) -> tuple[Array, Array, Array]:
    """Faces (f, 8, 3) in drawing order with their colours (f, 3) and outward normals (f, 3)."""
    faces: list[Array] = []
    colours: list[RGB] = []
    normals: list[tuple[float, float, float]] = []
    half, clear = make.width / 2, make.wheel * 0.75
    back, front = -make.length / 2, make.length / 2

    def add(points: list[tuple[float, float, float]], colour: RGB, normal: tuple[float, float, float]) -> None:
        corners = np.array(points)
        faces.append(np.repeat(corners, 2, axis=0) if len(corners) == 4 else corners)
        colours.append(colour)
        normals.append(normal)

    def hull(
        low: tuple[float, float, float], high: tuple[float, float, float], inset: float, colours4: tuple[RGB, ...]
    ) -> None:
        """Four sides and a top between two levels (level, rear, front)."""
        (y0, a0, b0), (y1, a1, b1) = low, high
        w0, w1 = half, half - inset
        rise = max(y1 - y0, 1e-3)
        add([(a0, y0, -w0), (a0, y0, w0), (a1, y1, w1), (a1, y1, -w1)], colours4[0], (-1, (a1 - a0) / rise, 0))
        add([(b0, y0, -w0), (b0, y0, w0), (b1, y1, w1), (b1, y1, -w1)], colours4[1], (1, (b0 - b1) / rise, 0))
        for side in (-1.0, 1.0):
            add(
                [(a0, y0, side * w0), (b0, y0, side * w0), (b1, y1, side * w1), (a1, y1, side * w1)],
                colours4[2],
                (0, inset / rise, side),
            )
        add([(a1, y1, -w1), (b1, y1, -w1), (b1, y1, w1), (a1, y1, w1)], colours4[3], (0, 1, 0))

    paint, dark = make.paint, (0.1, 0.11, 0.13)
    hull((clear, back, front), (make.deck, back + 0.05, front - 0.08), 0.03, (paint, paint, paint, paint))
    for s in (back + make.length * 0.2, front - make.length * 0.2):
        for side in (-1.0, 1.0):
            around = np.linspace(0, 2 * np.pi, 8, endpoint=False)
            add(
                [(s + make.wheel * np.cos(a), make.wheel * (1 + np.sin(a)), side * (half + 0.01)) for a in around],
                (0.06, 0.06, 0.06),
                (0, 0, side),
            )
    for end, colour in ((back, (0.5, 0.08, 0.06)), (front, (0.85, 0.85, 0.78))):
        for side in (-1.0, 1.0):
            a, b, x = side * half * 0.95, side * half * 0.6, end * 1.003
            add(
                [(x, make.deck * 0.6, a), (x, make.deck * 0.6, b), (x, make.deck * 0.82, b), (x, make.deck * 0.82, a)],
                colour,
                (1.0 if end > 0 else -1.0, 0, 0),
            )
    a, b = back + make.cabin[0] * make.length, back + make.cabin[1] * make.length
    sa, sb = make.slope[0] * make.length, make.slope[1] * make.length
    hull((make.deck, a, b), (make.roof, a + sa, b - sb), 0.15, (paint, paint, paint, paint))

    def pane(first: float, last: float, side: float) -> None:
        """A side window between two shares of the cabin's length."""
        low, high = 0.12, 0.85
        rise = make.roof - make.deck

        def corner(share: float, level: float) -> tuple[float, float, float]:
            rear, fore = a + sa * level, b - sb * level
            return rear + (fore - rear) * share, make.deck + rise * level, side * (half - 0.15 * level + 0.01)

        add(
            [corner(first, low), corner(last, low), corner(last, high), corner(first, high)],
            dark,
            (0, 0.15 / rise, side),
        )

    tall = make.roof > 2.6  # trucks and buses
    for side in (-1.0, 1.0):
        spans = [(0.86, 0.97)] if tall else [(0.08, 0.47), (0.53, 0.92)] if make.slope[0] else [(0.7, 0.95)]
        if tall and make.length > 10:
            spans = [(0.03 + 0.119 * k, 0.135 + 0.119 * k) for k in range(8)]
        for first, last in spans:
            pane(first, last, side)
    for x0, x1, way in ((b, b - sb, 1.0), (a, a + sa, -1.0)):
        if way < 0 and not make.slope[0]:
            continue
        low, high, rise = 0.1 if not tall else 0.35, 0.9, make.roof - make.deck
        y0, y1 = make.deck + rise * low, make.deck + rise * high
        s0, s1 = x0 + (x1 - x0) * low + 0.01 * way, x0 + (x1 - x0) * high + 0.01 * way
        w0, w1 = half - 0.15 * low - 0.1, half - 0.15 * high - 0.08
        add([(s0, y0, -w0), (s0, y0, w0), (s1, y1, w1), (s1, y1, -w1)], dark, (way, abs(x1 - x0) / rise, 0))
    return np.array(faces), np.array(colours), np.array(normals, float)
