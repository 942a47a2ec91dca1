"""Effects of the camera's electronics on a picture: noise, softness, compression, shake, exposure, rain on the way."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2

Array = NDArray[Any]


@dataclass(frozen=True)
class Sensor:
    """Properties of a camera's sensor and stream.

    Attributes:
        grey: one channel, repeated.
        blur: deviation of its softness in output pixels at a height of 128.
        noise: deviation in grey levels.
        grain: whether noise spreads over neighbouring pixels, as after compression.
        quality: JPEG quality of its stream, 0 for none.
        shake: deviation of its sway in output pixels at a height of 128, 0 on firm ground.
        contrast: about 1.
        gamma: about 1.
        black: grey level of black.
        level: mean grey level that its automatic exposure aims at.
    """

    grey: bool
    blur: float
    noise: float
    grain: bool
    quality: int
    shake: float
    contrast: float
    gamma: float
    black: float
    level: float


def random_sensor(rng: np.random.Generator) -> Sensor:
    """A good or a bad camera."""
    return Sensor(
        grey=rng.random() < 0.4,
        blur=float(max(rng.uniform(-0.3, 0.6), 0)),
        noise=float(rng.choice([0.25, 0.5, 1.0, 1.8, 3.2], p=[0.3, 0.25, 0.2, 0.15, 0.1]) * rng.uniform(0.7, 1.3)),
        grain=rng.random() < 0.6,
        quality=int(rng.integers(40, 90)) if rng.random() < 0.35 else 0,
        shake=float(rng.uniform(0.1, 0.5)) if rng.random() < 0.15 else 0.0,
        contrast=float(rng.uniform(0.85, 1.35)),
        gamma=float(rng.uniform(0.85, 1.2)),
        black=float(rng.uniform(0, 16)),
        level=float(rng.uniform(85, 150) if rng.random() < 0.93 else rng.uniform(45, 80)),
    )


@lru_cache(maxsize=4)
def _noise_bank(channels: int, grain: bool) -> Array:
    """(1024, 1024, channels) uint8 noise of deviation 32 about 128."""
    rng = np.random.default_rng(7 + channels + 10 * grain)
    bank: Array = rng.normal(size=(1024, 1024, channels)).astype(np.float32)
    if grain:
        bank = cv2.GaussianBlur(bank, (0, 0), 0.8).reshape(bank.shape)
        bank = bank / bank.std()
    return np.asarray(np.clip(bank * 32 + 128, 0, 255), np.uint8)


@lru_cache(maxsize=2)
def _rain_bank(side: int) -> Array:
    """(8, 2 * side, 2 * side) uint8 streaks."""
    rng = np.random.default_rng(11)
    bank = np.zeros((8, 2 * side, 2 * side), np.uint8)
    for sheet in bank:
        for _ in range(60):
            x, y = rng.integers(0, 2 * side, 2).tolist()
            long = int(rng.uniform(0.04, 0.12) * side)
            cv2.line(sheet, (x, y), (x + long // 8, y + long), (int(rng.uniform(25, 70)),), 1, cv2.LINE_AA)
    return bank


def exposure_table(sensor: Sensor, gain: float) -> Array:
    """(256,) uint8: the sensor's value for each level of light."""
    level = np.arange(256) / 255 * gain
    middle = sensor.level / 255
    level = np.clip((level - middle) * sensor.contrast + middle, 0, None) ** sensor.gamma
    knee = np.where(level > 0.85, 0.85 + 0.15 * np.tanh((level - 0.85) / 0.15), level)
    return np.clip(sensor.black + knee * (255 - sensor.black), 0, 255).astype(np.uint8)


def develop(
    light: Array,
    sensor: Sensor,
    gain: float,
    rain: float,
    offset: Array,
    rng: np.random.Generator,
    size: tuple[int, int],
) -> Array:
    """The picture that leaves the camera.

    Args:
        light: (h, w, C) uint8 canvas, at least as large as the picture.
        sensor: the camera.
        gain: brightness of the light.
        rain: strength of rain.
        offset: (2,) sway in output pixels.
        rng: of the clip.
        size: height and width of the picture.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = size
    picture = light if light.shape[:2] == size else cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA)
    if sensor.shake:
        shift = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
        picture = cv2.warpAffine(
            picture, shift, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    if rain:
        bank = _rain_bank(max(size))
        y, x = rng.integers(0, bank.shape[1] - height), rng.integers(0, bank.shape[2] - width)
        streaks = bank[rng.integers(len(bank)), y : y + height, x : x + width]
        picture = cv2.addWeighted(picture, 1.0, streaks if sensor.grey else cv2.merge([streaks] * 3), rain, 0)
    deviation = sensor.blur * height / 128
    picture = cv2.GaussianBlur(picture, (0, 0), deviation) if deviation > 0.3 else picture
    picture = cv2.LUT(picture, exposure_table(sensor, gain)).reshape(height, width, -1)
    bank = _noise_bank(picture.shape[2], sensor.grain)
    y, x = (int(k) for k in rng.integers(0, 1024 - min(1024, max(size)), 2, endpoint=True))
    grain = bank[y : y + height, x : x + width]
    if grain.shape[:2] != size:
        grain = cv2.resize(grain, (width, height)).reshape(picture.shape)
    strength = sensor.noise / 32
    picture = cv2.addWeighted(picture, 1.0, grain, strength, -128 * strength)
    if sensor.quality:
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, sensor.quality])
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED))
    return cv2.merge([picture] * 3) if sensor.grey else picture


def sway(sensor: Sensor, seconds: Array, height: int, rng: np.random.Generator) -> Array:
    """(n, 2) how far the picture is off its place, in output pixels."""
    if not sensor.shake:
        return np.zeros((len(seconds), 2))
    phase = rng.random((2, 3))
    rate = rng.uniform(0.4, 3.0, (2, 3))
    waves = np.sin(2 * np.pi * (seconds[:, None, None] * rate + phase)).sum(-1)
    return np.asarray(sensor.shake * height / 128 * (0.6 * waves + 0.3 * rng.normal(size=(len(seconds), 2))))
