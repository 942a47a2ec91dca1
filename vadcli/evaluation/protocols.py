"""Protocols: from errors to scores as papers, released code and a live camera do it, as records of functions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from vadcli.errors import InputError
from vadcli.evaluation.evidence import CONTROLS, GIVEN, SCORES, Evidence
from vadcli.evaluation.pool import Floats
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.calibration import Calibration
from vadcli.scoring.smoothing import smooth
from vadcli.settings import ScoreSettings

TAPS = 15
SIGMA = 2.0
_DEFAULT_RULE = AlarmRule.of(ScoreSettings())
_LEAST = 1e-20  # an error of exactly zero has no decibels


@dataclass(frozen=True, slots=True)
class Request:
    """A score that is asked for.

    Attributes:
        score: one of SCORES or CONTROLS, or "given".
        shots: windows that the model was adapted on (K).
        calibrations: of each clip, for protocols that need them; fitted to normal footage and to `score`.
        smooth_seconds: time constant of causal smoothing for given scores and controls.
        rule: of alarms; where scores have no typical one to measure a release level from, they end at the threshold.
        false_alarms_per_hour: that calibrations give thresholds for.
        threshold: score above which alarms begin, whatever the rate; None for that of the calibrations.
    """

    score: str
    shots: int = 0
    calibrations: Sequence[Calibration] | None = None
    smooth_seconds: float = 0.5
    rule: AlarmRule = _DEFAULT_RULE
    false_alarms_per_hour: float = 1.0
    threshold: float | None = None

    def thresholds(self, clips: int) -> Floats | None:
        """(C,), the program's threshold for each clip; None where nothing says what score is typical.

        Args:
            clips: how many there are (C).
        """
        if self.score in CONTROLS:
            return None
        if self.threshold is not None:
            return np.full(clips, self.threshold)
        if self.calibrations is None:
            return None
        return np.array([one.threshold(self.false_alarms_per_hour) for one in self.calibrations])


@dataclass(frozen=True, slots=True)
class Steps:
    """From raw signals to scores: transform, scale, smooth, weigh, and make larger mean less normal.

    Attributes:
        transform: of a signal that is an error.
        scale: of one signal of one clip, to a common range.
        smooth: of the same.
        weights: of frame and feature (or scene) signal where they are added, from the number of shots.
        sign: 1 if what comes out grows with abnormality, -1 if with normality.
    """

    transform: Callable[[Floats], Floats]
    scale: Callable[[Floats], Floats]
    smooth: Callable[[Floats], Floats]
    weights: Callable[[int], tuple[float, float]]
    sign: float


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way to score.

    Attributes:
        name: as on the command line.
        summary: one line for people.
        scores: from the clips and what is asked of them to (n_i,) a clip, larger for less normal.
        uses_future: a frame's score depends on later frames, or on other test clips: it cannot be used live.
        needs_calibration: it is calibrated on normal footage, and says nothing without.
        not_scores: scores that it has no use for: raw errors have no common unit with the scene distance, and controls
            are for what a live camera can have.
    """

    name: str
    summary: str
    scores: Callable[[Sequence[Evidence], Request], list[Floats]]
    uses_future: bool
    needs_calibration: bool
    not_scores: tuple[str, ...] = ()


def unchanged(values: Floats) -> Floats:
    """The values themselves."""
    return values


def decibels(error: Floats) -> Floats:
    """10·log10(1 / error), a normality like a PSNR; a constant factor of the error moves all values alike."""
    decibel: Floats = -10 * np.log10(np.maximum(error, _LEAST))
    return decibel


