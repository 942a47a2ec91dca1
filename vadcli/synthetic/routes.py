"""Ways through a scene: where people and vehicles come in, go and leave, and how fast along the way."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.camera import Camera
from vadcli.synthetic.gait import Motion

Array = NDArray[Any]
_BRAKE_S = 0.6  # time to come to a stop
Blockers = tuple[tuple[Array, float], ...]


@dataclass(frozen=True, eq=False)
class Route:
    """A way that normal traffic takes.

    Attributes:
        points: (k, 2) x and z in metres; the ends lie outside the picture or behind something.
        spread_m: how far people stray from it to either side.
        rate: people or vehicles that set out on it a minute.
        back: share that goes the other way, 0 for a one-way route.
        speed: usual speed in metres a second.
        drives: for vehicles.
    """

    points: Array
    spread_m: float
    rate: float
    back: float
    speed: float
    drives: bool = False


def side_point(camera: Camera, side: str, rng: np.random.Generator, far_m: float, body: float = 0.5) -> Array | None:
    """(2,) a ground point just outside one side of the picture; None when no ground shows there.

    Args:
        camera: whose picture.
        side: left, right, bottom or top.
        rng: where along the side.
        far_m: no farther than this.
        body: half the width in metres of who has to be out of sight.
    """
    if side == "bottom":
        u = float(rng.uniform(0.1, 0.9))
        return camera.ground(u, 1.05, min(2.0, camera.height_m * 0.6))
    if side == "top":
        point = camera.ground(float(rng.uniform(0.1, 0.9)), -0.04)
        return point if point is not None and point[1] < far_m * 1.2 else None
    sign = -1.0 if side == "left" else 1.0
    for _ in range(12):
        v = float(rng.uniform(0.08, 0.97))
        point = camera.ground(0.5 + sign * 0.5, v)
        if point is not None and np.hypot(*point) < far_m and point[1] > 0.5:
            return np.asarray(point + np.array([sign * (body + 0.1), 0.0]))
    return None


def visible_point(
    camera: Camera, rng: np.random.Generator, far_m: float, low: float = 0.2, high: float = 0.9
) -> Array | None:
    """(2,) a ground point inside the picture between the heights `low` and `high` of it."""
    for _ in range(20):
        point = camera.ground(float(rng.uniform(0.12, 0.88)), float(rng.uniform(low, high)))
        if point is not None and np.hypot(*point) < far_m:
            return point
    return None


def smooth(points: Array, blockers: Blockers = (), step_m: float = 0.3) -> Array:
    """A (n, 2) smooth way through `points`, sampled about every `step_m`, around what blocks it."""
    way = np.asarray(points, float)
    for _ in range(3):
        quarter, rest = way[:-1] * 0.75 + way[1:] * 0.25, way[:-1] * 0.25 + way[1:] * 0.75
        way = np.concatenate([way[:1], np.stack([quarter, rest], 1).reshape(-1, 2), way[-1:]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    at = np.linspace(0, length[-1], max(int(length[-1] / step_m), 2))
    way = np.stack([np.interp(at, length, way[:, k]) for k in (0, 1)], -1)
    for centre, radius in blockers:
        offset = way - centre
        away = np.linalg.norm(offset, axis=1, keepdims=True)
        wanted = radius + 0.45
        near = np.clip(1.6 - away / wanted, 0, 1)
        if near.any():
            side = np.sign((offset[:-1] * np.diff(way, axis=0)[:, ::-1] * np.array([1, -1])).sum()) or 1.0
            run = np.gradient(way, axis=0)
            across = (
                side
                * np.stack([run[:, 1], -run[:, 0]], -1)
                / np.maximum(np.linalg.norm(run, axis=1, keepdims=True), 1e-6)
            )
            lateral = (offset * across).sum(1, keepdims=True)
            bell = np.exp(-((away**2 - lateral**2) / (1.5 * wanted**2)))
            closest = float(np.abs(lateral[np.argmin(away)]).item())
            way = way + across * bell * max(wanted - closest, 0)
    return way


def sideways(way: Array, offset_m: float) -> Array:
    """The way, moved to its right."""
    run = np.gradient(way, axis=0)
    run /= np.maximum(np.linalg.norm(run, axis=1, keepdims=True), 1e-6)
    return way + offset_m * np.stack([run[:, 1], -run[:, 0]], -1)


def out_of_sight(way: Array, camera: Camera, margin_m: float = 0.6) -> Array:
    """The way with both ends led on until a person there is out of the picture, at most a few metres."""
    for _ in range(2):
        way = np.concatenate([_leave(way[0], way[0] - way[1], camera, margin_m), way])[::-1]
    return way


def _leave(end: Array, onward: Array, camera: Camera, margin_m: float) -> Array:
    """(k, 2) points that lead out of the picture beyond `end`, the farthest first."""
    inside = camera.picture(np.array([[end[0], 0.9, end[1]]]))[0]
    borders = np.array([inside[0], 1 - inside[0], 1 - inside[1], inside[1]])
    outward = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])[int(np.argmin(borders))]
    heading = onward / max(float(np.linalg.norm(onward)), 1e-6) + outward
    heading = heading / max(float(np.linalg.norm(heading)), 0.3)
    points = end + heading * np.arange(1, 30)[:, None] * 0.3
    points[:, 1] = np.maximum(points[:, 1], 0.2)
    hidden = _hidden(np.concatenate([end[None], points]), camera, margin_m)
    return np.asarray(points[: int(np.argmax(hidden))][::-1])


def _hidden(points: Array, camera: Camera, margin_m: float) -> Array:
    """(k,) bool, whether a person at each of the ground points (k, 2) is outside the picture."""
    body = np.stack([np.stack([points[:, 0], np.full(len(points), level), points[:, 1]], -1) for level in (0.0, 1.9)])
    plane, depth = camera.plane(body)
    margin = (margin_m * camera.focal / depth.min(0))[:, None]
    half = np.array([camera.aspect, 1.0]) / 2
    beyond = (plane.min(0) - margin > half).any(1) | (plane.max(0) + margin < -half).any(1)
    return np.asarray(beyond | (depth.min(0) <= 0.4))


def length_of(way: Array) -> float:
    """Metres along a way."""
    return float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())


@dataclass(frozen=True)
class Pace:
    """Speed, pauses and gait of somebody on a way.

    Attributes:
        speed: metres a second.
        stops: (metres along the way, seconds) of pauses.
        rush: (metres along the way, speed there and after) of breaking into a run; None walks on.
        run: 1 runs from the start.
        stride_m: metres a cycle of the gait covers; from speed when None.
        wobble: relative size of changes of speed.
    """

    speed: float
    stops: tuple[tuple[float, float], ...] = ()
    rush: tuple[float, float] | None = None
    run: float = 0.0
    stride_m: float | None = None
    wobble: float = 0.06


def travel(
    way: Array,
    pace: Pace,
    begin_s: float,
    frames: int,
    fps: float,
    *,
    pose: str = "walk",
    abnormal: bool = False,
    height: float = 1.7,
    phase: float = 0.0,
) -> Motion | None:
    """Motion along a way from `begin_s` on, cut to the frames of a clip; None when it never meets them.

    Args:
        way: (n, 2) from `smooth`.
        pace: how.
        begin_s: seconds into the clip at which it sets out, may be negative.
        frames: length of the clip.
        fps: its frames a second.
        pose: see `Motion`.
        abnormal: whether all of it is an anomaly (with `pace.rush`, only from there on).
        height: of the body, for the length of steps.
        phase: where in its gait it starts.
    """
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    total_s = (frames / fps) - begin_s
    if total_s <= 0:
        return None
    dt = min(1 / fps, 0.1)
    time = np.arange(0, total_s + dt, dt)
    speed = pace.speed * (1 + pace.wobble * np.sin(2 * np.pi * (time / 7.3 + phase)))
    s = np.concatenate([[0], np.cumsum(speed[:-1] * dt)])
    if pace.rush is not None:
        hurried = s > pace.rush[0]
        if hurried.any():
            since = time - time[np.argmax(hurried)]
            speed = np.where(hurried, pace.speed + (pace.rush[1] - pace.speed) * np.clip(since / 0.6, 0, 1), speed)
            s = np.concatenate([[0], np.cumsum(speed[:-1] * dt)])
    brake, late = np.ones(len(time)), 0.0
    for where, wait in sorted(pace.stops):
        since = time - (np.interp(where, s, time) + late)
        inside = (since > 0) & (since < wait + 2 * _BRAKE_S)
        brake[inside] = np.clip(np.maximum(1 - since / _BRAKE_S, (since - wait) / _BRAKE_S - 1), 0, 1)[inside]
        late += wait + _BRAKE_S
    clock = np.concatenate([[0], np.cumsum(brake[:-1] * dt)])
    s, speed = np.interp(clock, time, s), np.interp(clock, time, speed) * brake
    at = np.arange(frames) / fps - begin_s
    place, fast = np.interp(at, time, s), np.interp(at, time, speed)
    keep = np.flatnonzero((at >= 0) & (place <= arc[-1]))
    if len(keep) < 2:
        return None
    place, fast = place[keep], fast[keep]
    x, z = np.interp(place, arc, way[:, 0]), np.interp(place, arc, way[:, 1])
    run_way = np.gradient(way, axis=0)
    flat = np.unwrap(np.arctan2(run_way[:, 0], run_way[:, 1]))
    heading = np.interp(place, arc, flat)
    running = np.full(len(keep), pace.run)
    oddly = np.full(len(keep), abnormal)
    if pace.rush is not None:
        running = np.clip((fast - pace.speed) / max(pace.rush[1] - pace.speed, 1e-6), 0, 1)
        oddly = oddly & (running > 0.3)
    walk_stride = 0.82 * height * np.sqrt(max(pace.speed if not pace.run else 1.35, 0.3) / 1.35)
    hurry = pace.rush[1] if pace.rush else pace.speed
    stride = pace.stride_m or walk_stride + running * (0.68 * hurry - walk_stride)
    stride = np.broadcast_to(np.maximum(stride, 0.3), x.shape).copy()
    cycle = phase + np.concatenate([[0], np.cumsum(np.diff(place) / stride[1:])])
    effort = np.clip(fast / max(0.6 * pace.speed, 1e-3), 0, 1)
    return Motion(int(keep[0]), x, z, heading, cycle, stride, effort, running, np.zeros(len(x)), pose, oddly)


def seen(motion: Motion, camera: Camera, margin_m: float) -> Motion | None:
    """The frames from the first to the last in which the actor may be in the picture; None when never."""
    ends = np.stack([np.stack([motion.x, np.full(len(motion), level), motion.z], -1) for level in (0.0, 1.9)])
    plane, depth = camera.plane(ends)
    picture = plane / np.array([camera.aspect, 1.0]) + 0.5
    margin = margin_m * camera.focal / depth
    inside = (depth > 0.4) & (picture[..., 0] > -margin) & (picture[..., 0] < 1 + margin)
    inside &= (picture[..., 1] > -margin) & (picture[..., 1] < 1 + margin)
    there = np.flatnonzero(inside.any(0))
    if len(there) < 2:
        return None
    return motion.part(slice(int(there[0]), int(there[-1]) + 1))
