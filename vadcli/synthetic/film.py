"""Frames of a clip: actors drawn far to near over the backdrop, with labels and masks of the abnormal ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.synthetic.actors import Actor
from vadcli.synthetic.anomalies import Stage
from vadcli.synthetic.avoidance import step_aside
from vadcli.synthetic.backdrop import Backdrop
from vadcli.synthetic.drawing import SHIFT, Sketch, fill, fill_mask
from vadcli.synthetic.events import possible, stage_events
from vadcli.synthetic.light import brightness
from vadcli.synthetic.population import standing, vehicles, walkers
from vadcli.synthetic.scene import Scene, backdrop_of
from vadcli.synthetic.sensor import develop, sway

Array = NDArray[Any]
SUPERSAMPLING = 2
VISIBLE_SHARE = 0.0004
PLANNING_SIZE = (96, 96)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One frame of a clip.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        label: 1 when abnormal actors cover at least `VISIBLE_SHARE` of the picture (7 pixels at 128 x 128), else 0.
        mask: (H, W) bool, their pixels without their shadows; all False where the label is 0.
    """

    image: Array
    label: int
    mask: Array


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
    frames = max(1, int(seconds * fps + 0.5))
    rng = np.random.default_rng([scene.seed, clip_seed, 3, int(anomalies)])
    canvas_size = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    backdrop = backdrop_of(scene, canvas_size)
    actors = sorted(cast(scene, frames, fps, anomalies, rng), key=lambda actor: actor.motion.start)
    time = np.arange(frames) / fps
    gain, sunny = brightness(scene.light, time, rng)
    bright = float(np.percentile(backdrop.lit[::4, ::4], 96))
    gain *= np.clip(min(scene.sensor.level / max(float(backdrop.lit.mean()), 1.0), 235 / max(bright, 1.0)), 0.6, 2.0)
    offsets = sway(scene.sensor, time, size[0], rng)
    breeze = 0.5 + 0.5 * np.sin(2 * np.pi * time[:, None] * rng.uniform(0.15, 0.7, 3) + rng.uniform(0, 6, 3)).prod(1)
    on_stage: list[Sketch] = []
    waiting = iter(actors)
    coming = next(waiting, None)
    for frame in range(frames):
        while coming is not None and coming.motion.start <= frame:
            on_stage.append(coming.sketch(scene.camera, scene.light, backdrop, grey=scene.sensor.grey))
            coming = next(waiting, None)
        on_stage = [sketch for sketch in on_stage if frame < sketch.start + len(sketch.parts)]
        canvas, marks = _draw(scene, backdrop, on_stage, frame, float(sunny[frame]), float(breeze[frame]))
        image = develop(canvas, scene.sensor, float(gain[frame]), scene.light.rain, offsets[frame], rng, size)
        mask = _shrink(marks, size)
        label = int(mask.sum() >= VISIBLE_SHARE * mask.size)
        yield Rendered(image, label, mask if label else np.zeros(size, bool))


def cast(scene: Scene, frames: int, fps: float, anomalies: bool, rng: np.random.Generator) -> list[Actor]:
    """Everybody in a clip."""
    density = float(np.exp(rng.normal(0, 0.35)))
    actors: list[Actor] = []
    for route in scene.routes:
        if route.drives:
            actors += vehicles(route, scene.camera, frames, fps, density, rng)
        else:
            actors += walkers(route, scene.camera, scene.blockers, frames, fps, density, scene.pausing, rng)
    for spot in scene.standing:
        actors += standing(spot, frames, fps, rng)
    if anomalies:
        stage = stage_of(scene, frames, fps)
        kinds = possible(stage, standing=bool(scene.standing), wild=scene.kind == "path")
        actors += stage_events(stage, kinds, rng)
    return step_aside(actors, fps)


