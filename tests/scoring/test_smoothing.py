import math

import numpy as np
import pytest

from vadcli.scoring.smoothing import Smoother, smooth


def test_smoothing_is_the_exponential_average_by_the_frames_times():
    values, times = np.array([1.0, 3.0, 2.0]), np.array([0.0, 0.1, 0.7])
    expected = [1.0]
    for value, step in zip(values[1:], np.diff(times), strict=True):
        keep = math.exp(-step / 0.5)
        expected.append(keep * expected[-1] + (1 - keep) * value)
    assert smooth(values, 0.5, times) == pytest.approx(expected, abs=1e-15)


def test_columns_are_smoothed_alike_and_frame_by_frame():
    rng = np.random.default_rng(0)
    values, times = rng.normal(size=(50, 4)), np.cumsum(rng.uniform(0.01, 1, 50))
    smoother = Smoother(0.5)
    one_by_one = np.array([smoother(row, t) for row, t in zip(values, times, strict=True)])
    assert np.array_equal(smooth(values, 0.5, times), one_by_one)
    assert np.array_equal(smooth(values[:, 2], 0.5, times), one_by_one[:, 2])


def test_no_time_constant_changes_nothing_and_time_that_steps_back_begins_anew():
    values, times = np.array([1.0, 5.0, 7.0]), np.array([0.0, 1.0, 0.5])
    assert smooth(values, 0.0, times).tolist() == values.tolist()
    assert smooth(values, 0.5, times)[2] == 7.0
