"""Who moves in a clip, and with what: people, riders, people who throw things, vehicles."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.backdrop import Backdrop
from vadcli.synthetic.camera import Camera
from vadcli.synthetic.drawing import Sketch
from vadcli.synthetic.figures import RGB, Look, sketch_figure
from vadcli.synthetic.gait import Motion, joints
from vadcli.synthetic.light import Light
from vadcli.synthetic.vehicles import Make, sketch_vehicle

Array = NDArray[Any]
WHEELBASE_M, WHEEL_M = 1.05, 0.34


@dataclass(frozen=True, eq=False)
class Actor:
    """Somebody or something that moves.

    Attributes:
        motion: the frames in which it may be seen.
        body: a person's look, or a vehicle's make.
        gear: "none", "bicycle", "board" or "ball", for people.
        paint: colour of the gear.
    """

    motion: Motion
    body: Look | Make
    gear: str = "none"
    paint: RGB = (0.1, 0.1, 0.1)

    def sketch(self, camera: Camera, light: Light, backdrop: Backdrop, *, grey: bool) -> Sketch:
        """Its outlines in every frame of its motion."""
        motion = self.motion
        size = (backdrop.lit.shape[0], backdrop.lit.shape[1])
        feet = camera.picture(np.stack([motion.x, np.zeros(len(motion)), motion.z], -1))
        column = np.clip(feet[:, 0] * size[1], 0, size[1] - 1).astype(int)
        row = np.clip(feet[:, 1] * size[0], 0, size[0] - 1).astype(int)
        dim = backdrop.shade[row, column]
        if isinstance(self.body, Make):
            return sketch_vehicle(self.body, motion, camera, light, size, dim, grey=grey)
        extra = _gear(self.gear, motion, self.body, self.paint)
        return sketch_figure(self.body, motion, camera, light, size, dim, grey=grey, extra=extra)


def _gear(gear: str, motion: Motion, look: Look, paint: RGB) -> tuple[Array, Array, Array, RGB] | None:
    """Limbs of a thing: ends (n, k, 3) twice, radii (k,) in metres, colour."""
    if gear == "none":
        return None
    if gear == "bicycle":
        return *_in_world(motion, *_bicycle()), paint
    if gear == "board":
        ends = np.array([[-0.38, 0.1, 0.0]]), np.array([[0.38, 0.1, 0.0]]), np.array([0.06])
        return *_in_world(motion, *ends), paint
    hand = joints(motion, look.height, look.girth, look.arm_swing)["hand"][:, 1]
    beat = np.mod(motion.phase, 1.0)
    flight = np.clip((beat - 0.25) / 0.5, 0, 1)
    rise = 4 * flight * (1 - flight) * 1.2
    ball = (hand + np.stack([0 * rise, rise + 0.08, 0 * rise], -1))[:, None]
    return ball, ball + np.array([0.0, 0.01, 0.0]), np.array([0.17]), paint


def _bicycle() -> tuple[Array, Array, Array]:
    """Frame and wheels in forward, up and right: ends (k, 3) twice and radii (k,)."""
    back, front, wheel = -WHEELBASE_M / 2, WHEELBASE_M / 2, WHEEL_M
    around = np.linspace(0, 2 * np.pi, 13)
    rim = np.stack([wheel * np.cos(around), wheel + wheel * np.sin(around), 0 * around], -1)
    rims = [rim + np.array([hub, 0, 0]) for hub in (back, front)]
    crank, saddle, bar = (-0.02, 0.3, 0.0), (-0.2, 0.9, 0.0), (0.38, 0.98, 0.0)
    tubes = [
        ((back, wheel, 0.0), crank),
        (crank, saddle),
        (crank, (0.34, 0.8, 0.0)),
        (saddle, (0.34, 0.8, 0.0)),
        ((back, wheel, 0.0), saddle),
        (bar, (front, wheel, 0.0)),
        ((0.4, 0.98, -0.25), (0.4, 0.98, 0.25)),
    ]
    first = np.concatenate([rims[0][:-1], rims[1][:-1], np.array([a for a, _ in tubes])])
    last = np.concatenate([rims[0][1:], rims[1][1:], np.array([b for _, b in tubes])])
    return first, last, np.array([0.024] * 24 + [0.026] * len(tubes))


def _in_world(motion: Motion, first: Array, last: Array, radii: Array) -> tuple[Array, Array, Array]:
    sin, cos = np.sin(motion.heading)[:, None], np.cos(motion.heading)[:, None]

    def place(local: Array) -> Array:
        s, y, r = local[None, :, 0], local[None, :, 1], local[None, :, 2]
        return np.stack(
            [
                motion.x[:, None] + s * sin + r * cos,
                np.broadcast_to(y, (len(motion), len(local))),
                motion.z[:, None] + s * cos - r * sin,
            ],
            -1,
        )

    return place(first), place(last), radii
