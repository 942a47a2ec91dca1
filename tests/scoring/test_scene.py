"""The distance from a scene's usual features: an oracle, what it is for, and files."""

import json

import numpy as np
import pytest
import torch

from vadcli.errors import CheckpointError
from vadcli.footage.frames import Frame, SourceInfo
from vadcli.model.network import Network
from vadcli.model.patches import patch_features
from vadcli.scoring.calibration import Calibration, error_weights, fit_calibration
from vadcli.scoring.errors import ERROR_NAMES
from vadcli.scoring.measuring import Maps, Measured
from vadcli.scoring.scene import SceneFeatures, learn_scene, scene_errors, scene_map, scene_of
from vadcli.scoring.usual import NormalErrors
from vadcli.scoring.watch import Watch
from vadcli.settings import ModelSettings, ScoreSettings

C, H, W = 4, 3, 5


def features(frames: int, seed: int = 0) -> np.ndarray:
    """Of a scene whose places differ, and whose channels go together and differ in size."""
    rng = np.random.default_rng(seed)
    places = np.random.default_rng(9).normal(0, 3, (C, H, W))
    mixing = np.array([[1, 0.9, 0, 0], [0, 0.3, 0, 0], [0, 0, 2, 1], [0, 0, 0, 0.1]])
    noise = np.einsum("nchw,cd->ndhw", rng.normal(size=(frames, C, H, W)), mixing)
    return (places + noise).astype(np.float16)


