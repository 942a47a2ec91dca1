"""An encoding as coarse as a person is large: what is compared with the usual features of a place."""

from torch import Tensor
from torch.nn.functional import avg_pool2d

# Pixels at 128 high between patches; a patch is twice as wide, so that patches overlap by half.
_STEP = 8


def patch_features(encoding: Tensor) -> Tensor:
    """The mean encoding of every patch of 16 pixels, at steps of 8, for a frame 128 high.

    Args:
        encoding: (B, C, h, w), at any resolution.

    Returns:
        (B, C, h', w'), 15 by 15 for a square; a patch cut by the edge is the mean of what is left of it.
    """
    height, width = encoding.shape[2:]
    step = max(1, round(_STEP * height / 128))
    cells = avg_pool2d(encoding, min(step, height, width), ceil_mode=True)
    return avg_pool2d(cells, (min(2, cells.shape[2]), min(2, cells.shape[3])), stride=1)
