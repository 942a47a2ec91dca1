import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import genpareto

from vadcli.errors import CheckpointError, InputError
from vadcli.scoring.alarms import AlarmRule, Signal, find_alarms
from vadcli.scoring.calibration import Calibration, error_weights, fit_calibration
from vadcli.scoring.smoothing import smooth
from vadcli.scoring.tail import Tail
from vadcli.settings import ScoreSettings

SETTINGS = ScoreSettings()


def footage(frames: int, seed: int = 0, level: float = -6.0) -> dict[str, np.ndarray]:
    """Errors of a scene in which things come and go for about two seconds at ten frames a second."""
    rng = np.random.default_rng(seed)
    slow = smooth(rng.normal(size=frames) * 3, 2.0, np.arange(frames) / 10)[0]
    noise = rng.normal(size=(4, frames)) * 0.1
    return {
        "frame_error": np.exp(level + 0.5 * slow + noise[0]),
        "frame_peak": np.exp(level + 2 + 0.9 * slow + noise[1]),
        "feature_error": np.exp(level + 0.2 * slow + noise[2]),
        "feature_peak": np.exp(level + 0.3 * slow + noise[3]),
    }


@pytest.fixture(scope="module")
def two_hours() -> Calibration:
    return fit_calibration(footage(72_000), 10.0, SETTINGS)


def test_the_typical_frame_scores_0_and_the_default_threshold_is_1(two_hours: Calibration):
    assert np.median(two_hours.score(footage(72_000))) == pytest.approx(0, abs=1e-9)
    assert two_hours.threshold(1.0) == pytest.approx(1)


@pytest.mark.parametrize("rate", [3, 12, 60])
def test_normal_footage_alarms_about_as_often_as_asked(two_hours: Calibration, rate: float):
    threshold = two_hours.threshold(rate)
    hours = [(two_hours.score(footage(36_000, seed)), np.arange(36_000) / 10) for seed in range(1, 5)]
    found = find_alarms(Signal.of(hours, 0.1), threshold, AlarmRule.of(SETTINGS))
    assert rate / 2 <= len(found.first) / 4 <= rate * 2


def test_thresholds_fall_as_the_rate_rises(two_hours: Calibration):
    rates = np.geomspace(0.01, 1e5, 40)
    thresholds = [two_hours.threshold(rate) for rate in rates]
    assert all(a >= b for a, b in pairwise(thresholds))
    assert thresholds[0] > 1 > thresholds[-1] >= 0


def test_scores_compare_across_cameras_whatever_their_level():
    dim, bright = footage(9_000), {name: values * 37.0 for name, values in footage(9_000).items()}
    first = fit_calibration(dim, 10.0, SETTINGS).score(dim)
    second = fit_calibration(bright, 10.0, SETTINGS).score(bright)
    np.testing.assert_allclose(first, second, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 400), max_size=6), st.sampled_from([10.0, 29.97]))
def test_a_stream_scores_exactly_as_the_whole_clip(cuts: list[int], fps: float):
    clip = footage(500)
    calibration = fit_calibration(footage(1_000, seed=1), 10.0, SETTINGS)
    edges, times = [0, *sorted(cuts), 500], np.arange(500) / fps
    state, parts = None, []
    for begin, end in pairwise(edges):
        scores, state = calibration.step({name: v[begin:end] for name, v in clip.items()}, times[begin:end], state)
        parts.append(scores)
    np.testing.assert_array_equal(np.concatenate(parts), calibration.score(clip, times))


def test_a_frame_at_a_time_scores_exactly_as_the_whole_clip():
    clip = footage(300)
    calibration = fit_calibration(clip, 10.0, SETTINGS)
    state, scores = None, []
    for i in range(300):
        score, state = calibration.step({name: v[i : i + 1] for name, v in clip.items()}, np.array([i / 10]), state)
        scores.append(score[0])
    np.testing.assert_array_equal(scores, calibration.score(clip))


def test_scores_are_causal():
    clip = footage(600)
    calibration = fit_calibration(clip, 10.0, SETTINGS)
    later = {name: np.where(np.arange(600) < 300, values, values * 100) for name, values in clip.items()}
    before, after = calibration.score(clip), calibration.score(later)
    np.testing.assert_array_equal(before[:300], after[:300])
    assert (after[310:] > before[310:]).all()


@pytest.mark.parametrize("frames", [8, 30, 750])
def test_short_footage_raises_the_threshold_above_all_it_saw(frames: int):
    clip = footage(frames)
    assert fit_calibration(clip, 10.0, SETTINGS).score(clip).max() < 1


