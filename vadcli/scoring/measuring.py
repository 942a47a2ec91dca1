"""One forward over a batch of windows: from images to errors on the CPU."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.frames import Image
from vadcli.scoring.errors import FRAME_ERROR, error_maps, reduce_maps

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Predicted(Protocol):
    """What a network gives for a batch of windows."""

    @property
    def frame(self) -> "Tensor":
        """(B, C, H, W), the predicted frame in [-1, 1]."""

    @property
    def feature_error(self) -> "Tensor | None":
        """(B, h, w), squared distance to prototypes; None without a unit."""


Predict = Callable[["Tensor"], Predicted]


@dataclass(frozen=True, slots=True)
class FrameErrors:
    """Errors of one predicted frame."""

    numbers: Mapping[str, float]  # by name, see `scoring.errors`
    patches: NDArray[np.float32]  # float32 (h, w), mean squared error of every patch

    @property
    def relative(self) -> NDArray[np.float32]:
        """(h, w), mean error of every patch over that of the frame: how much worse it is than the rest."""
        return self.patches / np.float32(max(self.numbers[FRAME_ERROR], 1e-12))

    @property
    def cue(self) -> float:
        """The logarithm of the worst patch's error over the frame's; not finite where the errors are not."""
        return math.log(float(self.relative.max()) + 1e-6) if np.isfinite(self.patches).all() else math.nan


class Measurer:
    """Measures windows with a network on its device; everything that has errors has them from here."""

    def __init__(self, predict: Predict, device: "torch.device") -> None:
        self.predict, self.device = predict, device

    def __call__(self, images: Sequence[Image], windows: Sequence[Sequence[int]]) -> list[FrameErrors]:
        """Errors of the last frame of each window.

        Args:
            images: uint8 (H, W, C) each; uploaded once, however many windows they are in.
            windows: T + 1 indices into `images` each, oldest first.
        """
        import torch

        from vadcli.footage.windows import to_network

        with torch.inference_mode():
            frames = torch.from_numpy(np.stack(images)).to(self.device)  # (n, H, W, C) uint8
            batch = frames[torch.tensor(windows, device=self.device)]  # (B, T + 1, H, W, C)
            inputs, target = to_network(batch, self.device)
            prediction = self.predict(inputs.contiguous(memory_format=torch.channels_last))
            reduced, patches = reduce_maps(error_maps(prediction.frame, target, prediction.feature_error))
            numbers = torch.stack(list(reduced.values()), dim=1).cpu().numpy().astype(float)  # (B, errors)
            coarse = patches.cpu().numpy()
        return [
            FrameErrors(dict(zip(reduced, row.tolist(), strict=True)), coarse[i].copy())
            for i, row in enumerate(numbers)
        ]
