"""A source's beginning: held until enough of it was seen to say what is normal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from vadcli.footage.frames import SourceInfo
from vadcli.footage.opencv import cv2
from vadcli.scoring.calibration import LEAST_FRAMES, Calibration, NormalFootage
from vadcli.scoring.measuring import FrameErrors
from vadcli.scoring.observing import Observation
from vadcli.settings import FusionSettings, ScoreSettings

_PARTS = 10  # of a recording's beginning; each is scored by what the others taught
_HOLE_S = 1.0  # between frames; what is longer teaches nothing
_CUT = 0.5  # share of the picture that moves at once where another shot begins
_BLACK = 20.0  # mean grey level of a picture that shows nothing yet
_SHARPENS_S = 1.0  # after a cut, until an encoder has made a picture what it stays


@dataclass(frozen=True, slots=True)
class Held:
    """A frame that waits until enough was learned to score it; its picture is kept as a JPEG."""

    observation: Observation
    errors: FrameErrors | None
    measured: bool
    jpeg: bytes | None = None

    def packed(self) -> "Held":
        """The same with its picture as a JPEG."""
        picture = self.observation.picture
        if picture is None:
            return replace(self, observation=replace(self.observation, image=None))
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        return replace(self, observation=replace(self.observation, picture=None), jpeg=data.tobytes())

    def unpacked(self) -> "Held":
        """The same with its picture."""
        if self.jpeg is None:
            return self
        picture = np.asarray(cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
        return replace(self, observation=replace(self.observation, picture=picture))


class Beginning:
    """So many seconds of frames from which is learned what is normal; what shows nothing yet is let go."""

    def __init__(self, fps: float, seconds: float) -> None:
        self._fps, self._seconds = fps, seconds
        self._held: list[Held] = []
        self._seen_s, self._before_s, self._begins_s = 0.0, math.inf, -math.inf

    def add(self, held: Held) -> list[Held]:
        """Take the next frame; returns those that teach nothing, such as a title before the first picture."""
        released: list[Held] = []
        observation = held.observation
        if held.measured:
            step_s = max(0.0, observation.time_s - self._before_s)
            self._before_s = observation.time_s
            if _shows_nothing_yet(observation):
                self._begins_s = observation.time_s + _SHARPENS_S
            if observation.time_s < self._begins_s:
                released, self._held, self._seen_s = self._held, [], 0.0
            elif step_s <= max(_HOLE_S, 2 / self._fps):
                self._seen_s += step_s
        self._held.append(held)
        return released

    @property
    def is_enough(self) -> bool:
        """Whether so much was seen as was asked for."""
        return self._seen_s >= self._seconds and self.teaches

    @property
    def teaches(self) -> bool:
        """Whether anything can be learned from it."""
        return sum(held.measured for held in self._held) >= LEAST_FRAMES

    def learned(self, settings: FusionSettings, *, apart: bool) -> "Learned":
        """What it teaches; with `apart` also what every tenth of it is scored by. Nothing is held any more."""
        held, self._held = self._held, []
        bounds = np.linspace(0, len(held), min(_PARTS, len(held)) + 1).astype(int).tolist()
        parts = [held[first:stop] for first, stop in pairwise(bounds)]
        taught = [self._normal(part) for part in parts]
        others: list[Calibration | None] = []
        for number in range(len(parts) if apart else 0):
            rest = NormalFootage.of([*taught[:number], *taught[number + 1 :]])
            others.append(rest.calibrate(settings) if rest.frames >= LEAST_FRAMES else None)
        return Learned(parts, others, NormalFootage.of(taught).calibrate(settings))

    def let_go(self) -> list[Held]:
        """All that is held, where nothing can be learned from it."""
        held, self._held = self._held, []
        return held

    def _normal(self, part: Sequence[Held]) -> NormalFootage:
        normal = NormalFootage(self._fps)
        for held in part:
            if held.measured and held.observation.cues is not None:
                normal.add(0, held.observation.time_s, held.observation.cues, peak_of(held.errors))
        return normal


@dataclass(frozen=True, eq=False)
class Learned:
    """What a beginning taught."""

    parts: Sequence[Sequence[Held]]  # its frames, in ten stretches
    # a calibration for each stretch, by the other nine; None where they are too few
    others: Sequence[Calibration | None]
    calibration: Calibration  # by all of it


def peak_of(errors: FrameErrors | None) -> float:
    """The network's cue; NaN without a network."""
    return math.nan if errors is None else errors.cue


def _shows_nothing_yet(observation: Observation) -> bool:
    """Whether a picture is black, or another shot begins with it."""
    cues = observation.cues
    if cues is None:
        return False
    return bool(cues.look[..., 0].mean(dtype=np.float32) < _BLACK or cues.area.mean(dtype=np.float32) > _CUT)


def warm_up_seconds(settings: ScoreSettings, info: SourceInfo) -> float:
    """How long a source teaches: as long as was asked for, of a recording a third at most."""
    return settings.warmup if info.frames is None else min(settings.warmup, info.frames / info.fps / 3)
