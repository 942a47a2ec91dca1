import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.caches import evidence_on
from vadcli.evaluation.evidence import FEATURE, FRAME, GIVEN
from vadcli.evaluation.metrics import micro_auc
from vadcli.evaluation.protocols import (
    MINMAX,
    OFFICIAL,
    Request,
    official_filter,
    official_kernel,
)
from vadcli.evaluation.results import score


def clip(name, seed, n=60, lift=2.0):
    random = np.random.default_rng(seed)
    labels = np.zeros(n, dtype=bool)
    labels[n // 3 : n // 2] = True
    frame = random.lognormal(-6, 0.3, n) * np.where(labels, lift, 1)
    feature = random.lognormal(-4, 0.2, n) * np.where(labels, lift, 1)
    return evidence_on(labels, {FRAME: frame, FEATURE: feature}, name, first=4)


def literal_official(frame_errors, feature_errors, a):
    """Word for word, an element at a time: normality of each frame of each clip."""
    results = []
    all_a, all_b = [], []
    for frame_error, feature_error in zip(frame_errors, feature_errors, strict=True):
        all_a.append([10 * math.log10(1 / (mse / 4)) for mse in frame_error])  # frames in [0, 1]: a quarter
        all_b.append([10 * math.log10(1 / value) for value in feature_error])
    for index in range(len(all_a)):
        parts = []
        for every in (all_a, all_b):
            low, high = min(every[index]), max(every[index])
            scaled = [(x - low) / (high - low) for x in every[index]]
            filtered = [0.0] * len(scaled)
            for t in range(7, len(scaled) - 7):
                total = 0.0
                for i in range(15):
                    total += math.exp(-((i - 7) ** 2) / 8) / (2 * math.sqrt(2 * math.pi)) * scaled[t + i - 7]
                filtered[t] = total
            for t in range(7):
                filtered[t] = filtered[7]
                filtered[len(scaled) - 1 - t] = filtered[len(scaled) - 8]
            parts.append(filtered)
        results.append([a * x + (1 - a) * y for x, y in zip(*parts, strict=True)])
    return results


@pytest.mark.parametrize("shots", [0, 5])
@pytest.mark.parametrize("seed", range(5))
def test_official_agrees_with_its_literal_transcription(shots, seed):
    lengths = np.random.default_rng(seed).integers(15, 200, 7)
    clips = [clip(str(i), 100 * seed + i, int(n)) for i, n in enumerate(lengths)]
    expected = literal_official(
        [c.signals[FRAME] for c in clips], [c.signals[FEATURE] for c in clips], 0.7 if shots else 0.5
    )
    ours = OFFICIAL.scores(clips, Request("fused", shots))
    largest = max(np.abs(-mine - np.array(theirs)).max() for mine, theirs in zip(ours, expected, strict=True))
    assert largest < 1e-12


def test_minmax_scales_each_clip_and_does_nothing_more():
    clips = [clip(str(seed), seed, n=40 + seed) for seed in range(3)]
    literal = []
    for evidence in clips:
        psnr = [10 * math.log10(4 / error) for error in evidence.signals[FRAME]]
        literal.append([1 - (value - min(psnr)) / (max(psnr) - min(psnr)) for value in psnr])
    ours = MINMAX.scores(clips, Request("fp"))
    assert max(np.abs(1 + a - np.array(b)).max() for a, b in zip(ours, literal, strict=True)) < 1e-12
    finished = -clips[1].signals[FRAME]
    (scores,) = MINMAX.scores([replace(clips[1], signals={GIVEN: finished})], Request(GIVEN))
    np.testing.assert_allclose(scores, (finished - finished.max()) / np.ptp(finished), atol=1e-12)
    assert micro_auc(score(clips, MINMAX, Request("fp"))) == pytest.approx(
        roc_auc_score(np.concatenate([c.labels for c in clips]), np.concatenate(literal))
    )


def test_the_filter_is_not_renormalised_and_leaves_a_clip_too_short_for_it():
    assert official_kernel().sum() == pytest.approx(0.99985, abs=5e-6)
    values = np.arange(14.0)
    assert official_filter(values) is values
    assert len(official_filter(np.arange(15.0))) == 15
    assert np.ptp(official_filter(np.arange(15.0))) == 0


def test_a_constant_clip_and_an_error_of_zero_have_finite_scores():
    flat = evidence_on(np.arange(20) > 9, {FRAME: np.zeros(20), FEATURE: np.ones(20)})
    assert np.isfinite(OFFICIAL.scores([flat], Request("fused"))[0]).all()
