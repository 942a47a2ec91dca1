import numpy as np
import pytest

from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.events import Event, EventFinder
from vadcli.settings import ScoreSettings

FPS = 10.0


def find(scores, times=None, *, threshold=1.0, opening=False, **changes) -> list[Event]:
    finder = EventFinder("a.mp4", threshold, AlarmRule.of(ScoreSettings(**changes)), 1 / FPS, opening=opening)
    times = np.arange(len(scores)) / FPS if times is None else times
    found = [f for i, s in enumerate(scores) for f in finder.add(i, float(times[i]), float(s), i)]
    return [finding.event for finding in [*found, *finder.finish()]]


def test_an_event_begins_above_the_threshold_and_ends_below_release():
    (event,) = find([0, 0.9, 1.1, 3.0, 0.8, 0.71, 0.69, 0.9, 0], merge_gap_seconds=0)
    assert (event.start_s, event.end_s) == (0.2, 0.6)
    assert (event.peak_s, event.peak_score, event.id) == (0.3, 3.0, "a.mp4#2")


def test_short_events_are_dropped_and_near_ones_merged():
    scores = [0, 2, 0, 0, 0, 2, 2, 0, 0, 3, 0]
    assert [e.start_s for e in find(scores, merge_gap_seconds=0)] == [0.5]
    assert [(e.start_s, e.end_s) for e in find(scores, merge_gap_seconds=1)] == [(0.1, 1.0)]


def test_an_event_at_the_end_of_a_source_ends_with_it():
    (event,) = find([0, 2, 2, 2])
    assert event.end_s == pytest.approx(0.4)


def test_an_event_is_told_once_it_can_no_longer_go_on():
    finder = EventFinder("a", 1.0, AlarmRule(0.7, 0.5, 0.2), 0.1)
    told = [i for i, s in enumerate([2, 2, 2, 0, 0, 0, 0, 0, 0, 0]) if list(finder.add(i, i / FPS, s, None))]
    assert told == [8]
    assert not list(finder.finish())


def test_a_lost_stream_ends_its_event():
    times = [0, 0.1, 0.2, 60.0, 60.1]
    events = find([2, 2, 2, 2, 2], times)
    assert [(e.start_s, round(e.end_s, 3)) for e in events] == [(0, 0.3), (60.0, 60.2)]


def test_open_tells_of_the_beginning_with_the_same_id():
    opened, closed = find([0, 2, 2, 5, 2, 0, 0], opening=True)
    assert (opened.state, closed.state, opened.id) == ("open", "closed", closed.id)
    assert opened.peak_score == 2 and closed.peak_score == 5


def test_open_says_nothing_of_what_turns_out_too_short():
    assert find([0, 2, 0, 0], opening=True, min_event_seconds=0.2) == []


def test_the_peak_keeps_its_evidence():
    finder = EventFinder("a", 1.0, AlarmRule.of(ScoreSettings()), 0.1)
    for i, score in enumerate([0, 2, 7, 3, 0]):
        assert not list(finder.add(i, i / FPS, score, f"frame {i}"))
    assert [finding.evidence for finding in finder.finish()] == ["frame 2"]


def test_a_threshold_below_zero_works():
    (event,) = find([-3, -0.5, -0.6, -3, -3], threshold=-1.0)
    assert event.start_s == 0.1


def test_a_threshold_that_is_set_anew_counts_from_the_next_frame_and_is_told():
    finder = EventFinder("a", 1.0, AlarmRule.of(ScoreSettings()), 0.1)
    found = []
    for i, score in enumerate([0, 2, 2, 2, 2]):
        found += finder.add(i, i / FPS, score, None)
        finder.threshold = 1.5 if i else 1.0
    (event,) = [finding.event for finding in [*found, *finder.finish()]]
    assert event.threshold == 1.0 and event.start_s == 0.1
