import numpy as np
import pytest
import torch

from vadcli.scoring.errors import PATCH, error_maps, patch_means, psnr_db, reduce_maps


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


@pytest.mark.parametrize("shape", [(16, 16), (30, 23), (1, 1), (3, 200), (240, 360)])
def test_every_size_has_a_peak_between_mean_and_maximum(shape: tuple[int, int]):
    maps = torch.rand(1, *shape, generator=torch.Generator().manual_seed(1))
    peak = patch_means(maps).amax()
    assert maps.mean() - 1e-5 <= peak <= maps.max() + 1e-6


def test_half_precision_outputs_are_measured_in_float32():
    prediction, target = _pair()
    half = prediction.bfloat16()
    errors = reduce_maps(error_maps(half, target, torch.rand(2, 32, 32).bfloat16()))[0]
    assert all(values.dtype == torch.float32 for values in errors.values())
    assert torch.equal(errors["frame_error"], reduce_maps(error_maps(half.float(), target, None))[0]["frame_error"])


def test_psnr_of_one_grey_level_is_48_db():
    assert psnr_db((2 / 255) ** 2) == pytest.approx(48.13, abs=0.01)
    assert np.isfinite(psnr_db(0.0))
