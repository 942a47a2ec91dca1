"""The computation of an exported model: frames in, the prediction and its errors out; and its check.

Input `windows`: uint8 (B, T+1, H, W, C), as decoded, the newest frame last. Outputs, all float32:

    frame          (B, C, H, W)  the prediction of the last frame, in [-1, 1]
    frame_error    (B, H, W)     its squared error, mean over channels
    feature_error  (B, h, w)     squared distance of each position to its prototype; absent without a unit
    errors         (B, 1 or 2)   means of frame_error and of feature_error
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vadcli.errors import CheckpointError
from vadcli.model.network import Network

OUTPUTS = ("frame", "frame_error", "feature_error", "errors")
LARGEST_FRAME_GAP = 1e-3
MOST_WINDOWS = 4096  # of one batch
ToNetwork = Callable[[Tensor], tuple[Tensor, Tensor]]


class ExportedModule(nn.Module):
    """A network as it is exported.

    Args:
        network: moved to the CPU, float32; its weights keep their names, after `network.`.
        to_network: makes inputs (B, T·C, H, W) and target (B, C, H, W) in [-1, 1] of windows.
    """

    def __init__(self, network: Network, to_network: ToNetwork) -> None:
        super().__init__()
        self.network = network.float().cpu().eval().requires_grad_(False)
        self.to_network = to_network
        self.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    @property
    def names(self) -> list[str]:
        """Of the outputs, in their order."""
        return [name for name in OUTPUTS if name != "feature_error" or self.network.unit is not None]

    def forward(self, windows: Tensor) -> tuple[Tensor, ...]:
        """All outputs for windows (B, T+1, H, W, C) uint8."""
        inputs, target = self.to_network(windows)
        prediction = self.network(inputs)
        maps = [(prediction.frame - target).square().mean(1)]
        maps += [] if prediction.feature_error is None else [prediction.feature_error]
        errors = torch.stack([each.mean((1, 2)) for each in maps], dim=1)
        return prediction.frame, *maps, errors

    def example(self) -> Tensor:
        """Windows to trace with."""
        model = self.network.settings
        return torch.zeros(2, model.input_frames + 1, *model.size, model.channels, dtype=torch.uint8)


@dataclass(frozen=True)
class Agreement:
    """Differences between an exported model and torch on the same windows."""

    frame: float  # largest absolute difference of predicted frames in [-1, 1]
    feature_error: float | None  # largest difference of feature errors, relative to their mean; None without a unit


def as_windows(inputs: Tensor, channels: int) -> Tensor:
    """Windows (B, T+1, H, W, C) uint8 that inputs (B, T·C, H, W) are made of; the last frame is unknown, and black."""
    pixels = ((inputs + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).unflatten(1, (-1, channels))
    windows = pixels.permute(0, 1, 3, 4, 2)  # (B, T, H, W, C)
    return torch.cat([windows, torch.zeros_like(windows[:, :1])], dim=1)


@torch.no_grad()
def require_agreement(
    path: Path, module: ExportedModule, run: Callable[[Tensor], Mapping[str, Tensor]], frames: Sequence[Tensor]
) -> Agreement:
    """Compare what an exported model gives, by name, with torch: on windows as above and, for other batches, on noise.

    Raises:
        CheckpointError: if its frames differ from torch's by more than LARGEST_FRAME_GAP.
    """
    generator = torch.Generator().manual_seed(0)
    shape = module.example().shape[1:]
    noise = [torch.randint(0, 256, (many, *shape), generator=generator, dtype=torch.uint8) for many in (1, 3)]
    frame_gap, feature_gap = 0.0, None
    for windows in (*noise, *frames):
        expected, got = dict(zip(module.names, module(windows), strict=True)), run(windows)
        frame_gap = max(frame_gap, *(float((expected[n] - got[n]).abs().max()) for n in ("frame", "frame_error")))
        if "feature_error" in expected:
            feature = expected["feature_error"]
            gap = float((feature - got["feature_error"]).abs().max() / feature.mean().clamp_min(1e-12))
            feature_gap = max(feature_gap or 0.0, gap)
    if not frame_gap <= LARGEST_FRAME_GAP:
        raise CheckpointError(f"{path}: not written: the exported model differs from torch by {frame_gap:.1e}.")
    return Agreement(frame_gap, feature_gap)