def test_too_little_footage_is_refused():
    with pytest.raises(InputError, match="7 scored frames; it needs 8"):
        fit_calibration(footage(7), 10.0, SETTINGS)
    with pytest.raises(InputError, match="not finite"):
        fit_calibration({**footage(90), "frame_peak": np.full(90, np.nan)}, 10.0, SETTINGS)


def test_footage_that_never_changes_calibrates_and_a_change_alarms():
    still = {name: np.full(900, 1e-4) for name in footage(1)}
    calibration = fit_calibration(still, 10.0, SETTINGS)
    assert np.abs(calibration.score(still)).max() < 1e-9
    assert calibration.score({name: values * 3 for name, values in still.items()})[-1] > 1


def test_duplicated_frames_do_not_break_the_scale():
    moving = footage(6_000)
    doubled = {name: np.where(np.arange(6_000) % 2, values, 0.0) for name, values in moving.items()}
    calibration = fit_calibration(doubled, 10.0, SETTINGS)
    assert np.isfinite(calibration.score(doubled)).all()
    assert calibration.threshold(1.0) == pytest.approx(1)
    assert (calibration.score(doubled) > 1).mean() < 0.01


def test_several_clips_calibrate_together_without_running_into_one_another():
    clips = [footage(2_000, seed) for seed in range(3)]
    together = fit_calibration(clips, 10.0, SETTINGS)
    assert together.frames == 6_000
    assert together.threshold(60) == pytest.approx(
        fit_calibration({n: np.concatenate([c[n] for c in clips]) for n in clips[0]}, 10.0, SETTINGS).threshold(60),
        rel=0.2,
    )


def test_shares_split_the_score_between_frame_and_features():
    names = ["frame_error", "frame_peak", "feature_error", "feature_peak"]
    assert error_weights(ScoreSettings(feature_share=0.25, peak_share=0.5), names) == {
        "frame_error": 0.375,
        "frame_peak": 0.375,
        "feature_error": 0.125,
        "feature_peak": 0.125,
    }
    assert error_weights(ScoreSettings(feature_share=0.25), names[:2]) == {"frame_peak": 1.0}


def test_a_calibration_survives_json(two_hours: Calibration):
    assert Calibration.from_json(json.loads(json.dumps(two_hours.to_json()))) == two_hours


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 9}, "version 9"),
        ({"fps": -1}, "fps"),
        ({"fps": "x" * 9}, "fps"),
        ({"hourly": float("nan")}, "hourly"),
        ({"hourly": -1e9}, "not above"),
        ({"weights": {"frame_peak": 0.5}}, "weights"),
        ({"weights": {"psnr": 1.0}}, "weights"),
        ({"centre": {}}, "centre"),
        ({"spread": {"frame_peak": 0.0}}, "spread"),
        ({"tail": {"start": 1, "rate_per_hour": 0, "scale": 1, "shape": 0}}, "scale and rate"),
        ({"tail": 3}, "tail"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_strangers_calibration_is_refused_in_one_line(two_hours: Calibration, change: dict, complaint: str):
    with pytest.raises(CheckpointError, match=complaint) as caught:
        Calibration.from_json({**two_hours.to_json(), **change})
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="expected an object"):
        Calibration.from_json([1, 2])


def test_a_model_without_the_calibrated_errors_is_named(two_hours: Calibration):
    frame_only = {name: values for name, values in footage(20).items() if name.startswith("frame")}
    with pytest.raises(InputError, match="feature_peak"):
        two_hours.score(frame_only)


def test_the_level_of_a_tail_is_that_of_the_exponential_when_it_has_no_shape():
    tail = Tail(start=2.0, rate_per_hour=10.0, scale=0.5, shape=0.0)
    assert tail.level(1.0) == pytest.approx(2 + 0.5 * np.log(10))
    assert replace(tail, body=((1.0, 100.0),)).level(100) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="above 0"):
        tail.level(0)


@given(st.floats(-0.5, 0.5).map(lambda x: round(x, 4)), st.floats(0.01, 0.99))
def test_the_level_of_a_tail_inverts_scipys_generalised_pareto(shape: float, share: float):
    tail = Tail(start=2.0, rate_per_hour=10.0, scale=0.5, shape=shape)
    expected = genpareto.isf(share, shape, loc=2.0, scale=0.5)
    assert tail.level(10 * share) == pytest.approx(expected, abs=1e-6)
