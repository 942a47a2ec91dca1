"""Frames of live streams that are left out so that the others are not late."""

import numpy as np
import pytest

from vadcli.footage.pace import MOST, Pace

STEP = 0.04


def watched(work_s, seconds=120.0, clock=1.0):
    """Times by our clock of the frames that someone takes who needs `work_s` for each; lags; frames left out."""
    pace, now, taken, lags = Pace(STEP), 0.0, [], []
    for index in range(int(seconds / STEP)):
        at = index * STEP  # by the stream's own clock
        now = max(now, at * clock)  # it cannot be read before it comes
        if pace.keeps(at, now):
            taken.append(index)
            lags.append(now - at * clock)
            now += work_s
    return np.array(taken), np.array(lags), pace.left_out


def test_who_keeps_up_gets_every_frame_also_when_clocks_differ():
    for clock in (1.0, 1.0002, 0.9998):
        taken, _, left_out = watched(0.03, clock=clock, seconds=3000)
        assert left_out == 0 and len(taken) == 75000


@pytest.mark.parametrize("slower", [1.3, 2.5, 8])
def test_who_is_too_slow_is_soon_late_by_a_bounded_time_and_gets_frames_evenly(slower):
    taken, lags, left_out = watched(slower * STEP)
    assert lags.max() < 5 and lags[len(lags) // 2 :].max() < 3, "and not half a second more every second"
    assert left_out == 3000 - len(taken) > 0
    strides = np.diff(taken[len(taken) // 2 :])
    assert strides.max() - strides.min() <= 2 and strides.max() < MOST


def test_who_was_slow_for_a_while_gets_every_frame_again():
    pace, now = Pace(STEP), 0.0
    kept_late = []
    for index in range(6000):
        at = index * STEP
        now = max(now, at)
        if pace.keeps(at, now):
            now += 0.1 if at < 20 else 0.005
            if at > 200:
                kept_late.append(index)
    assert len(kept_late) == 6000 - 5001


def test_a_lag_that_leaving_out_does_not_shorten_is_the_streams_own():
    pace, kept_late = Pace(STEP), 0
    for index in range(3000):
        at = index * STEP
        kept = pace.keeps(at, at + (20 if at > 20 else 0))  # whoever sends stood still for 20 s
        kept_late += kept and at > 60
    assert kept_late == 3000 - 1501
