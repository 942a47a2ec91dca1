"""What is usual at a place, and what exceeds it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from vadcli.errors import CheckpointError
from vadcli.footage.frames import Frame, SourceInfo
from vadcli.scoring import usual as module
from vadcli.scoring.calibration import Calibration, fit_calibration
from vadcli.scoring.errors import ErrorMaps, block_means, reduce_maps
from vadcli.scoring.measuring import Maps, Measured
from vadcli.scoring.usual import NormalErrors, above, learn_usual, peaks_above
from vadcli.scoring.watch import Watch
from vadcli.settings import ScoreSettings

TREE, CALM = 5.0, 1.0


def maps(rng: np.random.Generator, spot: float = 0.0) -> Maps:
    """Coarse maps of a scene with a tree at the left that is never predicted, and perhaps a spot at the right."""
    values = rng.uniform(0.9, 1.1, (2, 12, 12)).astype(np.float32) * CALM
    values[:, 4:10, :5] *= TREE
    values[:, 4:8, 7:11] += spot
    return Maps(values[0], values[1])


def measured(blocks: Maps) -> Measured:
    numbers = {"frame_error": float(blocks.frame.mean()), "frame_peak": float(blocks.frame.max())}
    return Measured(numbers | {"feature_error": 1.0, "feature_peak": float(blocks.feature.max())}, blocks, None)


def test_usual_is_the_mean_over_normal_frames_and_survives_a_file():
    rng = np.random.default_rng(0)
    seen = [maps(rng) for _ in range(50)]
    usual = learn_usual(seen)
    mean = np.mean([one.frame for one in seen], axis=0)
    np.testing.assert_allclose(usual["frame_peak"], mean - mean.mean(), atol=1e-3)
    errors = {name: np.full(20, 2.0) for name in ("frame_error", "frame_peak", "feature_error", "feature_peak")}
    one = fit_calibration(errors, 10.0, ScoreSettings(), usual)
    again = Calibration.from_json(json.loads(json.dumps(one.to_json())))
    for name, values in usual.items():
        np.testing.assert_array_equal(again.usual_maps[name], values)
        np.testing.assert_array_equal(one.usual_maps[name], values)


def test_what_is_never_predicted_no_longer_hides_a_spot():
    rng = np.random.default_rng(0)
    usual = learn_usual([maps(rng) for _ in range(50)])
    calm, spot = maps(rng), maps(rng, spot=2.0)
    assert spot.frame.max() < calm.frame.max() * 1.1  # the tree is worse than the spot
    assert peaks_above(spot, usual)["frame_peak"] > 1.5 * peaks_above(calm, usual)["frame_peak"]
    peak = np.unravel_index(above(spot, usual).frame.argmax(), spot.frame.shape)
    assert 4 <= peak[0] < 8 and 7 <= peak[1] < 11


def test_one_frame_and_a_batch_have_the_same_peaks():
    rng = np.random.default_rng(1)
    frame = torch.from_numpy(rng.uniform(0, 4, (3, 128, 128)).astype(np.float32))
    feature = torch.from_numpy(rng.uniform(0, 4, (3, 64, 64)).astype(np.float32))
    blocks = [Maps(block_means(frame, 12)[i].numpy(), block_means(feature, 12)[i].numpy()) for i in range(3)]
    usual = learn_usual(blocks[1:])
    batch = reduce_maps(ErrorMaps(frame, feature), 12, {name: torch.from_numpy(v) for name, v in usual.items()})
    for name, value in peaks_above(blocks[0], usual).items():
        assert float(batch[name][0]) == pytest.approx(value, rel=1e-5)


def test_maps_of_full_size_lose_what_is_usual_under_their_block():
    coarse = {"frame_peak": np.array([[1, 2], [3, 4]], np.float32)}
    left = above(Maps(np.full((4, 5), 5, np.float32), None), coarse)
    np.testing.assert_array_equal(left.frame, [[4, 4, 4, 3, 3], [4, 4, 4, 3, 3], [2, 2, 2, 1, 1], [2, 2, 2, 1, 1]])
    assert left.feature is None


def test_normal_errors_hold_no_more_frames_than_they_learn_from(monkeypatch):
    monkeypatch.setattr(module, "MOST_FRAMES", 10)
    rng = np.random.default_rng(2)
    normal, seen = NormalErrors(), [measured(maps(rng)) for _ in range(25)]
    for i, one in enumerate(seen):
        normal.add(i % 2, replace(one, maps=one.blocks))
        assert len(normal._held) < 10 and all(held.maps is None for _, held in normal._held)
    clips = normal.finish()
    usual = learn_usual([one.blocks for one in seen[:10]])
    assert [len(clip["frame_peak"]) for clip in clips] == [13, 12] and normal.frames == 25
    assert clips[1]["frame_peak"].tolist() == [peaks_above(one.blocks, usual)["frame_peak"] for one in seen[1::2]]
    assert NormalErrors().finish() == []


def test_maps_of_another_fineness_are_refused():
    usual = learn_usual([maps(np.random.default_rng(0))])
    with pytest.raises(CheckpointError, match=r"made for maps of 12x12, these are 6x6\. Adapt again"):
        peaks_above(Maps(np.ones((6, 6), np.float32), None), usual)


@pytest.mark.parametrize("rows", [[], [[]], [[1.0, 2.0], [1.0]]])
def test_a_file_whose_usual_is_no_map_is_refused(rows):
    errors = {name: np.full(20, 2.0) for name in ("frame_error", "frame_peak")}
    stored = fit_calibration(errors, 10.0, ScoreSettings()).to_json() | {"usual": {"frame_peak": rows}}
    with pytest.raises(CheckpointError, match=r"calibration: usual frame_peak is not a map"):
        Calibration.from_json(stored)


def test_a_source_that_warms_up_learns_what_is_usual_there():
    rng = np.random.default_rng(3)
    watch = Watch("a", SourceInfo("a", 10.0, None, 240, 320), ScoreSettings(warmup=3), None, "warmup")
    for i in range(60):
        watch.add(Frame(np.zeros((1, 1, 1), np.uint8), i, i / 10), measured(maps(rng)))
    assert watch.calibration is not None and set(watch.calibration.usual) == {"frame_peak", "feature_peak"}
    blank = replace(watch.calibration, usual={})
    assert blank.usual_maps == {}
    spot = measured(maps(rng, spot=2.0))
    assessed, _ = watch.add(Frame(np.zeros((1, 1, 1), np.uint8), 60, 6.0), spot)
    assert assessed.record.score > 0.3 and assessed.record.frame_peak < spot.errors["frame_peak"]


def calibrated_with_usual():
    seen = [maps(np.random.default_rng(i)) for i in range(10)]
    errors = {name: np.random.default_rng(1).uniform(1, 2, 20) for name in ("frame_error", "frame_peak")}
    return fit_calibration(errors, 10.0, ScoreSettings(), learn_usual(seen))


def test_a_file_gives_back_what_is_usual_to_the_bit_also_of_the_last_version():
    calibration = calibrated_with_usual()
    stored = json.loads(json.dumps(calibration.to_json()))
    assert Calibration.from_json(stored).usual == calibration.usual
    rows = {name: [list(row) for row in rows] for name, rows in calibration.usual.items()}
    assert Calibration.from_json(stored | {"version": 2, "usual": rows}).usual == calibration.usual


@pytest.mark.parametrize(
    "packed",
    [{}, {"shape": [2, 2], "values": "!"}, {"shape": [9, 9], "values": "AAAA"}, {"shape": 4, "values": "AAA="}],
)
def test_a_file_whose_packed_usual_is_damaged_is_refused(packed):
    stored = calibrated_with_usual().to_json() | {"usual": {"frame_peak": packed}}
    with pytest.raises(CheckpointError, match=r"calibration: a usual map is damaged\. Adapt again"):
        Calibration.from_json(stored)
