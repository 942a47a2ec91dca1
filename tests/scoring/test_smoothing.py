import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadcli.scoring.smoothing import smooth

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("seconds", "fps"), [(0.5, 10.0), (2.0, 29.97), (0.0, 25.0)])
def test_frames_at_one_rate_are_smoothed_with_one_factor(seconds, fps):
    values = RNG.normal(size=300)
    keep = math.exp(-1 / (seconds * fps)) if seconds else 0.0
    expected = [values[0]]
    for value in values[1:]:
        expected.append(keep * expected[-1] + (1 - keep) * value)
    np.testing.assert_allclose(smooth(values, seconds, np.arange(300) / fps)[0], expected, rtol=0, atol=1e-12)


def test_half_of_the_frames_decay_as_far_in_the_same_time():
    step = np.r_[1.0, np.zeros(100)]
    every = smooth(step, 0.5, np.arange(101) / 10)[0]
    second = smooth(step[::2], 0.5, np.arange(101)[::2] / 10)[0]
    np.testing.assert_allclose(second, every[::2], atol=1e-12)


def test_a_hole_forgets_and_a_clock_set_back_starts_anew():
    smoothed, _ = smooth(np.array([5.0, 1.0, 7.0]), 0.5, np.array([0.0, 60.0, 3.0]))
    assert smoothed.tolist() == [5.0, pytest.approx(1.0, abs=1e-12), 7.0]


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0, 3)), max_size=30), st.integers(0, 30))
def test_a_stream_is_smoothed_exactly_as_the_whole(frames, cut):
    values, times = (np.array([one[i] for one in frames], float) for i in (0, 1))
    times = np.cumsum(times)
    head, state = smooth(values[:cut], 0.5, times[:cut])
    tail, _ = smooth(values[cut:], 0.5, times[cut:], state)
    np.testing.assert_array_equal(np.concatenate([head, tail]), smooth(values, 0.5, times)[0])
