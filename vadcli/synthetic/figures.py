"""People: builds and clothes, and their outlines as seen by the camera."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.synthetic.camera import Camera
from vadcli.synthetic.drawing import Colour, Part, Sketch, bounds, capsules, on_ground, pixels
from vadcli.synthetic.gait import Motion, joints
from vadcli.synthetic.light import Light

Array = NDArray[Any]
RGB = tuple[float, float, float]
_DARK: tuple[RGB, ...] = (
    (0.08, 0.08, 0.09),
    (0.13, 0.15, 0.22),
    (0.2, 0.18, 0.16),
    (0.16, 0.2, 0.3),
    (0.25, 0.25, 0.26),
)
_TOPS: tuple[RGB, ...] = (
    *_DARK,
    (0.85, 0.84, 0.82),
    (0.6, 0.6, 0.58),
    (0.55, 0.12, 0.12),
    (0.16, 0.27, 0.5),
    (0.22, 0.38, 0.26),
    (0.66, 0.56, 0.4),
    (0.8, 0.55, 0.55),
    (0.75, 0.65, 0.2),
    (0.4, 0.3, 0.45),
    (0.45, 0.55, 0.65),
    (0.9, 0.9, 0.92),
)
_LEGS: tuple[RGB, ...] = (
    *_DARK,
    (0.2, 0.27, 0.42),
    (0.32, 0.38, 0.5),
    (0.55, 0.5, 0.4),
    (0.4, 0.4, 0.38),
    (0.75, 0.73, 0.7),
)
_SKIN: tuple[RGB, ...] = ((0.85, 0.68, 0.57), (0.78, 0.58, 0.45), (0.6, 0.42, 0.3), (0.4, 0.27, 0.2))
_HAIR: tuple[RGB, ...] = (
    (0.07, 0.06, 0.06),
    (0.18, 0.12, 0.08),
    (0.35, 0.24, 0.14),
    (0.6, 0.5, 0.32),
    (0.55, 0.55, 0.55),
)


@dataclass(frozen=True)
class Look:
    """A person's body and clothes; lengths in metres, colours RGB in [0, 1]."""

    height: float
    girth: float
    arm_swing: float
    top: RGB
    legs: RGB
    skin: RGB
    hair: RGB
    shoes: RGB
    sleeves: bool
    trousers: bool
    skirt: float
    bag: str
    bag_colour: RGB
    hat: bool


def random_look(rng: np.random.Generator) -> Look:
    """Somebody: adults mostly, some children, some in skirts or coats, some with bags."""
    child = rng.random() < 0.06
    height = rng.uniform(1.1, 1.45) if child else np.clip(rng.normal(1.71, 0.09), 1.5, 1.95)

    def pick(colours: tuple[RGB, ...]) -> RGB:
        chosen = np.clip(
            np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.75, 1.25) + rng.normal(0, 0.02, 3), 0.03, 1
        )
        return float(chosen[0]), float(chosen[1]), float(chosen[2])

    return Look(
        height=float(height),
        girth=float(np.clip(rng.normal(1.0, 0.12), 0.8, 1.35)) * float(height) / 1.7,
        arm_swing=float(rng.choice([0.1, 0.7, 1.0, 1.3])),
        top=pick(_TOPS),
        legs=pick(_LEGS),
        skin=pick(_SKIN),
        hair=pick(_HAIR),
        shoes=pick(_DARK),
        sleeves=rng.random() < 0.65,
        trousers=rng.random() < 0.85,
        skirt=float(rng.choice([0.0, 0.0, 0.0, 0.0, 0.22, 0.3])),
        hat=rng.random() < 0.1,
        bag=str(rng.choice(["none", "back", "hand", "none", "back"])),
        bag_colour=pick(_TOPS),
    )


