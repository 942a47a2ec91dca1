"""How far a predicted frame is from the true one, and features from prototypes: numbers and maps."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

FRAME_ERROR, FRAME_PEAK = "frame_error", "frame_peak"
FEATURE_ERROR, FEATURE_PEAK = "feature_error", "feature_peak"
SCENE_ERROR, SCENE_FAR = "scene_error", "scene_far"
ERROR_NAMES = (FRAME_ERROR, FRAME_PEAK, FEATURE_ERROR, FEATURE_PEAK, SCENE_ERROR, SCENE_FAR)

# A pooled patch is four blocks wide, so that patches overlap by three quarters.
_BLOCKS = 4
# The height in pixels at which `ScoreSettings.pool` is stated.
_POOL_HEIGHT = 128


class ErrorMaps(NamedTuple):
    """Where a frame differs from what was expected.

    Attributes:
        frame: float32 (B, H, W), squared error a pixel, mean over channels, on frames in [-1, 1]: in [0, 4].
        feature: float32 (B, h, w), squared distance to the nearest prototype; None without a unit.
    """

    frame: "Tensor"
    feature: "Tensor | None"


def error_maps(prediction: "Tensor", target: "Tensor", feature_error: "Tensor | None") -> ErrorMaps:
    """Per-pixel maps, in float32 whatever the network computed in.

    Args:
        prediction: (B, C, H, W), in [-1, 1].
        target: (B, C, H, W), in [-1, 1].
        feature_error: (B, h, w), L_c before its mean (eq. 6), or None.
    """
    squared = (prediction.float() - target.float()).square().mean(dim=1)  # (B, H, W)
    return ErrorMaps(squared, None if feature_error is None else feature_error.float())


def reduce_maps(maps: ErrorMaps, pool: int, usual: Mapping[str, "Tensor"] | None = None) -> dict[str, "Tensor"]:
    """Errors of a batch of windows from their maps.

    Args:
        maps: of the batch.
        pool: side in pixels, at 128 high, of the patch whose mean error counts most.
        usual: (h, w), block means that are usual at each place, by name of the peak that they are taken from.

    Returns:
        float32 (B,) by name: `frame_error` is the mean squared error (S_fra), `feature_error` the mean over
        positions (S_fea), and `*_peak` the largest mean over a patch; without a unit there is no `feature_*`.
    """
    errors = {}
    for mean, peak, values in ((FRAME_ERROR, FRAME_PEAK, maps.frame), (FEATURE_ERROR, FEATURE_PEAK, maps.feature)):
        if values is not None:
            errors[mean] = values.mean(dim=(1, 2))
            errors[peak] = largest_patch(block_means(values, pool), (usual or {}).get(peak))
    return errors


def block_means(error_map: "Tensor", pool: int) -> "Tensor":
    """A coarse map: the mean over blocks of a quarter of a patch's side.

    Args:
        error_map: (B, H, W).
        pool: side of a patch in pixels at 128 high.

    Returns:
        (B, ceil(H / block), ceil(W / block)); a block cut by the edge is the mean of what is left of it.
    """
    from torch.nn.functional import avg_pool2d

    block = max(1, round(pool * error_map.shape[-2] / _POOL_HEIGHT / _BLOCKS))
    return avg_pool2d(error_map.unsqueeze(1), min(block, *error_map.shape[-2:]), ceil_mode=True).squeeze(1)


def patch_means(blocks: "Tensor") -> "Tensor":
    """The mean over every patch of 4×4 blocks (fewer where the map is smaller), at steps of one block.

    Args:
        blocks: (B, h, w), from `block_means`.

    Returns:
        (B, h - 3, w - 3), at least one by one; patch [i, j] begins at block [i, j].
    """
    from torch.nn.functional import avg_pool2d

    side = (min(_BLOCKS, blocks.shape[-2]), min(_BLOCKS, blocks.shape[-1]))
    return avg_pool2d(blocks.unsqueeze(1), side, stride=1).squeeze(1)


def largest_patch(blocks: "Tensor", usual: "Tensor | None" = None) -> "Tensor":
    """The largest mean over a patch, of what exceeds the usual: (B, h, w) and (h, w) to (B,)."""
    above = blocks if usual is None else (blocks - usual).clamp_min(0)
    return patch_means(above).amax(dim=(1, 2))


def psnr_db(frame_error: float) -> float:
    """Peak signal-to-noise ratio in decibels of a mean squared error on frames in [-1, 1]."""
    return float(10 * np.log10(4 / max(frame_error, 1e-10)))
