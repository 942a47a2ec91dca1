"""Convex outlines on a canvas: capsules for limbs, and the sketch that every actor becomes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.synthetic.camera import Camera

Array = NDArray[Any]
SHIFT = 4  # fraction bits of drawn coordinates
Colour = tuple[int, ...]
Part = tuple[Array, Colour]


@dataclass
class Sketch:
    """One actor, ready to draw, frame by frame from `start`.

    Attributes:
        start: first frame of the clip it is sketched for.
        distance: (n,) metres from the camera.
        boxes: (n, 4) left, top, right, bottom in canvas pixels, clipped to the canvas; empty when off it.
        parts: for each frame the outlines to fill, in order.
        shadows: for each frame the outlines of its shadow.
        abnormal: (n,) bool, whether what it does is an anomaly.
    """

    start: int
    distance: Array
    boxes: Array
    parts: list[list[Part]]
    shadows: list[list[Array]]
    abnormal: Array


def capsules(p: Array, q: Array, r0: Array, r1: Array, cap: Array) -> Array:
    """Outlines of limbs with rounded ends.

    Args:
        p: (..., 2) one end.
        q: (..., 2) the other.
        r0: (...) radius at p.
        r1: (...) radius at q.
        cap: (...) how far the ends bulge, 1 for half circles.

    Returns:
        (..., 10, 2).
    """
    along = q - p
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    along = np.where(length > 1e-7, along / np.maximum(length, 1e-7), np.array([0.0, 1.0]))
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    a, b, c = r0[..., None], r1[..., None], cap[..., None]
    return np.stack(
        [
            p + a * across,
            p + a * (0.7 * across - 0.7 * c * along),
            p - a * c * along,
            p - a * (0.7 * across + 0.7 * c * along),
            p - a * across,
            q - b * across,
            q - b * (0.7 * across - 0.7 * c * along),
            q + b * c * along,
            q + b * (0.7 * across + 0.7 * c * along),
            q + b * across,
        ],
        axis=-2,
    )


def pixels(plane: Array, camera: Camera, size: tuple[int, int]) -> Array:
    """Canvas coordinates with `SHIFT` fraction bits, int32, of plane coordinates (..., 2)."""
    factor = np.array([size[1] / camera.aspect, size[0]]) * (1 << SHIFT)
    centre = (np.array([size[1], size[0]]) / 2 - 0.5) * (1 << SHIFT)
    return np.asarray(np.clip(plane * factor + centre, -1e6, 1e6), np.int32)


def bounds(points: Array, size: tuple[int, int]) -> Array:
    """(n, 4) clipped boxes in pixels around points (n, ..., 2) with fraction bits, one pixel wider."""
    flat = points.reshape(len(points), -1, 2)
    low, high = (flat.min(1) >> SHIFT) - 1, (flat.max(1) >> SHIFT) + 3
    limit = np.array([size[1], size[0]])
    return np.concatenate([np.clip(low, 0, limit), np.clip(high, 0, limit)], 1)


def on_ground(points: Array, slope: Array) -> Array:
    """(..., 3) where the shadow of world points falls, for `slope` metres along x and z a metre of height."""
    height = np.maximum(points[..., 1:2], 0)
    flat = points[..., [0, 2]] + slope * height
    return np.stack([flat[..., 0], np.zeros(flat.shape[:-1]), flat[..., 1]], -1)


def fill(canvas: Array, parts: list[Part]) -> None:
    """Fill outlines in order."""
    for points, colour in parts:
        cv2.fillConvexPoly(canvas, points, colour, cv2.LINE_AA, SHIFT)


def fill_mask(canvas: Array, parts: list[Part], value: int) -> None:
    """Fill the outlines' pixels with one value, without anti-aliasing."""
    for points, _colour in parts:
        cv2.fillConvexPoly(canvas, points, (value,), cv2.LINE_8, SHIFT)