def sketch_figure(
    look: Look,
    motion: Motion,
    camera: Camera,
    light: Light,
    size: tuple[int, int],
    dim: Array,
    *,
    grey: bool,
    extra: tuple[Array, Array, Array, RGB] | None = None,
) -> Sketch:
    """Outlines of a person.

    Args:
        look: who.
        motion: n frames of what they do.
        camera: from where they are seen.
        light: in which light.
        size: height and width of the canvas.
        dim: (n,) brightness of the light where they stand, 1 in the open.
        grey: colours of one channel.
        extra: limbs of a thing that moves along, drawn first: ends (n, k, 3) twice, radii (k,), colour.
    """
    j = joints(motion, look.height, look.girth, look.arm_swing)
    n = len(motion)
    to_camera = np.stack([-motion.x, -motion.z], -1)
    to_camera /= np.maximum(np.linalg.norm(to_camera, axis=1, keepdims=True), 1e-6)
    facing = np.stack([np.sin(motion.heading), np.cos(motion.heading)], -1)
    front = (to_camera * facing).sum(1)
    right_near = (to_camera[:, 0] * facing[:, 1] - to_camera[:, 1] * facing[:, 0]) > 0
    order = np.where(right_near[:, None], np.array([[0, 1]]), np.array([[1, 0]]))
    far_near = {name: np.take_along_axis(value, order[:, :, None], 1) for name, value in j.items() if value.ndim == 3}
    scale = look.height / 1.7
    wide = np.hypot(0.165 * np.abs(front), 0.115 * np.sqrt(np.maximum(1 - front**2, 0))) * look.girth
    up = j["neck"] - j["waist"]
    ahead = np.stack([facing[:, 0], np.zeros(n), facing[:, 1]], -1)
    hair_at = j["head"] + up * 0.05 - ahead * 0.05 * scale
    pack = j["waist"] + up * 0.65 - ahead * 0.17 * look.girth
    ones = np.ones(n)
    lit, dark, skin = 1.0, 0.8, look.skin
    ends: list[tuple[Array, Array, Array, Array, float, RGB, float]] = []

    def limb(p: Array, q: Array, r0: Any, r1: Any, colour: RGB, shade: float, cap: float = 1.0) -> int:
        ends.append((p, q, r0 * ones, r1 * ones, cap, colour, shade))
        return len(ends) - 1

    legs, arms = [], []
    for side, shade in ((0, dark), (1, lit)):
        hip, knee, ankle, toe = (far_near[k][:, side] for k in ("hip", "knee", "ankle", "toe"))
        shin = look.legs if look.trousers else skin
        legs.append(
            [
                limb(ankle, toe, 0.045 * scale, 0.035 * scale, look.shoes, shade),
                limb(knee, ankle, 0.06 * look.girth, 0.042 * scale, shin, shade * 0.97),
                limb(hip, knee, 0.085 * look.girth, 0.065 * look.girth, look.legs, shade),
            ]
        )
        shoulder, elbow, hand = (far_near[k][:, side] for k in ("shoulder", "elbow", "hand"))
        fore = look.top if look.sleeves else skin
        arms.append(
            [
                limb(shoulder, elbow, 0.055 * look.girth, 0.045 * look.girth, look.top, shade * 0.93),
                limb(elbow, hand, 0.042 * look.girth, 0.034 * scale, fore, shade * 0.95),
                limb(hand, hand + (hand - elbow) * 0.25, 0.036 * scale, 0.03 * scale, skin, shade),
            ]
        )
    body = [limb(j["waist"] - up * 0.05, j["neck"] - up * 0.04, wide * 0.88, wide * 1.06, look.top, 0.96, 0.35)]
    if look.skirt and motion.pose == "walk":
        knees = j["waist"] - up * (look.skirt / 0.3) * 0.9
        body.insert(0, limb(j["waist"], knees, wide * 0.9, wide * 1.15, look.legs, 0.9, 0.2))
    head = [
        limb(j["neck"], j["head"], 0.055 * scale, 0.06 * scale, skin, 0.85),
        limb(j["head"] - up * 0.07, j["head"] + up * 0.09, 0.082 * scale, 0.09 * scale, skin, 1.0),
        limb(
            hair_at - up * (0.02 + 0.15 * np.maximum(-front, 0)[:, None]),
            hair_at + up * 0.1,
            0.088 * scale,
            0.09 * scale,
            look.bag_colour if look.hat else look.hair,
            1.0,
        ),
    ]
    bag: list[int] = []
    if look.bag == "back":
        bag = [
            limb(
                pack - up * 0.28,
                pack + up * 0.25,
                0.12 * scale + 0.04 * np.abs(front),
                0.11 * scale + 0.04 * np.abs(front),
                look.bag_colour,
                0.85,
                0.5,
            )
        ]
    elif look.bag == "hand":
        hand = far_near["hand"][:, 1]
        drop = np.array([0, 0.32 * scale, 0])
        arms[1].append(limb(hand - drop * 0.4, hand - drop, 0.10 * scale, 0.12 * scale, look.bag_colour, 0.9, 0.5))
    away = [*arms[0], *legs[0], *legs[1], *body, *bag, *head, *arms[1]]
    toward = [*arms[0], *legs[0], *legs[1], *bag, *body, *head, *arms[1]]
    things: list[int] = []
    if extra is not None:
        first, last, radii, tone = extra
        things = [limb(first[:, k], last[:, k], radii[k], radii[k], tone, 1.0) for k in range(first.shape[1])]
    return _outline(
        ends, [things + away, things + toward], (front > 0).astype(int), motion, camera, light, size, dim, grey
    )


