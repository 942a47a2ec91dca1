"""Movements of bodies: joints in metres for walking, running, standing, riding, gliding and falling.

Feet are placed first (a foot on the ground stays where it is while the body passes over it), knees and elbows follow.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Motion:
    """Position and gait of a body, frame by frame.

    Attributes:
        start: first frame in the clip.
        x, z: (n,) ground position in metres.
        heading: (n,) direction in radians from z to x.
        phase: (n,) cycles of the gait (or turns of the pedals) so far.
        stride_m: (n,) metres a cycle covers, for the feet.
        effort: (n,) 0 stands still, 1 walks, in between while stopping.
        run: (n,) 0 walks, 1 runs.
        fallen: (n,) 0 upright, 1 lies on the ground.
        pose: "walk", "ride", "glide" or "throw".
        abnormal: (n,) bool.
    """

    start: int
    x: Array
    z: Array
    heading: Array
    phase: Array
    stride_m: Array
    effort: Array
    run: Array
    fallen: Array
    pose: str
    abnormal: Array

    def __len__(self) -> int:
        return len(self.x)

    def part(self, keep: slice) -> "Motion":
        """Only these frames of it."""
        fields = ("x", "z", "heading", "phase", "stride_m", "effort", "run", "fallen", "abnormal")
        return Motion(self.start + (keep.start or 0), pose=self.pose, **{f: getattr(self, f)[keep] for f in fields})


def _bend(start: Array, end: Array, first: float, second: float, forward: float) -> tuple[Array, Array]:
    """The joint between two bones, and the far end pulled back within their reach; all (..., 2) forward and up."""
    line = end - start
    length = np.linalg.norm(line, axis=-1, keepdims=True)
    reach = np.clip(length, 1e-3, (first + second) * 0.999)
    unit = line / np.maximum(length, 1e-6)
    end = start + unit * reach
    along = (first**2 - second**2 + reach**2) / (2 * reach)
    aside = np.sqrt(np.maximum(first**2 - along**2, 0))
    normal = np.stack([-unit[..., 1], unit[..., 0]], -1) * forward
    return start + unit * along + normal * aside, end


def joints(motion: Motion, height: float, girth: float, arm_swing: float) -> dict[str, Array]:
    """Joints of a body.

    Args:
        motion: n frames of it.
        height: of the body in metres.
        girth: width relative to an average body.
        arm_swing: 1 for an average swing, 0 for hands in pockets.

    Returns:
        world points in metres: hip, knee, ankle, toe, shoulder, elbow, hand (n, 2, 3; left then right), and
        waist, neck, head (n, 3).
    """
    n = len(motion)
    leg, trunk, arm = 0.515 * height, 0.30 * height, 0.17 * height
    phase = motion.phase[:, None] + np.array([0.0, 0.5])
    run, effort = motion.run[:, None], motion.effort[:, None]
    if motion.pose == "ride":
        turn = 2 * np.pi * phase
        hip_s, hip_y = np.full((n, 2), -0.12), np.full((n, 2), 0.53 * height)
        ankle = np.stack([0.05 + 0.17 * np.sin(turn), 0.36 + 0.17 * np.cos(turn)], -1)
        lean = np.full((n, 2), 0.55)
        lift = np.zeros((n, 2))
    else:
        duty = 0.62 - 0.27 * run
        beat = np.mod(phase, 1.0)
        swing = np.clip((beat - duty) / (1 - duty), 0, 1)
        stance = 0.5 - np.minimum(beat / duty, 1)
        forward = np.where(beat < duty, stance, swing * swing * (3 - 2 * swing) - 0.5)
        lift = np.sin(np.pi * swing) * (0.03 + 0.04 * effort + 0.24 * run) * effort * (beat >= duty)
        ankle_s = forward * duty * motion.stride_m[:, None] * effort
        glide = motion.pose == "glide"
        hip_y = leg * (0.985 - 0.02 * np.cos(4 * np.pi * phase) * effort - 0.06 * run - (0.1 if glide else 0)) + 0.05
        hip_s = np.zeros((n, 2))
        if glide:
            ankle_s = 0 * ankle_s + np.array([0.2, -0.2])
            lift = 0 * lift
        ankle = np.stack([ankle_s, 0.07 + lift + (0.12 if glide else 0)], -1)
        lean = 0.03 * effort + 0.2 * run + (0.15 if glide else 0)
    hip = np.stack([hip_s, np.broadcast_to(hip_y, (n, 2))], -1)
    bone = (leg + 0.01) / 2
    knee, ankle = _bend(hip, ankle, bone, bone, 1.0)
    toe = ankle + np.stack([np.full((n, 2), 0.085 * height), -0.04 - 0.6 * lift], -1)
    toe[..., 1] = np.maximum(toe[..., 1], 0.01)
    up = np.stack([np.sin(lean), np.cos(lean)], -1) * np.ones((n, 2, 1))
    shoulder = hip + up * trunk
    back = ankle[..., ::-1, 0] - hip[..., ::-1, 0]
    angle = back * 0.95 * arm_swing + 0.1 * run - 0.05
    bent = 0.25 + 1.2 * run
    if motion.pose == "ride":
        hand = np.stack([np.full((n, 2), 0.50), np.full((n, 2), 0.60 * height)], -1)
        elbow, hand = _bend(shoulder, hand, arm, arm * 0.95, -1.0)
    else:
        if motion.pose == "throw":
            toss = np.clip(np.sin(2 * np.pi * motion.phase), 0, 1)[:, None] * np.array([0.3, 1.0])
            angle, bent = angle + 2.2 * toss, bent + 0.5 * toss
        elbow = shoulder + arm * np.stack([np.sin(angle), -np.cos(angle)], -1)
        hand = elbow + arm * 0.95 * np.stack([np.sin(angle + bent), -np.cos(angle + bent)], -1)
    neck, waist = shoulder.mean(1), hip.mean(1)
    head = neck + up[:, 0] * 0.115 * height
    side = np.array([-1.0, 1.0])
    found = {
        name: _place(motion, value, side * half * girth)
        for name, value, half in (
            ("hip", hip, 0.085),
            ("knee", knee, 0.085),
            ("ankle", ankle, 0.08),
            ("toe", toe, 0.10),
            ("shoulder", shoulder, 0.185),
            ("elbow", elbow, 0.225),
            ("hand", hand, 0.215),
        )
    }
    return found | {
        name: _place(motion, value[:, None], np.zeros(1))[:, 0]
        for name, value in (("waist", waist), ("neck", neck), ("head", head))
    }


def _place(motion: Motion, local: Array, side: Array) -> Array:
    """World points (n, k, 3) of forward-and-up coordinates (n, k, 2) at `side` (k,) metres to the right."""
    s, y = local[..., 0], local[..., 1]
    fall = motion.fallen[:, None] * np.pi / 2
    s, y = (
        s * np.cos(fall) + y * np.sin(fall),
        np.maximum(y * np.cos(fall) - s * np.sin(fall), 0.09 * motion.fallen[:, None]),
    )
    heading = motion.heading + (1.0 if motion.pose == "glide" else 0.0)
    sin, cos = np.sin(heading)[:, None], np.cos(heading)[:, None]
    side = side[None]
    return np.stack([motion.x[:, None] + s * sin + side * cos, y, motion.z[:, None] + s * cos - side * sin], -1)
