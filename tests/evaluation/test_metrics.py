import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vadcli.errors import InputError
from vadcli.evaluation.metrics import clip_aucs, curve, mean_or_none, micro_auc, placements, scene_aucs
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


def test_equal_error_rate_is_interpolated_between_points():
    points = curve(np.array([True, True, False]), np.array([2.0, 1.0, 1.0]))  # from (0, 0.5) to (1, 1)
    assert points.equal_error_rate == pytest.approx(1 / 3)


def test_threshold_at_recall_reaches_it_and_no_higher_one_does():
    labels, scores = random_frames(5)
    points = curve(labels, scores)
    threshold = points.threshold_at(0.8)
    assert np.mean(scores[labels] >= threshold) >= 0.8
    assert np.mean(scores[labels] > threshold) < 0.8


@given(hnp.arrays(np.int8, st.integers(4, 40)), st.integers(0, 2**20))
def test_auc_is_unchanged_by_monotone_maps_and_flips_with_polarity(raw, bits):
    labels = np.array([bits >> (i % 20) & 1 == 1 for i in range(len(raw))])
    labels[:2] = [True, False]
    scores = raw.astype(float)
    area = curve(labels, scores).auc
    assert curve(labels, scores**3 + 7).auc == area
    assert curve(labels, np.exp(scores / 50)).auc == area
    assert curve(labels, -scores).auc == pytest.approx(1 - area, abs=1e-12)
    assert curve(~labels, scores).auc == pytest.approx(1 - area, abs=1e-12)


@given(st.integers(0, 10**6))
def test_placements_count_every_pair_once_from_both_sides(seed):
    labels, scores = random_frames(seed, n=60, levels=6)
    wins = placements(labels, scores)
    assert wins[labels].sum() == wins[~labels].sum()


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


def test_a_scene_of_one_kind_has_no_auc():
    data = pool("ab", [np.arange(2.0), np.arange(2.0)], [np.array([0, 1]), np.array([1, 1])], scenes=["one", "two"])
    assert scene_aucs(data) == {"one": 1.0, "two": None}


def test_micro_differs_from_macro_when_clips_have_different_levels():
    low, high = np.array([0.1, 0.2, 0.3]), np.array([10.1, 10.2, 10.3])
    data = pool(["a", "b"], [low, high], [np.array([0, 0, 1])] * 2)
    assert mean_or_none(clip_aucs(data)) == 1.0
    assert micro_auc(data) == 0.75


@pytest.mark.parametrize(("label", "kind"), [(0, "normal"), (1, "abnormal")])
def test_frames_of_one_kind_cannot_be_ranked(label, kind):
    with pytest.raises(InputError, match=f"all 2 frames of 1 clips are {kind}"):
        pool(["a"], [np.array([1.0, 2.0])], [np.array([label, label])])


def test_a_clip_given_twice_is_refused():
    with pytest.raises(InputError, match="clip a: scored twice"):
        pool(["a", "a"], [np.zeros(2)] * 2, [np.array([0, 1])] * 2)