def literal_distances(taught: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distances over C in float64, place by place and frame by frame."""
    taught, asked = taught.astype(np.float64), asked.astype(np.float64)
    n = len(taught)
    mean = taught.mean(0)
    covariance = np.zeros((C, C))
    for frame in taught:
        for i in range(H):
            for j in range(W):
                gap = frame[:, i, j] - mean[:, i, j]
                covariance += np.outer(gap, gap)
    overall, between = taught.mean((0, 2, 3)), np.zeros((C, C))
    for frame in taught:
        for i in range(H):
            for j in range(W):
                gap = frame[:, i, j] - overall
                between += np.outer(gap, gap) / n
    covariance = (covariance + 0.1 * between) / ((n - 1 + 0.1) * H * W)
    ridge = 1e-3 * np.trace(covariance) / C + 1e-6 * np.square(taught).mean()
    inverse = np.linalg.inv(covariance + ridge * np.eye(C))
    gaps = asked - mean
    return np.einsum("nchw,cd,ndhw->nhw", gaps, inverse, gaps) / C


def test_distances_are_those_of_the_literal_definition():
    seen, new = features(60), features(7, seed=1)
    scene, _ = learn_scene(seen)
    np.testing.assert_allclose(scene.distances(new), literal_distances(seen, new), rtol=2e-4)
    np.testing.assert_allclose(scene.distances(new[3]), scene.distances(new)[3], rtol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 10])
def test_a_few_frames_teach_a_scene(frames):
    seen, new = features(frames), features(7, seed=1)
    np.testing.assert_allclose(scene_of(seen).distances(new), literal_distances(seen, new), rtol=2e-4)


def test_normal_footage_is_measured_by_what_the_rest_of_it_taught():
    seen = features(60)
    _, own = learn_scene(seen)
    rest = np.delete(seen, np.arange(12, 24), axis=0)
    np.testing.assert_allclose(own[12:24], literal_distances(rest, seen[12:24]), rtol=2e-4)


@pytest.mark.parametrize("frames", [10, 40])
def test_what_is_new_is_as_far_as_the_normal_footage_was_measured_to_be(frames):
    scene, own = learn_scene(features(frames))
    new = scene.distances(features(400, seed=2)).mean()
    within = scene.distances(features(frames)).mean()
    assert own.mean() == pytest.approx(new, rel=0.1)
    assert frames > 10 or within < 0.93 * new  # measured on itself, little footage would promise too much


def test_a_place_is_judged_by_its_own_usual():
    seen = features(100)
    scene, _ = learn_scene(seen)
    moved = seen[:1].copy()
    moved[0, :, 1, 2] = seen[0, :, 0, 4]  # usual at another place
    distances = scene.distances(moved)[0]
    assert np.unravel_index(distances.argmax(), distances.shape) == (1, 2) and distances.max() > 10


def test_a_frame_is_as_strange_as_what_is_far_in_it_and_not_as_much_of_it_as_there_is():
    one, many = np.full((3, 4), 0.5, np.float32), np.full((3, 4), 0.5, np.float32)
    one[1, 2], many[:2, 2] = 3.0, 3.0
    assert scene_errors(one)["scene_far"] == scene_errors(many)["scene_far"] == 3.0
    assert scene_errors(one)["scene_error"] == pytest.approx((11 * 0.5 + 3) / 12)
    many[0, 0] = 2.0
    assert scene_errors(many)["scene_far"] == pytest.approx(8 / 3)
    assert scene_errors(np.array([[0.25, 0.75]], np.float32))["scene_far"] == 0.75  # nothing is far: the farthest


def test_footage_in_which_nothing_moves_gives_finite_distances():
    still = np.repeat(features(1), 20, axis=0)
    scene, own = learn_scene(still)
    assert own.max() < 1e-3
    assert np.isfinite(scene.distances(features(3, seed=1))).all()
    nothing, own = learn_scene(np.zeros((8, C, H, W), np.float16))
    assert own.max() == 0 and np.isfinite(nothing.distances(features(1))).all()


def test_a_map_has_a_cell_for_every_half_patch():
    cells = scene_map(np.array([[1, 2], [3, 6]], np.float32))
    np.testing.assert_allclose(cells, [[1, 1.5, 2], [2, 3, 4], [3, 4.5, 6]])
    assert scene_map(np.full((1, 1), 7, np.float32)).tolist() == [[7, 7], [7, 7]]


@pytest.mark.parametrize(
    ("size", "level", "shape"), [((128, 128), 1, (15, 15)), ((128, 128), 8, (15, 15)), ((64, 96), 2, (15, 23))]
)
def test_patches_are_two_steps_wide_whatever_the_resolution(size, level, shape):
    settings = ModelSettings(size=size, channels=1, width=2, unit_level=level)
    prediction = Network(settings).eval()(torch.zeros(1, 4, *size))
    assert prediction.features.shape[2:] == shape
    ramp = torch.arange(128.0).expand(1, 1, 128, 128)
    torch.testing.assert_close(patch_features(ramp)[0, 0, 0], 7.5 + 8 * torch.arange(15.0))


def test_it_survives_a_file_to_the_bit():
    seen = features(30)
    scene, own = learn_scene(seen)
    errors = {name: np.linspace(1, 2, 30) for name in ERROR_NAMES} | {"scene_far": own.max((1, 2)).astype(float)}
    one = fit_calibration(errors, 10.0, ScoreSettings(scene_share=0.1), None, scene)
    again = Calibration.from_json(json.loads(json.dumps(one.to_json())))
    assert np.array_equal(again.scene.mean, scene.mean) and np.array_equal(again.scene.whitening, scene.whitening)
    assert again.weights == pytest.approx({"frame_peak": 0.9, "scene_far": 0.1})
    assert np.array_equal(again.scene.distances(seen), scene.distances(seen))


def test_a_calibration_of_before_is_read():
    errors = {name: np.linspace(1, 2, 30) for name in ERROR_NAMES[:4]}
    stored = fit_calibration(errors, 10.0, ScoreSettings()).to_json() | {"version": 1}
    del stored["scene"]
    assert Calibration.from_json(stored).scene is None


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [C, H, W + 1]},
        {"shape": [C, H]},
        {"shape": "big"},
        {"shape": [2**40, 2**40, 2**40]},
        {"mean": "%%%"},
        {"mean": 3},
        {"whitening": ""},
        {"more": 1},
        {"mean": SceneFeatures(np.full((C, H, W), np.nan, np.float32), np.eye(C, dtype=np.float32)).to_json()["mean"]},
    ],
)
def test_a_stranger_s_features_are_refused(change):
    stored = learn_scene(features(10))[0].to_json() | change
    with pytest.raises(CheckpointError, match=r"usual features are damaged\. Adapt again"):
        SceneFeatures.from_json(stored)


def test_a_scene_distance_without_its_scene_is_refused():
    errors = {name: np.linspace(1, 2, 30) for name in ERROR_NAMES}
    stored = fit_calibration(errors, 10.0, ScoreSettings(scene_share=0.1)).to_json()
    with pytest.raises(CheckpointError, match=r"usual features are missing\. Adapt again"):
        Calibration.from_json(stored)


def test_features_of_another_shape_are_refused():
    scene, _ = learn_scene(features(10))
    with pytest.raises(CheckpointError, match=r"made for features of 4x3x5, these are 2x3x5\. Adapt again"):
        scene.distances(np.zeros((2, H, W), np.float16))


@pytest.mark.parametrize("seen", [features(7), np.full((20, C, H, W), np.nan, np.float16)])
def test_too_little_footage_and_features_that_are_not_finite_teach_nothing(seen):
    assert learn_scene(seen) is None
    normal = NormalErrors()
    for one in seen:
        normal.add(0, measured(one))
    assert set(normal.finish()[0]) == {"frame_error", "frame_peak"} and normal.scene is None


def measured(seen: np.ndarray | None) -> Measured:
    blocks = np.ones((8, 8), np.float32)
    return Measured({"frame_error": 1.0, "frame_peak": 1.0}, Maps(blocks, None), None, seen)


def test_normal_errors_hold_the_first_frames_and_measure_the_others_by_them(monkeypatch):
    monkeypatch.setattr("vadcli.scoring.usual.MOST_FRAMES", 20)
    seen, normal = features(30), NormalErrors()
    for one in seen:
        normal.add(0, measured(one))
    scene, own = learn_scene(seen[:20])
    [clip] = normal.finish()
    expected = [scene_errors(d)["scene_far"] for d in (*own, *scene.distances(seen[20:]))]
    np.testing.assert_allclose(clip["scene_far"], expected, rtol=1e-6)
    bare = NormalErrors()
    for _ in range(30):
        bare.add(0, measured(None))
    assert bare.scene is None and set(bare.finish()[0]) == {"frame_error", "frame_peak"}


def test_a_source_that_warms_up_finds_what_its_place_never_showed():
    watch = Watch("a", SourceInfo("a", 10.0, None, 240, 320), ScoreSettings(warmup=4, scene_share=0.3), None, "warmup")
    seen = features(60)
    for i in range(50):
        watch.add(Frame(np.zeros((1, 1, 1), np.uint8), i, i / 10), measured(seen[i]))
    strange = seen[55].copy()
    strange[:, 2, 1] += 5
    calm, _ = watch.add(Frame(np.zeros((1, 1, 1), np.uint8), 50, 5.0), measured(seen[54]))
    hit, _ = watch.add(Frame(np.zeros((1, 1, 1), np.uint8), 51, 5.1), measured(strange))
    assert calm.record.scene_far < 4 < hit.record.scene_far and hit.record.score > calm.record.score
    heat = hit.coarse_heat
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert row >= 5 and 1 <= column <= 4  # of 8 by 8: place (2, 1) of 3 by 5


def test_shares_leave_the_rest_to_the_frame():
    settings = ScoreSettings(scene_share=0.5, feature_share=0.2, peak_share=0.75)
    weights = error_weights(settings, ERROR_NAMES)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["scene_far"] == pytest.approx(0.375) and weights["frame_error"] == pytest.approx(0.125)
    assert "feature_error" not in weights  # prototypes count where the scene does not
    unknown = error_weights(settings, ERROR_NAMES[:4])
    assert unknown["frame_peak"] == pytest.approx(0.6) and unknown["feature_peak"] == pytest.approx(0.15)
    alone = settings.model_copy(update={"scene_share": 1.0})
    assert error_weights(alone, ERROR_NAMES) == {"scene_error": 0.25, "scene_far": 0.75}
