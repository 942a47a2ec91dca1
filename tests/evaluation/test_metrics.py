"""Metrics and their intervals against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vadcli.errors import InputError
from vadcli.evaluation import intervals
from vadcli.evaluation.intervals import influences, interval, wins
from vadcli.evaluation.metrics import clip_aucs, curve, mean_or_none, micro_auc, scene_aucs
from vadcli.evaluation.pool import pool


def random_frames(seed, n=400, levels=None):
    random = np.random.default_rng(seed)
    scores = random.normal(size=n) if levels is None else random.integers(0, levels, n).astype(float)
    labels = random.random(n) < 0.3
    labels[:2] = [True, False]
    return labels, scores


def pairwise_auc(labels, scores):
    """The definition: the share of (abnormal, normal) pairs ranked rightly, ties half."""
    positive, negative = scores[labels], scores[~labels]
    return np.mean([(p > q) + 0.5 * (p == q) for p in positive for q in negative])


def literal_points(labels, scores):
    """Threshold, recall, false positive rate and precision, from a threshold that no score reaches down."""
    for threshold in (np.inf, *sorted(set(scores), reverse=True)):
        called = [score >= threshold for score in scores]
        hits = sum(c and a for c, a in zip(called, labels, strict=True))
        precision = hits / sum(called) if any(called) else 1.0
        yield threshold, hits / sum(labels), (sum(called) - hits) / sum(~labels), precision


def literal_average_precision(labels, scores):
    """Σ (R_i − R_{i−1}) P_i."""
    total, before = 0.0, 0.0
    for _, recall, _, precision in literal_points(labels, scores):
        total, before = total + (recall - before) * precision, recall
    return total


@pytest.mark.parametrize("levels", [None, 5, 1])
def test_points_auc_and_ap_agree_with_their_definitions(levels):
    labels, scores = random_frames(3, levels=levels)
    points = curve(labels, scores)
    ours = np.stack([points.thresholds, points.recall, points.false_positive_rate, points.precision], axis=1)
    np.testing.assert_allclose(ours, list(literal_points(labels, scores)), atol=1e-12)
    assert points.auc == pytest.approx(pairwise_auc(labels, scores), abs=1e-12)
    assert points.average_precision == pytest.approx(literal_average_precision(labels, scores), abs=1e-12)
    assert micro_auc(pool(["a"], [scores], [labels])) == pytest.approx(points.auc, abs=1e-12)


def test_hand_worked_curve():
    labels = np.array([True, True, False, True, False, False])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    points = curve(labels, scores)
    assert points.auc == pytest.approx(8 / 9)
    assert points.average_precision == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert points.equal_error_rate == pytest.approx(1 / 3)
    assert points.recall_at(0.0) == pytest.approx(2 / 3)
    assert points.recall_at(0.34) == 1.0
    assert points.threshold_at(0.5) == 0.8
    assert points.threshold_at(1.0) == 0.6
    assert points.false_positive_rate_at(0.5) == 0.0
    assert points.false_positive_rate_at(1.0) == pytest.approx(1 / 3)
    between = curve(np.array([True, True, False]), np.array([2.0, 1.0, 1.0]))  # from (0, 0.5) to (1, 1)
    assert between.equal_error_rate == pytest.approx(1 / 3)


def test_macro_leaves_out_clips_of_one_kind():
    scores = [np.array([0.1, 0.9]), np.array([0.5, 0.2, 0.3]), np.array([0.8, 0.7])]
    aucs = clip_aucs(pool("abc", scores, [np.array([0, 1]), np.array([1, 0, 1]), np.array([1, 1])]))
    assert aucs[:2].tolist() == [1.0, 1.0] and np.isnan(aucs[2]) and mean_or_none(aucs) == 1.0


def test_a_scenes_auc_pools_its_own_clips_and_no_others():
    labels, scores = random_frames(5, n=90, levels=7)
    cut = [slice(0, 30), slice(30, 50), slice(50, 90)]
    data = pool("abc", [scores[c] for c in cut], [labels[c] for c in cut], scenes=["hall", "lawn", "hall"])
    hall = np.r_[0:30, 50:90]
    expected = {"hall": pairwise_auc(labels[hall], scores[hall]), "lawn": pairwise_auc(labels[cut[1]], scores[cut[1]])}
    assert scene_aucs(data) == pytest.approx(expected, abs=1e-12)
    one_kind = pool("ab", [np.arange(2.0)] * 2, [np.array([0, 1]), np.array([1, 1])], scenes=["hall", "lawn"])
    assert scene_aucs(one_kind) == {"hall": 1.0, "lawn": None}


def test_frames_of_one_kind_and_a_clip_given_twice_are_refused():
    for label, kind in ((0, "normal"), (1, "abnormal")):
        with pytest.raises(InputError, match=f"all 2 frames of 1 clips are {kind}"):
            pool(["a"], [np.array([1.0, 2.0])], [np.array([label, label])])
    with pytest.raises(InputError, match="clip a: scored twice"):
        pool(["a", "a"], [np.zeros(2)] * 2, [np.array([0, 1])] * 2)


def clips(seed, count=6, frames=40, levels=None, lift=1.0):
    random = np.random.default_rng(seed)
    labels = [random.random(frames + i) < random.random() for i in range(count)]
    labels[0][:2] = [True, False]
    scores = [random.normal(size=len(marks)) + lift * marks for marks in labels]
    if levels:
        scores = [np.round(values * levels) for values in scores]
    return pool([f"c{i}" for i in range(count)], scores, labels)


def slow_wins(data):
    matrix = np.zeros((len(data.names),) * 2)
    clip = data.clip_of
    for p in np.flatnonzero(data.labels):
        for q in np.flatnonzero(~data.labels):
            matrix[clip[p], clip[q]] += (data.scores[p] > data.scores[q]) + 0.5 * (data.scores[p] == data.scores[q])
    return matrix


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([None, 1, 3]))
def test_wins_count_every_pair_of_frames(seed, levels):
    data = clips(seed, levels=levels)
    assert np.array_equal(wins(data), slow_wins(data))


def test_interval_holds_the_auc_and_is_the_same_for_the_same_seed():
    data = clips(2, count=12)
    first, second = interval(data, 500, 0), interval(data, 500, 0)
    assert first == second
    assert first.low < micro_auc(data) < first.high
    assert interval(data, 500, 1) != first
    assert interval(clips(3, count=1), 100, 0) is None


def test_interval_covers_the_truth_about_as_often_as_it_says():
    truth = 0.7602499389065233  # Φ(1/√2), unit shift of unit normals
    covered = 0
    for seed in range(200):
        found = interval(clips(seed, count=20, frames=30), 200, 0)
        covered += found.low <= truth <= found.high
    assert 170 <= covered <= 200


def test_very_many_clips_get_the_linear_interval_which_is_close_to_the_bootstrap(monkeypatch):
    data = clips(5, count=150)
    by_draws = interval(data, 2000, 0)
    monkeypatch.setattr(intervals, "MOST_CLIPS", 100)
    linear = interval(data, 2000, 0)
    assert linear.method != by_draws.method
    assert linear.low == pytest.approx(by_draws.low, abs=0.004)
    assert linear.high == pytest.approx(by_draws.high, abs=0.004)


def test_influences_sum_to_zero_and_are_the_derivative_of_the_auc():
    data = clips(7)
    effect = influences(data)
    assert effect.sum() == pytest.approx(0, abs=1e-12)
    matrix, positives, negatives = wins(data), data.abnormal, data.lengths - data.abnormal

    def area(weights):
        return weights @ matrix @ weights / ((weights @ positives) * (weights @ negatives))

    for clip in range(6):
        nudge = np.eye(6)[clip] * 1e-6
        numeric = (area(np.ones(6) + nudge) - area(np.ones(6) - nudge)) / 2e-6
        assert effect[clip] == pytest.approx(numeric, abs=1e-8)
