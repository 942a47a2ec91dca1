"""Causal smoothing: what a live stream can do, since it never looks ahead."""

import math
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = TypeVar("Values", NDArray[np.float64], NDArray[np.float32])


class Smoother(Generic[Values]):
    """Exponential moving average by the frames' own times, of one number a frame or of several.

    What came before a frame counts exp(-Δt / seconds) of its smoothed value, Δt being the time since the last frame:
    frames may come at any rate, and a long hole forgets. Where time steps back the average starts anew.

    Args:
        seconds: time constant; 0 leaves values as they are.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._before: Values | None = None
        self._before_s = 0.0

    def __call__(self, values: Values, time_s: float) -> Values:
        """The smoothed values of the next frame, of any shape."""
        keep = 0.0
        if self._before is not None and self._seconds > 0 and time_s >= self._before_s:
            keep = math.exp((self._before_s - time_s) / self._seconds)
        before = self._before
        now: Values = values if before is None or keep == 0 else keep * before + (1 - keep) * values
        self._before, self._before_s = now, time_s
        return now


class CueSmoother:
    """Smoothed cues of a source, (5,): the picture's from its first frame, the network's from its first error."""

    def __init__(self, seconds: float) -> None:
        self._picture, self._network = Smoother[Floats](seconds), Smoother[Floats](seconds)

    def __call__(self, values: Floats, time_s: float) -> Floats:
        """The next frame's; the last of the five is NaN where the network has no error."""
        picture, network = self._picture(values[:-1], time_s), values[-1:]
        return np.append(picture, network if np.isnan(network[0]) else self._network(network, time_s))


def smooth(values: Floats, seconds: float, times_s: Floats) -> Floats:
    """All frames of a clip smoothed, (n,) or (n, c): the numbers that a `Smoother` gives one by one."""
    smoother = Smoother[Floats](seconds)
    columns = values.reshape(len(values), -1)
    rows = [smoother(row, time_s) for row, time_s in zip(columns, times_s.tolist(), strict=True)]
    return np.array(rows, np.float64).reshape(values.shape)