def stage_of(scene: Scene, frames: int, fps: float) -> Stage:
    """The surroundings of a clip's anomalies, the same for every size of picture."""
    nearest = backdrop_of(scene, PLANNING_SIZE).nearest
    indoor = scene.kind in ("corridor", "hall", "room")
    return Stage(scene.camera, scene.routes, scene.blockers, scene.far_m, frames, fps, indoor, nearest)


def _draw(
    scene: Scene, backdrop: Backdrop, sketches: list[Sketch], frame: int, sunny: float, breeze: float
) -> tuple[Array, Array | None]:
    """The canvas (h, w, C) and the abnormal pixels (h, w) uint8, None when there are none."""
    canvas = backdrop.lit.copy()
    top, bottom, left, right = backdrop.sway_box
    if top < bottom:
        area = (slice(top, bottom), slice(left, right))
        blended = cv2.addWeighted(backdrop.lit[area], 1 - breeze, backdrop.swayed[area], breeze, 0)
        canvas[area] = blended.reshape(canvas[area].shape)
    here = [(sketch, frame - sketch.start) for sketch in sketches]
    here = [(sketch, at) for sketch, at in here if sketch.parts[at]]
    _shade(
        canvas, [one for sketch, at in here for one in sketch.shadows[at]], backdrop.solid, scene.light.direct, sunny
    )
    here = [
        (sketch, at)
        for sketch, at in here
        if sketch.boxes[at, 0] < sketch.boxes[at, 2] and sketch.boxes[at, 1] < sketch.boxes[at, 3]
    ]
    here.sort(key=lambda one: -one[0].distance[one[1]])
    marks: Array | None = None
    if any(sketch.abnormal[at] for sketch, at in here):
        marks = np.zeros(canvas.shape[:2], np.uint8)
    for sketch, at in here:
        parts = sketch.parts[at]
        fill(canvas, parts)
        x0, y0, x1, y1 = sketch.boxes[at]
        area = (slice(y0, y1), slice(x0, x1))
        hidden = backdrop.nearest[area] < sketch.distance[at]
        covered = bool(hidden.any())
        if covered:
            np.copyto(canvas[area], backdrop.lit[area], where=hidden[..., None])
        if marks is not None:
            if sketch.abnormal[at]:
                fill_mask(marks, parts, 255)
                if covered:
                    marks[area][hidden] = 0
            elif marks[area].any():
                over = np.zeros_like(marks)
                fill_mask(over, parts, 255)
                marks[area][(over[area] > 0) & ~hidden] = 0
    return canvas, marks


def _shade(canvas: Array, outlines: list[Array], solid: Array, direct: float, sunny: float) -> None:
    """Darken the ground under shadows, in place, but not what stands in front of it (`solid`)."""
    if not outlines:
        return
    height, width = canvas.shape[:2]
    mask = np.full((height // 2, width // 2), 255, np.uint8)
    depth = 1 - direct * 0.9 * sunny if direct > 0.1 else 0.82
    for outline in outlines:
        cv2.fillConvexPoly(mask, outline, (int(255 * depth),), cv2.LINE_AA, SHIFT + 1)
    mask = np.maximum(cv2.blur(mask, (3, 3)), solid)
    rows, columns = np.flatnonzero((mask < 255).any(1)), np.flatnonzero((mask < 255).any(0))
    if not len(rows):
        return
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    part = mask[top:bottom, left:right]
    part = cv2.resize(part, (2 * part.shape[1], 2 * part.shape[0]), interpolation=cv2.INTER_LINEAR)
    area = canvas[2 * top : 2 * bottom, 2 * left : 2 * right]
    factor = part if canvas.shape[2] == 1 else cv2.merge([part] * 3)
    area[:] = cv2.multiply(area, factor.reshape(area.shape), scale=1 / 255).reshape(area.shape)


def _shrink(marks: Array | None, size: tuple[int, int]) -> Array:
    if marks is None:
        return np.zeros(size, bool)
    return np.asarray(cv2.resize(marks, (size[1], size[0]), interpolation=cv2.INTER_AREA) >= 128)
