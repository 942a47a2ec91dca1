"""Light of a scene: sun or lamps, fog, and how brightness drifts over a clip."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Light:
    """The light of a scene.

    Attributes:
        elevation: of the sun (or the brightest lamp) in radians.
        azimuth: towards the sun, in radians from ahead of the camera to its right.
        direct: share of the light that casts shadows, in [0, 1); 0 is overcast or indoors.
        tint: RGB factors.
        fog_m: distance at which fog has swallowed 63 %; infinite without.
        fog_colour: RGB in [0, 1].
        rain: strength of rain, 0 without.
        drift: relative size of slow changes of brightness.
        clouds: share of the direct light that passing clouds take, 0 without.
        flicker: relative size of lamp flicker, frame by frame.
    """

    elevation: float
    azimuth: float
    direct: float
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fog_m: float = float("inf")
    fog_colour: tuple[float, float, float] = (0.7, 0.72, 0.74)
    rain: float = 0.0
    drift: float = 0.03
    clouds: float = 0.0
    flicker: float = 0.0

    @property
    def towards_sun(self) -> Array:
        """(3,) unit vector."""
        flat = np.cos(self.elevation)
        return np.array([flat * np.sin(self.azimuth), np.sin(self.elevation), flat * np.cos(self.azimuth)])

    def on(self, normal: Array) -> float:
        """Brightness of a surface with this (3,) unit normal, where open level ground has 1."""
        sun = self.towards_sun
        ambient = (1 - self.direct) * (0.72 + 0.28 * max(float(normal[1]), 0.0))
        return float(ambient + self.direct * max(float(normal @ sun), 0.0) / max(sun[1], 0.35))

    def shadow_slope(self) -> Array:
        """(2,) metres that a shadow's tip moves along x and z for each metre of height."""
        sun = self.towards_sun
        return np.asarray(-sun[[0, 2]] / max(sun[1], 0.3))

    def veil(self, distance: Array) -> Array:
        """Share of fog in the light from a distance in metres, in [0, 1]."""
        return np.asarray(1 - np.exp(-np.asarray(distance) / self.fog_m))


def outdoor_light(rng: np.random.Generator) -> Light:
    """Daylight of some weather."""
    weather = rng.choice(["sun", "haze", "overcast", "rain", "fog"], p=[0.38, 0.22, 0.25, 0.08, 0.07])
    direct = {"sun": rng.uniform(0.4, 0.65), "haze": rng.uniform(0.15, 0.35)}.get(str(weather), rng.uniform(0, 0.06))
    warm = rng.normal(0, 0.04)
    grey = rng.uniform(0.62, 0.82)
    return Light(
        elevation=rng.uniform(0.5, 1.25),
        azimuth=rng.uniform(-np.pi, np.pi),
        direct=float(direct),
        tint=(1 + warm, 1.0, 1 - warm),
        fog_m=float(rng.uniform(35, 120))
        if weather == "fog"
        else (float(rng.uniform(150, 400)) if weather in ("haze", "rain") else float("inf")),
        fog_colour=(grey, grey, grey * 1.02),
        rain=float(rng.uniform(0.3, 1)) if weather == "rain" else 0.0,
        drift=float(rng.uniform(0.005, 0.05)),
        clouds=float(rng.uniform(0.2, 0.8)) if rng.random() < 0.35 else 0.0,
    )


def indoor_light(rng: np.random.Generator) -> Light:
    """Lamps or a window."""
    warm = rng.normal(0.02, 0.05)
    return Light(
        elevation=float(rng.uniform(0.9, 1.4)),
        azimuth=float(rng.uniform(-np.pi, np.pi)),
        direct=float(rng.uniform(0.05, 0.35)),
        tint=(1 + warm, 1.0, 1 - warm),
        drift=float(rng.uniform(0, 0.03)),
        flicker=float(rng.uniform(0, 0.012)) if rng.random() < 0.5 else 0.0,
    )


def brightness(light: Light, seconds: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Changes of the light over a clip.

    Args:
        light: the scene's.
        seconds: (n,) times of the frames.
        rng: of the clip.

    Returns:
        (n,) factor on the whole picture about 1, and (n,) share of direct light left by clouds in [0, 1].
    """
    gain = np.ones(len(seconds))
    for period in rng.uniform(6, 60, 3):
        gain += light.drift * 0.5 * np.sin(2 * np.pi * (seconds / period + rng.random()))
    sunny = np.ones(len(seconds))
    if light.clouds:
        wave = np.sin(2 * np.pi * (seconds / rng.uniform(15, 60) + rng.random()))
        wave += 0.6 * np.sin(2 * np.pi * (seconds / rng.uniform(8, 20) + rng.random()))
        sunny = 1 - light.clouds / (1 + np.exp(-4 * wave))
        gain *= 1 - light.direct * 0.45 * (1 - sunny)
    gain *= 1 + light.flicker * rng.normal(size=len(seconds))
    return gain, sunny
