"""Errors of a frame, and scores smoothed over time."""

import math

import numpy as np
import pytest
import torch

from vadcli.scoring.errors import PATCH, error_maps, psnr_db, reduce_maps
from vadcli.scoring.smoothing import Smoother, smooth


def _pair(seed: int = 0, side: int = 128) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(2, 3, side, side, generator=generator) * 2 - 1 for _ in range(2))


def test_frame_error_is_the_mean_squared_error_over_all_elements():
    prediction, target = _pair()
    errors = reduce_maps(error_maps(prediction, target, None))[0]
    expected = ((prediction - target) ** 2).mean(dim=(1, 2, 3))
    assert torch.allclose(errors["frame_error"], expected, rtol=1e-6)


def test_peak_finds_one_bad_patch_wherever_it_is():
    target = torch.zeros(3, 3, 128, 128)
    prediction = target.clone()
    for clip, (top, left) in enumerate([(0, 0), (114, 114), (45, 60)]):
        prediction[clip, :, top : top + PATCH, left : left + PATCH] = 0.5
    errors = reduce_maps(error_maps(prediction, target, None))[0]
    assert torch.allclose(errors["frame_peak"], torch.full((3,), 0.25))
    assert torch.allclose(errors["frame_error"], torch.full((3,), 0.25 * (PATCH / 128) ** 2))


def test_patches_grow_with_the_frame():
    small = torch.zeros(1, 1, 64, 64)
    large = torch.zeros(1, 1, 256, 256)
    small[..., 8:16, 8:16] = 1.0
    large[..., 24:48, 24:48] = 1.0
    peaks = [reduce_maps(error_maps(x, torch.zeros_like(x), None))[0]["frame_peak"].item() for x in (small, large)]
    assert peaks[0] == pytest.approx(peaks[1]) == pytest.approx(1.0)


def test_half_precision_outputs_are_measured_in_float32():
    prediction, target = _pair()
    half = prediction.bfloat16()
    errors = reduce_maps(error_maps(half, target, torch.rand(2, 32, 32).bfloat16()))[0]
    assert all(values.dtype == torch.float32 for values in errors.values())
    assert torch.equal(errors["frame_error"], reduce_maps(error_maps(half.float(), target, None))[0]["frame_error"])


def test_psnr_of_one_grey_level_is_48_db():
    assert psnr_db((2 / 255) ** 2) == pytest.approx(48.13, abs=0.01)
    assert np.isfinite(psnr_db(0.0))


def test_smoothing_is_the_exponential_average_by_the_frames_times():
    values, times = np.array([1.0, 3.0, 2.0]), np.array([0.0, 0.1, 0.7])
    expected = [1.0]
    for value, step in zip(values[1:], np.diff(times), strict=True):
        keep = math.exp(-step / 0.5)
        expected.append(keep * expected[-1] + (1 - keep) * value)
    assert smooth(values, 0.5, times) == pytest.approx(expected, abs=1e-15)


def test_columns_are_smoothed_alike_and_frame_by_frame():
    rng = np.random.default_rng(0)
    values, times = rng.normal(size=(50, 4)), np.cumsum(rng.uniform(0.01, 1, 50))
    smoother = Smoother(0.5)
    one_by_one = np.array([smoother(row, t) for row, t in zip(values, times, strict=True)])
    assert np.array_equal(smooth(values, 0.5, times), one_by_one)
    assert np.array_equal(smooth(values[:, 2], 0.5, times), one_by_one[:, 2])


def test_no_time_constant_changes_nothing_and_time_that_steps_back_begins_anew():
    values, times = np.array([1.0, 5.0, 7.0]), np.array([0.0, 1.0, 0.5])
    assert smooth(values, 0.0, times).tolist() == values.tolist()
    assert smooth(values, 0.5, times)[2] == 7.0
