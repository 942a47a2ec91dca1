"""Causal smoothing: what a live stream can do, since it never looks ahead."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Smoother:
    """Exponential moving average by the frames' own times, of one number a frame or of several.

    What came before a frame counts exp(-Δt / seconds) of its smoothed value, Δt being the time since the last frame:
    frames may come at any rate, and a long hole forgets. Where time steps back the average starts anew.

    Args:
        seconds: time constant; 0 leaves values as they are.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._before: Floats | None = None
        self._before_s = 0.0

    def __call__(self, values: Floats, time_s: float) -> Floats:
        """The smoothed values of the next frame, (c,)."""
        keep = 0.0
        if self._before is not None and self._seconds > 0 and time_s >= self._before_s:
            keep = math.exp((self._before_s - time_s) / self._seconds)
        self._before = values if self._before is None or keep == 0 else keep * self._before + (1 - keep) * values
        self._before_s = time_s
        return self._before


def smooth(values: Floats, seconds: float, times_s: Floats) -> Floats:
    """All frames of a clip smoothed, (n,) or (n, c): the numbers that a `Smoother` gives one by one."""
    smoother = Smoother(seconds)
    columns = values.reshape(len(values), -1)
    rows = [smoother(row, time_s) for row, time_s in zip(columns, times_s.tolist(), strict=True)]
    return np.array(rows, np.float64).reshape(values.shape)
