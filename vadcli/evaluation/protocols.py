"""Protocols: from errors to scores as papers, released code and a live camera do it, as records of functions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from vadcli.errors import InputError
from vadcli.evaluation.evidence import CONTROLS, CUES, GIVEN, LIVE, SCORES, Evidence
from vadcli.evaluation.pool import Floats
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.smoothing import smooth
from vadcli.settings import ScoreSettings

TAPS = 15
SIGMA = 2.0
_DEFAULT_RULE = AlarmRule.of(ScoreSettings())
_LEAST = 1e-20  # an error of exactly zero has no decibels


@dataclass(frozen=True, slots=True)
class Request:
    """A score that is asked for."""

    score: str  # one of `available_scores`
    shots: int = 0  # windows that the model was adapted on (K)
    smooth_seconds: float = ScoreSettings().smooth_seconds  # causal smoothing's time constant, of scores not smoothed
    # of alarms; where scores have no typical one to measure a release level from, they end at the threshold
    rule: AlarmRule = _DEFAULT_RULE
    threshold: float | None = None  # score above which alarms begin in given scores; None where nothing says

    def thresholds(self, clips: Sequence[Evidence]) -> Floats | None:
        """(C,), the program's threshold for each clip; None where nothing says what score is typical."""
        found = [clip.threshold if self.score == LIVE else self.threshold for clip in clips]
        known = [threshold for threshold in found if threshold is not None]
        return np.array(known) if self.score in (LIVE, GIVEN) and len(known) == len(clips) else None


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way to score."""

    name: str  # as on the command line
    summary: str  # one line for people
    # from the clips and what is asked of them to (n_i,) a clip, larger for less normal
    scores: Callable[[Sequence[Evidence], Request], list[Floats]]
    uses_future: bool  # a frame's score depends on later frames, or on other test clips: it cannot be used live
    live: bool = False  # its scores are the program's own, whose thresholds are known
    of: tuple[str, ...] = (*SCORES, GIVEN, *CONTROLS)  # the scores that it can judge


def raw(clips: Sequence[Evidence], request: Request) -> list[Floats]:
    """S = S_fra + λs S_fea with λs = 1, or a finished score, as it is."""
    return [np.sum([clip.signals[kind] for kind in _kinds(request.score)], axis=0) for clip in clips]


def scaled_over_clips(
    smoothed: Callable[[Floats], Floats],
    weights: Callable[[int], tuple[float, float]],
    clips: Sequence[Evidence],
    request: Request,
) -> list[Floats]:
    """Normality in decibels, or a finished score's, scaled over each clip, smoothed, weighed, and turned around.

    Args:
        smoothed: filters the scaled normality of a clip.
        weights: of frame and feature signal where both are asked for, from the number of shots.
        clips: with the signals.
        request: the score.
    """
    results = []
    for clip in clips:
        signals = [clip.signals[kind] for kind in _kinds(request.score)]
        normality = [decibels(signal) if request.score in SCORES else -signal for signal in signals]
        parts = [smoothed(scaled(values)) for values in normality]
        shares = weights(request.shots) if len(parts) > 1 else (1.0,)
        results.append(-np.sum([share * part for share, part in zip(shares, parts, strict=True)], axis=0))
    return results


def causal(clips: Sequence[Evidence], request: Request) -> list[Floats]:
    """Scores as the program gives them; given scores and controls, which are not smoothed yet, smoothed alike."""
    seconds = request.smooth_seconds if request.score in (GIVEN, *CONTROLS) else 0.0
    return [smooth(clip.signals[request.score], seconds, clip.times_s) for clip in clips]


def _kinds(score: str) -> tuple[str, ...]:
    return SCORES.get(score, (score,))


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


def official_weights(shots: int) -> tuple[float, float]:
    """Weights a and 1 − a: 0.5 without adaptation, 0.7 in the few-shot test."""
    return (0.7, 1 - 0.7) if shots else (0.5, 0.5)


PAPER = Protocol("paper", "S_fra + S_fea, raw, nothing scaled or smoothed", raw, uses_future=False)
OFFICIAL = Protocol(
    "official",
    "decibels scaled over each test clip, 15-tap filter, a-weighted: looks into the future",
    partial(scaled_over_clips, official_filter, official_weights),
    uses_future=True,
)
MINMAX = Protocol(
    "minmax",
    "decibels, or given scores, scaled over each test clip and not filtered (MemAE): looks into the future",
    partial(scaled_over_clips, np.asarray, lambda shots: (1.0, 1.0)),
    uses_future=True,
)
ONLINE = Protocol(
    "online",
    "the program's own score: causal, by normal footage only, as a live camera has it",
    causal,
    uses_future=False,
    live=True,
    of=(LIVE, GIVEN, *CUES, *CONTROLS),
)
PROTOCOLS = {protocol.name: protocol for protocol in (ONLINE, PAPER, OFFICIAL, MINMAX)}  # as tables have them
DEFAULT_PROTOCOLS = ("paper", "official", "online")


def find_protocol(name: str) -> Protocol:
    """The protocol of that name; raises InputError if there is none."""
    if name not in PROTOCOLS:
        raise InputError(f"--protocol {name}: unknown. Use one or more of: {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