def scaled(values: Floats) -> Floats:
    """A clip from its minimum (0) to its maximum (1): looks into the clip's future; zeros where nothing varies."""
    low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def official_kernel() -> Floats:
    """(15,), exp(−(i−7)²/8) / (2√(2π)), not renormalised: its sum is 0.99985."""
    taps: Floats = np.exp(-((np.arange(TAPS) - TAPS // 2) ** 2) / (2 * SIGMA**2))
    return taps / (SIGMA * math.sqrt(2 * math.pi))


def official_filter(values: Floats) -> Floats:
    """The released code's filter: 15 taps where they fit, and the seven values at each end copy the nearest.

    Args:
        values: (n,); fewer than 15 are returned as they are, since no filtered value exists to copy.
    """
    if len(values) < TAPS:
        return values
    half = TAPS // 2
    inner = np.convolve(values, official_kernel(), mode="valid")
    return np.concatenate([np.full(half, inner[0]), inner, np.full(half, inner[-1])])


def even_sum(shots: int) -> tuple[float, float]:
    """S = S_fra + λs S_fea with λs = 1, whatever the shots."""
    return 1.0, 1.0


def official_weights(shots: int) -> tuple[float, float]:
    """Weights a and 1 − a: 0.5 without adaptation, 0.7 in the few-shot test."""
    return (0.7, 1 - 0.7) if shots else (0.5, 0.5)


def combined(steps: Steps, clips: Sequence[Evidence], request: Request) -> list[Floats]:
    """Scores by `steps`: of one signal, or of two weighed."""
    if request.score == GIVEN:
        return [_signal(steps, steps.sign * clip.signals[GIVEN]) for clip in clips]
    parts = [[_signal(steps, steps.transform(c.signals[kind])) for c in clips] for kind in SCORES[request.score]]
    if len(parts) == 1:
        return parts[0]
    frame, other = steps.weights(request.shots)
    return [frame * a + other * b for a, b in zip(*parts, strict=True)]


def _signal(steps: Steps, values: Floats) -> Floats:
    return steps.sign * steps.smooth(steps.scale(values))


def calibrated(clips: Sequence[Evidence], request: Request) -> list[Floats]:
    """Causally smoothed scores in units of the scene's normal footage; given scores and controls are smoothed alone."""
    if request.score in (GIVEN, *CONTROLS):
        return [smooth(clip.signals[request.score], request.smooth_seconds, clip.times_s)[0] for clip in clips]
    if request.calibrations is None or len(request.calibrations) != len(clips):
        raise ValueError("the online protocol needs a calibration for every clip")
    return [one.score(clip.errors, clip.times_s) for one, clip in zip(request.calibrations, clips, strict=True)]


PAPER = Protocol(
    name="paper",
    summary="S_fra + S_fea, raw, nothing scaled or smoothed",
    scores=partial(combined, Steps(unchanged, unchanged, unchanged, even_sum, 1.0)),
    uses_future=False,
    needs_calibration=False,
    not_scores=("fp+fs", *CONTROLS),
)
OFFICIAL = Protocol(
    name="official",
    summary="decibels scaled over each test clip, 15-tap filter, a-weighted: looks into the future",
    scores=partial(combined, Steps(decibels, scaled, official_filter, official_weights, -1.0)),
    uses_future=True,
    needs_calibration=False,
    not_scores=CONTROLS,
)
MINMAX = Protocol(
    name="minmax",
    summary="decibels, or given scores, scaled over each test clip and not filtered (MemAE): looks into the future",
    scores=partial(combined, Steps(decibels, scaled, unchanged, even_sum, -1.0)),
    uses_future=True,
    needs_calibration=False,
    not_scores=CONTROLS,
)
ONLINE = Protocol(
    name="online",
    summary="calibrated on normal footage only, causal smoothing: what a live camera can have",
    scores=calibrated,
    uses_future=False,
    needs_calibration=True,
)
PROTOCOLS = {protocol.name: protocol for protocol in (PAPER, OFFICIAL, MINMAX, ONLINE)}
DEFAULT_PROTOCOLS = ("paper", "official", "online")


def find_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        InputError: if there is none.
    """
    if name not in PROTOCOLS:
        raise InputError(f"--protocol {name}: unknown. Use one or more of: {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
