"""One forward over a batch of windows: from frames as decoded to errors and maps on the CPU."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vadcli.footage.frames import Image
from vadcli.footage.windows import to_network
from vadcli.scoring.errors import block_means, error_maps, reduce_maps
from vadcli.scoring.scene import Features


class Predicted(Protocol):
    """What a network gives for a batch of windows."""

    @property
    def frame(self) -> Tensor:
        """(B, C, H, W), the predicted frame in [-1, 1]."""

    @property
    def feature_error(self) -> Tensor | None:
        """(B, h, w), squared distance to prototypes; None without a unit."""

    @property
    def features(self) -> Tensor | None:
        """(B, C, h', w'), the mean encoding of every patch; None from a model exported without."""


Predict = Callable[[Tensor], Predicted]


class Maps(NamedTuple):
    """Where the errors of one frame are.

    Attributes:
        frame: float32 (h, w), squared error of prediction.
        feature: float32 (h', w'), squared distance to prototypes; None without a unit.
        scene: float32 (h", w"), squared distance to the usual features of each place, always coarse; None where a
            scene's are not known.
    """

    frame: NDArray[np.float32]
    feature: NDArray[np.float32] | None
    scene: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Errors of one predicted frame.

    Attributes:
        errors: by name, see `scoring.errors`.
        blocks: coarse maps, means over quarters of a patch's side.
        maps: maps at the network's resolution, if asked for.
        features: float16 (C, h, w), the mean encoding of every patch; None from a model that does not give it.
    """

    errors: dict[str, float]
    blocks: Maps
    maps: Maps | None
    features: Features | None = None


class Measurer:
    """Measures windows with a network.

    Args:
        predict: the network; inputs (B, T·C, H, W) in [-1, 1].
        device: where it runs.
        pool: side in pixels, at 128 high, of the patch whose mean error counts most.
        maps: whether maps at full resolution are wanted.
    """

    def __init__(self, predict: Predict, device: torch.device, *, pool: int, maps: bool = False) -> None:
        self.predict, self.device, self.pool, self.maps = predict, device, pool, maps

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image], windows: Sequence[Sequence[int]]) -> list[Measured]:
        """Errors of the last frame of each window.

        Args:
            images: uint8 (H, W, C) each; uploaded once, however many windows they are in.
            windows: T + 1 indices into `images` each, oldest first.
        """
        frames = torch.from_numpy(np.stack(images)).to(self.device)  # (n, H, W, C) uint8
        batch = frames[torch.tensor(windows, device=self.device)]  # (B, T + 1, H, W, C)
        inputs, target = to_network(batch, self.device)
        prediction = self.predict(inputs.contiguous(memory_format=torch.channels_last))
        maps = error_maps(prediction.frame, target, prediction.feature_error)
        reduced = reduce_maps(maps, self.pool)
        numbers = torch.stack(list(reduced.values()), dim=1).cpu().numpy().astype(float)  # (B, errors)
        blocks = _to_numpy(block_means(maps.frame, self.pool)), _to_numpy(_coarse(maps.feature, self.pool))
        features = None if prediction.features is None else prediction.features.half().cpu().numpy()
        full = (_to_numpy(maps.frame), _to_numpy(maps.feature)) if self.maps else None
        return [
            Measured(
                dict(zip(reduced, row.tolist(), strict=True)),
                _maps(blocks, i),
                full and _maps(full, i),
                None if features is None else features[i].copy(),
            )
            for i, row in enumerate(numbers)
        ]


def _coarse(feature: Tensor | None, pool: int) -> Tensor | None:
    return None if feature is None else block_means(feature, pool)


def _to_numpy(maps: Tensor | None) -> NDArray[np.float32] | None:
    return None if maps is None else maps.cpu().numpy()


def _maps(pair: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None], i: int) -> Maps:
    frame, feature = pair
    if frame is None:
        raise ValueError("a prediction without a frame")
    return Maps(frame[i].copy(), None if feature is None else feature[i].copy())