def _outline(
    ends: list[tuple[Array, Array, Array, Array, float, RGB, float]],
    orders: list[list[int]],
    chosen: Array,
    motion: Motion,
    camera: Camera,
    light: Light,
    size: tuple[int, int],
    dim: Array,
    grey: bool,
) -> Sketch:
    p, q = (np.stack([end[k] for end in ends], 1) for k in (0, 1))  # (n, limbs, 3)
    radii0, radii1 = (np.stack([end[k] for end in ends], 1) for k in (2, 3))
    cap = np.broadcast_to(np.array([end[4] for end in ends]), radii0.shape)
    plane_p, depth_p = camera.plane(p)
    plane_q, depth_q = camera.plane(q)
    outline = pixels(
        capsules(plane_p, plane_q, radii0 * camera.focal / depth_p, radii1 * camera.focal / depth_q, cap), camera, size
    )
    distance = np.sqrt(motion.x**2 + motion.z**2 + (camera.height_m - 0.9) ** 2)
    base = np.array([np.array(end[5]) * end[6] for end in ends])
    colours = tinted(base, light, dim, distance, grey=grey)
    ready = depth_p.min(1) > 0.4
    parts: list[list[Part]] = []
    for i in range(len(motion)):
        row, colour = outline[i], colours[i]
        parts.append([(row[k], colour[k]) for k in orders[chosen[i]]] if ready[i] else [])
    shadows = _shadows(p, q, radii0, radii1, cap, motion, camera, light, size, dim)
    boxes = bounds(outline, size)
    boxes[~ready] = 0
    return Sketch(motion.start, distance, boxes, parts, shadows, motion.abnormal)


def tinted(base: Array, light: Light, dim: Array, distance: Array, *, grey: bool) -> list[list[Colour]]:
    """Colours (n, k) to draw with, of `base` (k, 3) in the light and fog at n places."""
    colours = base[None] * np.array(light.tint) * dim[:, None, None]
    if np.isfinite(light.fog_m):
        veil = light.veil(distance)[:, None, None]
        colours = colours * (1 - veil) + np.array(light.fog_colour) * veil
    if grey:
        colours = (colours @ np.array([0.299, 0.587, 0.114]))[..., None]
    whole: list[list[list[int]]] = np.clip(colours * 255, 0, 255).astype(int).tolist()
    return [[tuple(colour) for colour in row] for row in whole]


def _shadows(
    p: Array,
    q: Array,
    r0: Array,
    r1: Array,
    cap: Array,
    motion: Motion,
    camera: Camera,
    light: Light,
    size: tuple[int, int],
    dim: Array,
) -> list[list[Array]]:
    n = len(motion)
    if light.direct > 0.1:
        slope = light.shadow_slope()
        plane_p, depth_p = camera.plane(on_ground(p, slope))
        plane_q, depth_q = camera.plane(on_ground(q, slope))
        outline = pixels(
            capsules(plane_p, plane_q, r0 * camera.focal / depth_p, r1 * camera.focal / depth_q, cap), camera, size
        )
        fine = (depth_p.min(1) > 0.4) & (depth_q.min(1) > 0.4) & (dim > 0.8)
        return [list(outline[i]) if fine[i] else [] for i in range(n)]
    around = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    ring = np.stack([np.sin(around), np.zeros(10), np.cos(around)], -1) * 0.3
    centre = np.stack([motion.x, np.zeros(n), motion.z], -1)
    plane, depth = camera.plane(centre[:, None] + ring)
    outline = pixels(plane, camera, size)
    return [[outline[i]] if depth[i].min() > 0.4 else [] for i in range(n)]
