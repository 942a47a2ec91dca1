"""Normalcy maps: where each prototype comes from in a frame, as in the paper's Figure 4."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2
from vadcli.footage.windows import to_network
from vadcli.model.network import Network


@torch.inference_mode()
def normalcy_maps(network: Network, window: Sequence[Image]) -> NDArray[np.float32] | None:
    """The attention of each prototype over the encoding of a window (the weights of eq. 1).

    Args:
        network: ready to predict.
        window: T + 1 images, uint8 (H, W, C).

    Returns:
        (M, h, w), each from 0 to 1 at its own 99.5th percentile, as a few places hold most of the weight; None
        for a network without a unit.
    """
    device = next(network.parameters()).device
    inputs, _ = to_network(torch.from_numpy(np.stack(window))[None], device)
    unit = network(inputs.contiguous(memory_format=torch.channels_last)).unit
    if unit is None:
        return None
    height, width = unit.distance.shape[1:]
    maps = unit.attention[0].unflatten(1, (height, width)).abs()  # (M, h, w)
    values: NDArray[np.float32] = maps.cpu().float().numpy()
    high = np.quantile(values, 0.995, axis=(1, 2), keepdims=True)
    low = values.min(axis=(1, 2), keepdims=True)
    scaled: NDArray[np.float32] = np.sqrt(np.clip((values - low) / np.maximum(high - low, 1e-12), 0, 1))
    return scaled.astype(np.float32)


def draw_map(normalcy: NDArray[np.float32], height: int, width: int) -> Image:
    """A normalcy map as a picture, (height, width, 3) RGB, lighter where more of the prototype comes from."""
    grey = (np.clip(normalcy, 0, 1) * 255).round().astype(np.uint8)
    large = cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(cv2.applyColorMap(np.asarray(large), cv2.COLORMAP_CIVIDIS)[..., ::-1])
