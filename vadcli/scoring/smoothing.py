"""Causal smoothing: what a live stream can do, since it never looks ahead."""

import math

import numpy as np
from numpy.typing import NDArray

# Last smoothed value and the time of its frame.
SmoothingState = tuple[float, float]


def smooth(
    values: NDArray[np.float64], seconds: float, times_s: NDArray[np.float64], state: SmoothingState | None = None
) -> tuple[NDArray[np.float64], SmoothingState | None]:
    """Exponential moving average, in the same arithmetic for whole clips and for a frame at a time.

    What came before a frame counts exp(-Δt / seconds) of its smoothed value, Δt being the time since the last frame:
    frames may come at any rate, and a long hole forgets. Where time steps back the average starts anew.

    Args:
        values: (n,), a value a frame.
        seconds: time constant; 0 leaves values as they are.
        times_s: (n,), time of each frame.
        state: what the call for the frames before returned; None at the start, where the first value is
            taken as it is.

    Returns:
        the smoothed (n,), and the state for the frames that follow.
    """
    smoothed = np.empty(len(values))
    for i, (value, time_s) in enumerate(zip(values.tolist(), times_s.tolist(), strict=True)):
        keep = 0.0
        if state is not None and seconds > 0 and time_s >= state[1]:
            keep = math.exp((state[1] - time_s) / seconds)
        before = value if state is None else state[0]
        state = (keep * before + (1.0 - keep) * value, time_s)
        smoothed[i] = state[0]
    return smoothed, state
