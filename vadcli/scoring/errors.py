"""Distance of a predicted frame from the true one, and of features from prototypes: numbers and maps."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

FRAME_ERROR, FRAME_PEAK = "frame_error", "frame_peak"
FEATURE_ERROR, FEATURE_PEAK = "feature_error", "feature_peak"

PATCH = 12  # side in pixels, at 128 high, of the patch whose mean error counts most
_BLOCKS = 4  # of a patch's side, so that patches overlap by three quarters
_PATCH_HEIGHT = 128


class ErrorMaps(NamedTuple):
    """Where a frame differs from what was expected."""

    frame: "Tensor"  # float32 (B, H, W), squared error a pixel, mean over channels, on frames in [-1, 1]: in [0, 4]
    feature: "Tensor | None"  # float32 (B, h, w), squared distance to the nearest prototype; None without a unit


def error_maps(prediction: "Tensor", target: "Tensor", feature_error: "Tensor | None") -> ErrorMaps:
    """Per-pixel maps of predictions and true frames (B, C, H, W) in [-1, 1], and of L_c before its mean (eq. 6).

    They are float32 whatever the network computed in.
    """
    squared = (prediction.float() - target.float()).square().mean(dim=1)  # (B, H, W)
    return ErrorMaps(squared, None if feature_error is None else feature_error.float())


def reduce_maps(maps: ErrorMaps) -> "tuple[dict[str, Tensor], Tensor]":
    """Errors of a batch of windows from their maps.

    Returns:
        float32 (B,) by name: `frame_error` is the mean squared error (S_fra), `feature_error` the mean over
        positions (S_fea), and `*_peak` the largest mean over a patch; without a unit there is no `feature_*`. And the
        means over all patches of the frame, (B, h, w).
    """
    patches = patch_means(maps.frame)
    errors = {FRAME_ERROR: maps.frame.mean(dim=(1, 2)), FRAME_PEAK: patches.amax(dim=(1, 2))}
    if maps.feature is not None:
        errors[FEATURE_ERROR] = maps.feature.mean(dim=(1, 2))
        errors[FEATURE_PEAK] = patch_means(maps.feature).amax(dim=(1, 2))
    return errors, patches


def patch_means(error_map: "Tensor") -> "Tensor":
    """Means over patches wholly inside the picture, at steps of a quarter of a side: (B, H, W) to (B, h, w)."""
    from torch.nn.functional import avg_pool2d

    block = max(1, round(PATCH * error_map.shape[-2] / _PATCH_HEIGHT / _BLOCKS))
    height, width = (min(block, side) for side in error_map.shape[-2:])
    blocks = avg_pool2d(error_map.unsqueeze(1), (height, width))
    sides = (min(_BLOCKS, blocks.shape[-2]), min(_BLOCKS, blocks.shape[-1]))
    return avg_pool2d(blocks, sides, stride=1).squeeze(1)


def psnr_db(frame_error: float) -> float:
    """Peak signal-to-noise ratio in decibels of a mean squared error on frames in [-1, 1]."""
    return float(10 * np.log10(4 / max(frame_error, 1e-10)))
