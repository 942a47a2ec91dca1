import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.evaluation.caches import evidence_on
from vadcli.errors import InputError
from vadcli.evaluation.evidence import CONTROLS, FEATURE, FLOW, FRAME, GIVEN, LIVE, MOVING, available_scores
from vadcli.evaluation.metrics import micro_auc
from vadcli.evaluation.protocols import (
    MINMAX,
    OFFICIAL,
    ONLINE,
    PAPER,
    PROTOCOLS,
    Request,
    find_protocol,
    official_filter,
    official_kernel,
)
from vadcli.evaluation.results import score
from vadcli.scoring.smoothing import smooth


def clip(name, seed, n=60, lift=2.0):
    random = np.random.default_rng(seed)
    labels = np.zeros(n, dtype=bool)
    labels[n // 3 : n // 2] = True
    frame = random.lognormal(-6, 0.3, n) * np.where(labels, lift, 1)
    feature = random.lognormal(-4, 0.2, n) * np.where(labels, lift, 1)
    return evidence_on(labels, {FRAME: frame, FEATURE: feature}, name, first=4)


def with_units(evidence, frame, feature):
    signals = {FRAME: frame * evidence.signals[FRAME], FEATURE: feature * evidence.signals[FEATURE]}
    return replace(evidence, signals=signals)


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


def test_controls_stand_in_every_protocol_and_are_smoothed_causally_in_online():
    plain = clip("a", 1)
    moving = replace(plain, signals={**plain.signals, MOVING: plain.signals[FRAME], FLOW: plain.signals[FEATURE]})
    assert available_scores([moving])[-2:] == CONTROLS
    (scores,) = ONLINE.scores([moving], Request(MOVING, smooth_seconds=0.4))
    np.testing.assert_array_equal(scores, smooth(plain.signals[FRAME], 0.4, plain.frames / 25.0))
    assert score([moving], ONLINE, Request(MOVING, threshold=1.0)).thresholds is None
    for protocol in PROTOCOLS.values():
        assert set(CONTROLS) <= set(protocol.of)
        assert np.isfinite(protocol.scores([moving], Request(MOVING))[0]).all()


def test_single_scores_are_the_parts_of_the_fused_one():
    clips = [clip("a", 1), clip("b", 2)]
    parts = {kind: OFFICIAL.scores(clips, Request(kind)) for kind in ("fp", "fr", "fused")}
    for fp, fr, fused in zip(parts["fp"], parts["fr"], parts["fused"], strict=True):
        assert np.allclose(0.5 * fp + 0.5 * fr, fused, atol=1e-15)
    assert np.array_equal(PAPER.scores(clips, Request("fp"))[0], clips[0].signals[FRAME])
    assert np.array_equal(PAPER.scores(clips, Request("fused"))[1], clips[1].signals[FRAME] + clips[1].signals[FEATURE])


def test_the_filter_is_not_renormalised_and_leaves_a_clip_too_short_for_it():
    assert official_kernel().sum() == pytest.approx(0.99985, abs=5e-6)
    values = np.arange(14.0)
    assert official_filter(values) is values
    assert len(official_filter(np.arange(15.0))) == 15
    assert np.ptp(official_filter(np.arange(15.0))) == 0


def test_a_constant_clip_and_an_error_of_zero_have_finite_scores():
    flat = evidence_on(np.arange(20) > 9, {FRAME: np.zeros(20), FEATURE: np.ones(20)})
    assert np.isfinite(OFFICIAL.scores([flat], Request("fused"))[0]).all()


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_official_does_not_mind_the_unit_of_an_error(frame, feature):
    plain = clip("a", 3)
    ours, theirs = OFFICIAL.scores([plain, with_units(plain, frame, feature)], Request("fused"))
    assert np.allclose(ours, theirs, atol=1e-9)


def test_min_max_over_each_clip_lifts_the_pooled_auc_of_cameras_that_differ():
    cameras = [with_units(clip("loud", 1, lift=3.0), 20, 20), clip("quiet", 2, lift=3.0)]
    raw, scaled = (micro_auc(score(cameras, protocol, Request("fused"))) for protocol in (PAPER, OFFICIAL))
    assert scaled > raw + 0.1


def test_given_scores_pass_through_paper_and_keep_their_polarity_in_official_and_online():
    labels = np.arange(60) >= 30
    finished = evidence_on(labels, {GIVEN: labels + np.linspace(0, 0.1, 60)})
    assert np.array_equal(PAPER.scores([finished], Request(GIVEN))[0], finished.signals[GIVEN])
    for protocol in (PAPER, OFFICIAL, ONLINE):
        assert micro_auc(score([finished], protocol, Request(GIVEN))) == 1.0


def test_online_takes_the_programs_scores_and_thresholds_as_they_are():
    plain = clip("a", 1)
    live = replace(plain, signals={**plain.signals, LIVE: plain.signals[FRAME]}, threshold=1.25)
    assert np.array_equal(ONLINE.scores([live], Request(LIVE))[0], plain.signals[FRAME])
    assert score([live], ONLINE, Request(LIVE)).thresholds.tolist() == [1.25]
    assert score([plain], PAPER, Request("fp")).thresholds is None


def test_an_unknown_protocol_names_the_known_ones():
    with pytest.raises(InputError, match="online, paper, official, minmax"):
        find_protocol("fast")
