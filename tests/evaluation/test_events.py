from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadcli.evaluation.events import Criterion, events_within, latency_aware_ap, score_events
from vadcli.evaluation.metrics import curve
from vadcli.evaluation.pool import pool
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.smoothing import smooth

EVERY_FRAME = AlarmRule(release=1.0, merge_gap_s=0.0, min_event_s=0.0)  # an alarm is a run of frames above


def frames(text):
    return np.array([character == "1" for character in text])


def judged(truth, alarms, **how):
    """One character a frame at 1 frame a second, clips parted by a space."""
    truths, alarm_clips = truth.split(), alarms.split()
    data = pool(
        [str(i) for i in range(len(truths))],
        [frames(text).astype(float) for text in alarm_clips],
        [frames(text) for text in truths],
        fps=1.0,
    )
    anew, criterion = how.pop("anew", False), {"rule": EVERY_FRAME, "linger_s": 0.0, **how}
    return score_events(data, 0.5, Criterion(**criterion), anew=anew)


def test_hand_worked_events():
    scores = judged("0011100000110000", "0000110110000001")
    assert (scores.true_events, scores.detected) == (2, 1)
    assert (scores.alarms, scores.false_alarms) == (3, 3)  # the first alarm goes on after its event
    assert judged("0011100000110000", "0000110110000001", linger_s=1.0).false_alarms == 2
    assert scores.recall == 0.5
    assert scores.precision == pytest.approx(1 / 3)
    assert scores.delay_s == 2.0
    assert scores.false_alarms_per_hour == pytest.approx(3 / (11 / 3600))
    none = judged("0110", "0000")
    assert (none.precision, none.recall, none.delay_s) == (None, 0.0, None)


def test_every_clip_can_have_a_threshold_of_its_own():
    data = pool(["a", "b"], [np.array([0, 2.0, 0]), np.array([0, 2.0, 0])], [frames("010")] * 2, fps=1.0)
    scores = score_events(data, np.array([1.0, 3.0]), Criterion(EVERY_FRAME))
    assert (scores.alarms, scores.detected, scores.threshold) == (1, 1, 2.0)


def test_delays_and_tolerance_go_by_the_frames_times():
    labels, scores = frames("01111000"), frames("00010000").astype(float)
    times = np.array([0.0, 1.0, 1.1, 4.0, 4.1, 4.2, 4.3, 4.4])
    data = pool(["a"], [scores], [labels], fps=10.0, times_s=[times])
    found = score_events(data, 0.5, Criterion(EVERY_FRAME))
    assert (found.detected, found.delay_s) == (1, pytest.approx(3.0))
    late = pool(["a"], [frames("00000100").astype(float)], [frames("11000000")], fps=10.0, times_s=[times])
    assert score_events(late, 0.5, Criterion(EVERY_FRAME, tolerance_s=3.0)).detected == 0  # 1.1 s to 4.2 s
    assert score_events(late, 0.5, Criterion(EVERY_FRAME, tolerance_s=3.2)).detected == 1


def test_an_alarm_that_has_been_going_on_finds_nothing_anew():
    truth, alarm = "000000111100", "001111111100"
    assert judged(truth, alarm).detected == 1
    assert judged(truth, alarm, anew=True).detected == 0
    later = judged(truth, "000000011100", anew=True)
    assert (later.detected, later.delay_s) == (1, 1.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most", [0, 2, 5])
def test_events_within_a_number_of_false_alarms_are_the_most_there_are(seed, most):
    rng = np.random.default_rng(seed)
    labels = np.zeros(64, bool)
    labels[20:30] = labels[50:60] = True
    scores = smooth(rng.normal(size=64) + labels, 0.2, np.arange(64) / 10)
    data = pool(["a"], [scores], [labels], [10.0])
    criterion = Criterion(EVERY_FRAME, linger_s=0.0)
    best = events_within(data, most, criterion)
    every = [score_events(data, t, criterion, anew=True) for t in scores]
    assert best.false_alarms <= most
    assert best.detected == max((found.detected for found in every if found.false_alarms <= most), default=0)


@given(
    st.lists(st.text("01", min_size=1, max_size=12), min_size=1, max_size=4),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 1.0, 2.5]),
)
def test_events_agree_with_counting_by_hand(texts, seed, tolerance):
    texts = [*texts, "01"]
    random = np.random.default_rng(seed)
    alarms = ["".join(random.choice(["0", "1"], len(text))) for text in texts]
    result = judged(" ".join(texts), " ".join(alarms), tolerance_s=tolerance)
    events = found = raised = real = false = 0
    for truth, alarm in zip(texts, alarms, strict=True):
        spans, alarm_spans = slow_runs(truth), slow_runs(alarm)
        events, raised = events + len(spans), raised + len(alarm_spans)

        def touch(event, raised):
            return max(event[0] - tolerance, 0) < raised[1] and raised[0] < event[1] + tolerance

        found += sum(any(touch(event, span) for span in alarm_spans) for event in spans)
        real += sum(any(touch(event, span) for event in spans) for span in alarm_spans)
        excused = [any(a - tolerance <= i < b + tolerance for a, b in spans) for i in range(len(truth))]
        false += len(
            slow_runs("".join("1" if on == "1" and not ok else "0" for on, ok in zip(alarm, excused, strict=True)))
        )
    assert (result.true_events, result.detected, result.alarms, result.false_alarms) == (events, found, raised, false)
    assert result.precision == (pytest.approx(real / raised) if raised else None)


def slow_runs(text):
    result, start = [], None
    for i, character in enumerate(text + "0"):
        if character == "1" and start is None:
            start = i
        if character == "0" and start is not None:
            result.append((start, i))
            start = None
    return result


def slow_latency_aware_ap(data):
    total, before = 0.0, 0.0
    for threshold in np.unique(data.scores)[::-1]:
        called = data.scores >= threshold
        precision = (called & data.labels).sum() / called.sum()
        worth = []
        for clip, (begin, end) in enumerate(pairwise(data.offsets)):
            text = "".join("1" if label else "0" for label in data.labels[begin:end])
            for first, stop in slow_runs(text):
                hits = [i for i in range(first, stop) if called[begin + i]]
                duration = data.times_s[begin + stop - 1] + 1 / data.fps[clip] - data.times_s[begin + first]
                late = data.times_s[begin + hits[0]] - data.times_s[begin + first] if hits else duration
                worth.append(1 - late / duration)
        recall = np.mean(worth)
        total, before = total + (recall - before) * precision, recall
    return total


@given(st.integers(0, 10**6))
def test_latency_aware_ap_agrees_with_its_definition(seed):
    random = np.random.default_rng(seed)
    texts = [random.random(n) < 0.4 for n in random.integers(1, 12, 3)] + [np.array([True, False])]
    scores = [random.integers(0, 5, len(labels)).astype(float) for labels in texts]
    data = pool(list("abcd"), scores, texts, fps=[1.0, 5.0, 25.0, 2.0])
    assert latency_aware_ap(data, curve(data.labels, data.scores)) == pytest.approx(slow_latency_aware_ap(data))
