"""The rate at which normal footage exceeds a level: peaks over threshold, counted as alarms and not as frames."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.scoring.alarms import AlarmRule, Signal, find_alarms

# Quantiles of the signal that are tried as the level where the tail begins, highest first.
_QUANTILES = (0.995, 0.99, 0.98, 0.97, 0.95, 0.93, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)
# Occurrences that a tail should rest on; the highest quantile that has as many is taken.
_ENOUGH = 40
# Below this many, shape and scale cannot be told apart.
_ENOUGH_FOR_SHAPE = 20
_SHAPES = (-0.3, 0.4)


@dataclass(frozen=True, slots=True)
class Tail:
    """Rate of alarms of normal footage as a function of the level.

    Attributes:
        start: level where the fitted tail begins.
        rate_per_hour: alarms an hour at `start`.
        scale: of the generalised Pareto distribution of what exceeds `start`.
        shape: of it; 0 is exponential, negative has an end, positive is heavy.
        body: (level, alarms an hour) below `start`, rates rising as levels fall.
    """

    start: float
    rate_per_hour: float
    scale: float
    shape: float
    body: tuple[tuple[float, float], ...] = ()

    def level(self, alarms_per_hour: float) -> float:
        """The level that normal footage exceeds so often.

        Args:
            alarms_per_hour: above 0; a rate above all that was seen gives the lowest level of the body.
        """
        if not alarms_per_hour > 0:
            raise ValueError(f"alarms_per_hour must be above 0, got {alarms_per_hour}")
        if alarms_per_hour < self.rate_per_hour:
            rarer = math.log(self.rate_per_hour / alarms_per_hour)
            # The inverse of the generalised Pareto's survival function; its limit is the exponential's.
            steps = math.expm1(self.shape * rarer) / self.shape if abs(self.shape) > 1e-9 else rarer
            return self.start + self.scale * steps
        levels = [self.start, *(level for level, _ in self.body)]
        rates = [self.rate_per_hour, *(rate for _, rate in self.body)]
        return float(np.interp(np.log(alarms_per_hour), np.log(rates), levels))


def fit_tail(signal: Signal, rule: AlarmRule, typical: float, least: float) -> Tail:
    """A tail fitted to the alarms of normal footage.

    With few alarms the exponential's predictive distribution is taken, a generalised Pareto of shape 1/n:
    what is not known of the scale then raises the threshold instead of being passed over.

    Args:
        signal: of normal footage.
        rule: of alarms.
        typical: the level of a typical frame.
        least: smallest scale, for footage that never changes.
    """
    values, hours = signal.values, signal.hours
    tried: list[tuple[float, NDArray[np.float64]]] = []
    for level in np.unique(np.quantile(values, _QUANTILES))[::-1].tolist():
        if level > typical:
            tried.append((level, values[find_alarms(signal, level, rule, typical).peaks(values)]))
    counts = [len(peaks) for _, peaks in tried]
    if not counts or max(counts) < 2:  # nothing, or one long excursion, to learn from
        level = float(values.max())
        return Tail(level, 1 / hours, max(5 * least, level - typical), 0.0)
    chosen = next((i for i, n in enumerate(counts) if n >= _ENOUGH), int(np.argmax(counts)))
    start, peaks = tried[chosen]
    scale, shape = _fit_excess(peaks - start, least)
    rate = len(peaks) / hours
    body: list[tuple[float, float]] = []
    for (level, _), n in zip(tried[chosen + 1 :], counts[chosen + 1 :], strict=True):
        if n / hours > max(rate, body[-1][1] if body else 0):  # past the top alarms melt into one another
            body.append((level, n / hours))
    return Tail(start, rate, scale, shape, tuple(body))


def _fit_excess(excess: NDArray[np.float64], least: float) -> tuple[float, float]:
    mean = max(float(excess.mean()), least)
    if len(excess) < _ENOUGH_FOR_SHAPE:
        return mean, min(1 / len(excess), _SHAPES[1])
    from scipy.stats import genpareto  # takes more than a second to import, and a short warm-up does without

    fit: Any = genpareto.fit(excess, floc=0)
    shape = float(fit[0])
    if _SHAPES[0] <= shape <= _SHAPES[1]:
        return max(float(fit[2]), least), shape
    shape = min(max(shape, _SHAPES[0]), _SHAPES[1])
    return max(float(genpareto.fit(excess, fc=shape, floc=0)[2]), least), shape
