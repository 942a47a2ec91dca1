"""Procedural materials: colour as a function of metres on a surface, faded where a pixel covers more than a detail."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2

Array = NDArray[Any]
_SIDE = 512


@lru_cache(maxsize=1)
def noise_tile() -> Array:
    """(512, 512) float32 periodic noise of mean 0 and deviation 1, about eight texels across a blob."""
    rng = np.random.default_rng(20210604)
    spectrum = np.fft.rfft2(rng.normal(size=(_SIDE, _SIDE)))
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None])
    tile = np.fft.irfft2(spectrum * np.exp(-((frequency / 0.07) ** 2)), s=(_SIDE, _SIDE))
    return np.asarray(tile / tile.std(), np.float32)


def noise(s: Array, t: Array, footprint: Array, grain_m: float, offset: float) -> Array:
    """Smooth noise with blobs of about `grain_m`, fading where a pixel covers more.

    Args:
        s: metres along the surface, any shape with two axes; `t` and `footprint` likewise.
        t: metres across it.
        footprint: metres a pixel covers.
        grain_m: size of a blob.
        offset: where in the noise to start, any number.

    Returns:
        as `s`, float32 about 0 with deviation at most 1.
    """
    scale = 8.0 / grain_m
    x = np.mod(s * scale + offset * 97.13, _SIDE).astype(np.float32)
    y = np.mod(t * scale + offset * 41.77, _SIDE).astype(np.float32)
    values = cv2.remap(noise_tile(), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(values / (1 + (footprint / (0.7 * grain_m)) ** 2), np.float32)


def cells(i: Array, j: Array, offset: float) -> Array:
    """A random number in [0, 1) for each whole cell (i, j), the same whenever asked."""
    value = np.sin(i * 127.1 + j * 311.7 + offset * 74.7) * 43758.5453
    return np.asarray(value - np.floor(value))


def lines(s: Array, period: float, width: float, footprint: Array) -> Array:
    """Coverage in [0, 1] of lines of `width` every `period` metres along s, anti-aliased."""
    distance = np.abs(np.mod(s + period / 2, period) - period / 2)
    sharp = np.clip((width / 2 - distance) / footprint + 0.5, 0, 1)
    share = width / period
    fade = np.clip(footprint / period * 2 - 0.5, 0, 1)
    return np.asarray(sharp * (1 - fade) + share * fade)


@dataclass(frozen=True)
class Material:
    """The material of a surface.

    Attributes:
        kind: a key of `MATERIALS`.
        colour: RGB in [0, 1].
        second: RGB of joints, windows, blades or whatever the kind has two of.
        unit_m: size of a tile, slab, plank or window.
        contrast: strength of its variation, about 1.
        offset: makes two of a kind differ.
    """

    kind: str
    colour: tuple[float, float, float]
    second: tuple[float, float, float] = (0.3, 0.3, 0.3)
    unit_m: float = 0.6
    contrast: float = 1.0
    offset: float = 0.0

    def paint(self, s: Array, t: Array, footprint: Array) -> Array:
        """(..., 3) float32 RGB at the metres (s, t) of the surface."""
        return MATERIALS[self.kind](self, s, t, footprint)


def _mix(first: Array, second: Array, share: Array) -> Array:
    return np.asarray(first + (second - first) * share[..., None])


def _flat(m: Material, shade: Array) -> Array:
    return np.asarray(np.array(m.colour, np.float32) * (1 + m.contrast * shade)[..., None], np.float32)


def _asphalt(m: Material, s: Array, t: Array, fp: Array) -> Array:
    shade = 0.05 * noise(s, t, fp, 0.08, m.offset) + 0.03 * noise(s, t, fp, 1.3, m.offset + 1)
    shade = shade + 0.04 * noise(s, t, fp, 7.0, m.offset + 2)
    crack = np.abs(noise(s, t, fp, 3.0, m.offset + 3)) + 0.5 * np.abs(noise(s, t, fp, 0.7, m.offset + 4))
    shade = shade - 0.25 * np.clip(1 - crack / 0.05, 0, 1) / (1 + (fp / 0.06) ** 2)
    return _flat(m, shade)


def _grass(m: Material, s: Array, t: Array, fp: Array) -> Array:
    fine = 0.14 * noise(s, t * 0.6, fp, 0.06, m.offset) + 0.08 * noise(s, t, fp, 0.3, m.offset + 1)
    patch = np.clip(0.5 + 0.45 * noise(s, t, fp, 2.5, m.offset + 2) + 0.3 * noise(s, t, fp, 9.0, m.offset + 3), 0, 1)
    base = _mix(np.array(m.colour, np.float32), np.array(m.second, np.float32), patch * 0.6)
    return np.asarray(base * (1 + m.contrast * fine)[..., None], np.float32)


def _tiles(m: Material, s: Array, t: Array, fp: Array) -> Array:
    own = cells(np.floor(s / m.unit_m), np.floor(t / m.unit_m), m.offset) - 0.5
    own = own / (1 + (fp / m.unit_m) ** 2)
    shade = 0.17 * own + 0.04 * noise(s, t, fp, 0.3, m.offset) + 0.035 * noise(s, t, fp, 5.0, m.offset + 1)
    joint = np.maximum(
        lines(s, m.unit_m, 0.025 + m.unit_m * 0.015, fp), lines(t, m.unit_m, 0.025 + m.unit_m * 0.015, fp)
    )
    return _mix(_flat(m, shade), np.array(m.second, np.float32), joint * 0.75)


def _checker(m: Material, s: Array, t: Array, fp: Array) -> Array:
    odd = np.mod(np.floor(s / m.unit_m) + np.floor(t / m.unit_m), 2)
    fade = np.clip(fp / m.unit_m - 0.3, 0, 1)
    odd = odd * (1 - fade) + 0.5 * fade
    shade = 0.02 * noise(s, t, fp, 0.5, m.offset) + 0.025 * noise(s, t, fp, 3.0, m.offset + 1)
    return _mix(_flat(m, shade), np.array(m.second, np.float32) * (1 + shade)[..., None], odd)


def _bricks(m: Material, s: Array, t: Array, fp: Array) -> Array:
    row = np.floor(t / m.unit_m * 2)
    shifted = s + np.mod(row, 2) * m.unit_m / 2
    own = (cells(np.floor(shifted / m.unit_m), row, m.offset) - 0.5) / (1 + (fp / m.unit_m) ** 2)
    shade = 0.3 * own + 0.06 * noise(s, t, fp, 2.0, m.offset)
    joint = np.maximum(lines(shifted, m.unit_m, m.unit_m * 0.08, fp), lines(t, m.unit_m / 2, m.unit_m * 0.07, fp))
    return _mix(_flat(m, shade), np.array(m.second, np.float32), joint * 0.7)


def _planks(m: Material, s: Array, t: Array, fp: Array) -> Array:
    row = np.floor(t / m.unit_m)
    own = (cells(np.floor((s + row * 1.7) / 2.4), row, m.offset) - 0.5) / (1 + (fp / m.unit_m) ** 2)
    shade = 0.25 * own + 0.08 * noise(s * 0.15, t, fp, 0.05, m.offset)
    return _mix(_flat(m, shade), np.array(m.second, np.float32), lines(t, m.unit_m, 0.012, fp) * 0.6)


def _plain(m: Material, s: Array, t: Array, fp: Array) -> Array:
    shade = 0.025 * noise(s, t, fp, 2.5, m.offset) + 0.02 * noise(s, t, fp, 0.3, m.offset + 1)
    stain = np.clip(noise(s, t, fp, 1.1, m.offset + 2) - 1.5, 0, 1)
    return _flat(m, shade - 0.15 * stain)


def _leaves(m: Material, s: Array, t: Array, fp: Array) -> Array:
    shade = 0.35 * noise(s, t, fp, 0.18, m.offset) + 0.3 * noise(s, t, fp, 0.7, m.offset + 1)
    base = _mix(np.array(m.colour, np.float32), np.array(m.second, np.float32), np.clip(shade + 0.3, 0, 1))
    return np.asarray(base * np.clip(1 + m.contrast * shade, 0.25, 1.8)[..., None], np.float32)


def _windows(m: Material, s: Array, t: Array, fp: Array) -> Array:
    """A facade: a window of second colour in each unit, some lit or with blinds."""
    i, j = np.floor(s / m.unit_m), np.floor(t / (m.unit_m * 1.2))
    a, b = np.mod(s / m.unit_m, 1), np.mod(t / (m.unit_m * 1.2), 1)
    soft = fp / m.unit_m
    inside = np.clip((0.28 - np.abs(a - 0.5)) / soft + 0.5, 0, 1) * np.clip((0.3 - np.abs(b - 0.5)) / soft + 0.5, 0, 1)
    wall = _flat(m, 0.06 * noise(s, t, fp, 1.0, m.offset) + 0.06 * noise(s, t, fp, 6.0, m.offset + 1))
    own = cells(i, j, m.offset)
    glass = np.array(m.second, np.float32) * (0.6 + 0.8 * own + 0.3 * b)[..., None]
    blind = (own > 0.75) & (b > 0.45)
    glass = np.where(blind[..., None], np.array(m.colour, np.float32) * 0.85, glass)
    return _mix(wall, glass, inside)


def _shelves(m: Material, s: Array, t: Array, fp: Array) -> Array:
    """Shelves of coloured things."""
    row = np.floor(t / m.unit_m)
    column = np.floor(s / (m.unit_m * 0.3) + row * 7)
    fade = 1 / (1 + (fp / (m.unit_m * 0.3)) ** 2)
    shades = np.stack([cells(column, row, m.offset + k) for k in range(3)], -1) - 0.5
    height = 0.45 + 0.4 * cells(column, row, m.offset + 5)
    things = np.array(m.colour, np.float32) + shades * (0.8 * m.contrast * fade)[..., None]
    gap = (np.mod(t / m.unit_m, 1) > height) * fade
    return np.asarray(np.clip(_mix(things, np.array(m.second, np.float32), gap), 0.02, 1), np.float32)


MATERIALS: dict[str, Callable[[Material, Array, Array, Array], Array]] = {
    "asphalt": _asphalt,
    "grass": _grass,
    "tiles": _tiles,
    "checker": _checker,
    "bricks": _bricks,
    "planks": _planks,
    "plain": _plain,
    "leaves": _leaves,
    "windows": _windows,
    "shelves": _shelves,
}
