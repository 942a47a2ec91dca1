"""Causal smoothing: what a live stream can do, since it never looks ahead."""

import math

import numpy as np
from numpy.typing import NDArray


def smooth(
    values: NDArray[np.float64], seconds: float, fps: float, state: float | None = None
) -> tuple[NDArray[np.float64], float | None]:
    """Exponential moving average, in the same arithmetic for whole clips and for a frame at a time.

    Args:
        values: (n,), a value a frame.
        seconds: time constant; 0 leaves values as they are.
        fps: frames a second.
        state: what the call for the frames before returned; None at the start, where the first value is
            taken as it is.

    Returns:
        the smoothed (n,), and the state for the frames that follow.
    """
    keep = math.exp(-1.0 / (seconds * fps)) if seconds > 0 else 0.0
    smoothed = np.empty(len(values))
    for i, value in enumerate(values.tolist()):
        state = value if state is None else keep * state + (1.0 - keep) * value
        smoothed[i] = state
    return smoothed, state
