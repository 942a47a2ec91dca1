import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vadcli.evaluation import intervals
from vadcli.evaluation.intervals import difference_interval, draw_weights, influences, interval, spread, wins
from vadcli.evaluation.metrics import micro_auc
from vadcli.evaluation.pool import pool


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


def test_a_resample_by_weights_is_the_auc_of_the_repeated_clips():
    data = clips(4)
    weights = draw_weights(6, 3, seed=2)[1]
    matrix, positives = wins(data), data.abnormal
    by_weights = weights @ matrix @ weights / ((weights @ positives) * (weights @ (data.lengths - positives)))
    chosen = np.repeat(np.arange(6), weights.astype(int))
    cut = [slice(a, b) for a, b in zip(data.offsets[:-1], data.offsets[1:], strict=True)]
    repeated = pool(
        [str(i) for i in range(len(chosen))],
        [data.scores[cut[i]] for i in chosen],
        [data.labels[cut[i]] for i in chosen],
    )
    assert by_weights == pytest.approx(micro_auc(repeated), abs=1e-12)


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


def test_other_clips_make_the_difference_unpaired_and_wider():
    effect = dict(zip("abcdef", influences(clips(7)), strict=True))
    assert difference_interval(effect, effect) == (0.0, True)
    other = {name.upper(): value for name, value in effect.items()}
    half, paired = difference_interval(effect, other)
    assert not paired
    assert half == pytest.approx(np.sqrt(2) * 1.959964 * spread(np.array(list(effect.values()))), rel=1e-6)
    assert difference_interval(effect, {"a": 0.1}) is None
