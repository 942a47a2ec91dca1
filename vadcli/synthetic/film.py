"""Frames of a clip: actors drawn far to near over the backdrop, with labels and masks of the abnormal ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.synthetic.anomalies import happen
from vadcli.synthetic.backdrop import SUN
from vadcli.synthetic.camera import Camera
from vadcli.synthetic.figures import Moment, Shape
from vadcli.synthetic.scene import Scene, Sensor, backdrop_of
from vadcli.synthetic.traffic import Actor, Clock, traffic

Array = NDArray[Any]
SUPERSAMPLING = 2
VISIBLE_SHARE = 0.001
_BITS = 4  # of a pixel's fraction in what OpenCV draws
_SHADE = 0.72


@dataclass(frozen=True, slots=True)
class Rendered:
    """One frame of a clip."""

    image: Array  # (H, W, 3) uint8 RGB
    label: int  # 1 when abnormal actors cover at least `VISIBLE_SHARE` of the picture (16 pixels at 128 x 128), else 0
    mask: Array  # (H, W) bool, their pixels without their shadows; all False where the label is 0


def render(
    scene: Scene, clip_seed: int, *, seconds: float, fps: float, size: tuple[int, int], anomalies: bool
) -> Iterator[Rendered]:
    """Film a clip; the same arguments give the same bytes.

    Args:
        scene: from `make_scene`.
        clip_seed: another seed, another clip of the same scene.
        seconds: length of the clip.
        fps: frames a second.
        size: height and width of the frames in pixels.
        anomalies: whether something happens; a clip without is normal throughout.

    Yields:
        round(seconds * fps) frames, at least one.

    Raises:
        ValueError: for a length, rate or size that is not positive.
    """
    if seconds <= 0 or fps <= 0 or min(size) < 16:
        raise ValueError(f"seconds {seconds}, fps {fps}, size {size}: need positive lengths and sides of at least 16")
    rng = np.random.default_rng([scene.seed, clip_seed, int(anomalies)])
    clock = Clock(max(1, int(seconds * fps + 0.5)), fps)
    actors = traffic(scene.ways, clock, rng) + (happen(scene, clock, rng) if anomalies else [])
    turn = float(rng.uniform(0, 2 * np.pi))
    for frame in range(clock.frames):
        here = [(actor, frame - actor.start) for actor in actors if 0 <= frame - actor.start < len(actor.moments)]
        canvas, marks = _draw(scene, here, (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
        gain = 1 + scene.sensor.drift * np.sin(frame / fps / 7 + turn)
        mask = cv2.resize(marks, (size[1], size[0]), interpolation=cv2.INTER_AREA) >= 128
        label = int(mask.sum() >= VISIBLE_SHARE * mask.size)
        yield Rendered(_develop(canvas, scene.sensor, gain, rng, size), label, mask & bool(label))


def _draw(scene: Scene, here: list[tuple[Actor, int]], size: tuple[int, int]) -> tuple[Array, Array]:
    """The canvas (h, w, 3), and 255 at abnormal pixels (h, w)."""
    backdrop, camera = backdrop_of(scene, size), scene.camera
    marks: Array = np.zeros(size, np.uint8)
    shadow: Array = np.full(size, 255, np.uint8)
    seen: list[tuple[float, Actor, Moment, bool]] = []
    for actor, at in here:
        now = actor.moments[at]
        plane, away = camera.plane(np.array([now.x, 0.8, now.z]))
        margin = camera.focal * max(actor.body.footprint) / away
        if away > 1 and abs(plane[0]) < 0.5 * size[1] / size[0] + margin and abs(plane[1]) < 0.5 + margin:
            seen.append((float(away), actor, now, bool(actor.abnormal[at])))
            outline = _pixels(camera.plane(_shadow(actor, now))[0], size)
            cv2.fillConvexPoly(shadow, cv2.convexHull(outline), int(255 * _SHADE), cv2.LINE_AA, _BITS)
    shadow = cv2.blur(shadow, (5, 5))
    shadow[backdrop.nearest < 1e5] = 255
    canvas: Array = cv2.multiply(backdrop.picture, cv2.merge([shadow] * 3), scale=1 / 255)
    counts = any(abnormal for *_, abnormal in seen)
    for depth, actor, now, abnormal in sorted(seen, key=lambda each: -each[0]):
        strokes = _strokes(list(actor.body.shapes(now)), camera, size)
        area = _around(strokes, size)
        hidden = backdrop.nearest[area] < depth - 0.5
        before = canvas[area].copy() if hidden.any() else None
        for stroke in strokes:
            stroke.draw(canvas, stroke.colour)
        if before is not None:
            np.copyto(canvas[area], before, where=hidden[..., None])
        if counts:
            own = np.zeros(size, np.uint8)
            for stroke in strokes:
                stroke.draw(own, (255,))
            own[area][hidden] = 0
            marks[area] = np.maximum(marks[area], own[area]) if abnormal else np.minimum(marks[area], 255 - own[area])
    return canvas, marks


@dataclass(frozen=True, eq=False)
class _Stroke:
    """A shape on the canvas: its points as OpenCV takes them, and the thickness of a line, 0 for a polygon."""

    points: Array
    thick: int
    colour: tuple[int, ...]

    def draw(self, canvas: Array, colour: tuple[int, ...]) -> None:
        if self.thick:
            cv2.polylines(canvas, [self.points], False, colour, self.thick, cv2.LINE_AA, _BITS)
        else:
            cv2.fillConvexPoly(canvas, self.points, colour, cv2.LINE_AA, _BITS)


def _strokes(shapes: list[Shape], camera: Camera, size: tuple[int, int]) -> list[_Stroke]:
    """Shapes on the canvas, all projected at once."""
    ends = np.cumsum([len(shape.points) for shape in shapes])[:-1]
    plane, depth = camera.plane(np.concatenate([shape.points for shape in shapes]))
    scale = camera.focal * size[0] / float(depth.mean())
    made = []
    for shape, points in zip(shapes, np.split(_pixels(plane, size), ends), strict=True):
        thick = max(1, round(2 * shape.radius * scale)) if shape.radius else 0
        colour = tuple(int(255 * value) for value in shape.colour)
        made.append(_Stroke(points if thick else cv2.convexHull(points), thick, colour))
    return made


def _around(strokes: list[_Stroke], size: tuple[int, int]) -> tuple[slice, slice]:
    """The part of the canvas that strokes may touch."""
    low = np.min([stroke.points.min((0, 1)) / 2**_BITS - stroke.thick for stroke in strokes], axis=0)
    high = np.max([stroke.points.max((0, 1)) / 2**_BITS + stroke.thick for stroke in strokes], axis=0)
    (left, top), (right, bottom) = (np.clip(edge, 0, [size[1], size[0]]).astype(int) for edge in (low - 2, high + 3))
    return slice(top, bottom), slice(left, right)


def _shadow(actor: Actor, now: Moment) -> Array:
    """(8, 3) ground points under a body and where the sun puts its head."""
    along, across = (0.5 * side for side in actor.body.footprint)
    corners = now.world(np.array([[s, 0.0, r] for s in (-along, along) for r in (-across, across)]))
    tip = corners - np.array([SUN[0], 0.0, SUN[2]]) / SUN[1] * 0.8 * actor.body.height_m
    return np.concatenate([corners, tip])


def _pixels(plane: Array, size: tuple[int, int]) -> Array:
    """(k, 1, 2) int32 points for OpenCV to draw through, of plane coordinates (k, 2)."""
    plane = np.clip(plane * size[0] + np.array([size[1], size[0]]) / 2 - 0.5, -3e4, 3e4)
    return np.asarray(np.round(plane * 2**_BITS).astype(np.int32)[:, None])


@lru_cache(maxsize=1)
def _noise() -> Array:
    """(1024, 1024, 3) noise of deviation 32 about 128, a little coarser than a pixel."""
    bank = cv2.GaussianBlur(np.random.default_rng(7).normal(size=(1024, 1024, 3)).astype(np.float32), (0, 0), 0.6)
    return np.asarray(np.clip(bank / bank.std() * 32 + 128, 0, 255), np.uint8)


def _develop(canvas: Array, sensor: Sensor, gain: float, rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """The picture that leaves the camera: (H, W, 3) uint8."""
    height, width = size
    picture = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    blur = sensor.blur * height / 256
    picture = cv2.GaussianBlur(picture, (0, 0), blur) if blur > 0.3 else picture
    y, x = (int(rng.integers(0, 1024 - min(side, 1023))) for side in size)
    grain = cv2.resize(_noise()[y : y + height, x : x + width], (width, height))
    share = sensor.noise / 32
    return np.asarray(cv2.addWeighted(picture, gain, grain, share, -128 * share))
