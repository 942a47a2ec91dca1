"""People step aside for each other, and for vehicles, instead of walking through them."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.synthetic.actors import Actor
from vadcli.synthetic.vehicles import Make

Array = NDArray[Any]
ROOM_M = 0.6  # between the middles of two people
SMOOTH_S = 0.45


def step_aside(actors: list[Actor], fps: float) -> list[Actor]:
    """The actors, walkers moved sideways where they would have met somebody; vehicles and people who stand keep on.

    Args:
        actors: of a clip.
        fps: frames a second, for how suddenly they step aside.
    """
    moved = []
    boxes = np.array(
        [
            [
                a.motion.x.min(),
                a.motion.x.max(),
                a.motion.z.min(),
                a.motion.z.max(),
                a.motion.start,
                a.motion.start + len(a.motion),
            ]
            for a in actors
        ]
    ).reshape(-1, 6)
    for index, actor in enumerate(actors):
        if isinstance(actor.body, Make) or actor.motion.effort.mean() < 0.3 or actor.motion.pose in ("throw", "ride"):
            moved.append(actor)
            continue
        own = boxes[index]
        near = (boxes[:, [0, 2, 4]] < own[[1, 3, 5]] + [2, 2, 0]).all(1) & (
            boxes[:, [1, 3, 5]] > own[[0, 2, 4]] - [2, 2, 0]
        ).all(1)
        near[index] = False
        aside = np.zeros(len(actor.motion))
        for other in np.flatnonzero(near):
            aside += _need(actor, actors[other], first=bool(index < other))
        if not aside.any():
            moved.append(actor)
            continue
        width = max(SMOOTH_S * fps, 0.5)
        aside = cv2.GaussianBlur(aside[None], (0, 0), width, borderType=cv2.BORDER_REPLICATE)[0]
        aside = np.clip(aside * 1.5, -1.8, 1.8)
        motion = actor.motion
        motion = replace(
            motion, x=motion.x + aside * np.cos(motion.heading), z=motion.z - aside * np.sin(motion.heading)
        )
        moved.append(replace(actor, motion=motion))
    return moved


def _need(actor: Actor, other: Actor, *, first: bool) -> Array:
    """(n,) metres to the right that one would have to step, frame by frame, because of another."""
    mine, theirs = actor.motion, other.motion
    need = np.zeros(len(mine))
    start = max(mine.start, theirs.start)
    stop = min(mine.start + len(mine), theirs.start + len(theirs))
    if stop - start < 2:
        return need
    a, b = slice(start - mine.start, stop - mine.start), slice(start - theirs.start, stop - theirs.start)
    dx, dz = mine.x[a] - theirs.x[b], mine.z[a] - theirs.z[b]
    long, wide = ROOM_M, ROOM_M
    sin, cos = np.sin(theirs.heading[b]), np.cos(theirs.heading[b])
    if isinstance(other.body, Make):
        long, wide = other.body.length / 2 + 1.2, other.body.width / 2 + 0.45
    elif theirs.pose == "ride":
        long, wide = 1.3, 0.75
    ahead, beside = dx * sin + dz * cos, dx * cos - dz * sin
    gap = np.hypot(ahead / long, beside / wide)
    meets = gap < 1
    if not meets.any():
        return need
    right = dx * np.cos(mine.heading[a]) - dz * np.sin(mine.heading[a])
    middle = float(right[np.argmin(gap)])
    side = np.sign(middle) if abs(middle) > 0.05 else (1.0 if first else -1.0)
    both = 1.0 if isinstance(other.body, Make) or theirs.effort.mean() < 0.3 or theirs.pose == "ride" else 0.55
    need[a] = side * both * wide * np.sqrt(np.clip(1 - gap**2, 0, 1))
    return need


__all__ = ["step_aside"]
