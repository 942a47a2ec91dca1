import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vadcli.scoring.alarms import AlarmRule, AlarmStream, Signal, find_alarms

RULE = AlarmRule(release=0.7, merge_gap_s=1.0, min_event_s=0.2)


def signal(values, times_s=None, frame_s=0.1):
    values = np.array(values, float)
    return Signal.of([(values, np.arange(len(values)) * 0.1 if times_s is None else np.array(times_s, float))], frame_s)


def spans(values, rule, times_s=None, threshold=1.0):
    found = find_alarms(signal(values, times_s), threshold, rule)
    return [(round(a, 6), round(b, 6)) for a, b in zip(found.start_s.tolist(), found.end_s.tolist(), strict=True)]


def test_an_alarm_begins_above_the_threshold_and_ends_below_release():
    plain = AlarmRule(0.7, 0.0, 0.0)
    assert spans([0, 0.9, 1.1, 3.0, 0.8, 0.71, 0.69, 0.9, 0], plain) == [(0.2, 0.6)]
    assert spans([0, 1.0, 0], plain) == spans([], plain) == []  # at the threshold is not above it
    assert spans([0.9, 1.1, 0.9, 0], AlarmRule(1.0, 0.0, 0.0)) == [(0.1, 0.2)]


def test_near_alarms_are_one_and_short_ones_none():
    scores = [0, 2, 0, 0, 0, 2, 2, 0, 0, 3, 0]
    assert spans(scores, AlarmRule(0.7, 0.0, 0.2)) == [(0.5, 0.7)]
    assert spans(scores, AlarmRule(0.7, 0.3, 0.0)) == [(0.1, 0.2), (0.5, 1.0)]  # 0.3 s of silence is too long
    assert spans(scores, RULE) == [(0.1, 1.0)]


def test_a_hole_and_a_clock_set_back_end_an_alarm_however_long_the_gap():
    assert spans([2, 2, 2, 2, 2], RULE, [0, 0.1, 0.2, 60.0, 60.1]) == [(0, 0.3), (60.0, 60.2)]
    assert spans([2, 2, 2, 2], RULE, [5.0, 5.1, 0.0, 0.1]) == [(5.0, 5.2), (0.0, 0.2)]
    assert spans([2, 2, 2, 2], AlarmRule(0.7, 3.0, 0.2), [0, 0.1, 2.9, 3.0]) == [(0, 3.1)]  # no hole within the gap
    assert spans([2, 2, 2, 2], RULE, [0, 0.1, 1.15, 1.25]) == [(0, 0.2), (1.15, 1.35)]  # though 0.95 s of silence


def test_clips_do_not_run_into_one_another_and_have_thresholds_of_their_own():
    clips = [(np.array([0.0, 2.0]), np.array([0.0, 0.1])), (np.array([2.0, 2.0, 0.0]), np.array([0.2, 0.3, 0.4]))]
    both = Signal.of([*clips, (np.empty(0), np.empty(0))], [0.1, 0.1, 0.1])
    found = find_alarms(both, 1.0, AlarmRule(0.7, 5.0, 0.0))
    assert (found.first.tolist(), found.stop.tolist()) == ([1, 2], [2, 4])
    assert find_alarms(both, np.array([1, 1, 3, 3, 3.0]), RULE).first.tolist() == []
    assert both.hours == pytest.approx(0.5 / 3600)


FRAMES = st.lists(
    st.tuples(
        st.sampled_from([-2.0, 0.0, 0.5, 0.7, 0.8, 1.0, 1.2, 2.0, 3.0]),  # the score
        st.sampled_from([0.1, 0.1, 0.1, 0.0, 0.04, 0.3, 0.5, 1.0, 1.05, 2.0, 60.0, -3.0]),  # time since the last frame
    ),
    max_size=60,
)
RULES = st.builds(
    AlarmRule,
    st.sampled_from([0.0, 0.5, 0.7, 1.0]),
    st.sampled_from([0.0, 0.3, 1.0, 4.0]),
    st.sampled_from([0, 0.2, 1]),
)


@settings(max_examples=400, deadline=None)
@given(FRAMES, RULES, st.sampled_from([-1.0, 0.0, 1.0, 2.0]))
def test_a_stream_has_the_alarms_of_the_whole_array(frames, rule, threshold):
    values = np.array([score for score, _ in frames], float)
    times = np.cumsum([step for _, step in frames], dtype=float)
    stream = AlarmStream[int](threshold, rule, 0.1)
    added = [stream.add(i, float(times[i]), float(values[i]), i) for i in range(len(values))]
    streamed = [alarm for alarm in [*added, stream.finish()] if alarm]
    found = find_alarms(signal(values, times), threshold, rule)
    peaks = found.peaks(values)
    assert [(a.first, a.start_s, a.end_s, a.kept, a.peak_score) for a in streamed] == list(
        zip(found.first, found.start_s, found.end_s, peaks, values[peaks], strict=True)
    )


@given(FRAMES, RULES)
def test_an_alarm_of_the_stream_sounds_while_its_frames_are_within_it(frames, rule):
    stream, times = AlarmStream[None](1.0, rule, 0.1), np.cumsum([step for _, step in frames])
    for index, ((score, _), time_s) in enumerate(zip(frames, times, strict=True)):
        stream.add(index, float(time_s), score, None)
        assert stream.sounding == (stream.now is not None and stream.now.end_s > time_s)
        assert stream.sounding or score <= 1.0


def streamed(scores, opening=False, rule=RULE):
    """Alarms of a stream at ten frames a second, each with the frame that it was given at."""
    stream, found = AlarmStream[None](1.0, rule, 0.1), []
    for number, score in enumerate(scores):
        given = stream.add(number, number / 10, score, None), opening and stream.begun()
        found += [(number, alarm) for alarm in given if alarm]
    return [*found, *((len(scores), alarm) for alarm in [stream.finish()] if alarm)]


def test_a_begun_alarm_is_given_once_it_is_long_enough_to_count():
    (at, begun), (_, over) = streamed([0, 2, 2, 5, 2, 0, 0], opening=True)
    assert (at, begun.first, begun.peak_score, over.first, over.peak_score) == (2, 1, 2, 1, 5)
    assert streamed([0, 2, 0, 0], opening=True) == []


def test_a_stream_keeps_what_came_with_the_peak_and_the_threshold_that_it_began_above():
    stream = AlarmStream[str](1.0, RULE, 0.1)
    for number, score in enumerate([0, 2, 7, 3, 3]):
        stream.add(number, number / 10, score, f"frame {number}")
        stream.threshold = 1.5 if number else 1.0
    over = stream.finish()
    assert (over.kept, over.threshold, over.start_s) == ("frame 2", 1.0, 0.1)
