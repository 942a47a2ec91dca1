"""The network: a U-Net that reads T frames and predicts the next, with the prototype unit, or a rival, at its encoding.

Frozen while a scene is adapted to: everything before the unit (scope "head"), the encoder ("decoder"), or nothing
("network").
"""

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor, nn

from vadcli.model.arithmetic import VARIANTS, Arithmetic
from vadcli.model.prototypes import PrototypeUnit
from vadcli.model.rivals import ItemsUnit, MemoryUnit
from vadcli.model.unit import Unit, UnitOutput
from vadcli.settings import ModelSettings, Padding

Scope = Literal["head", "decoder", "network"]
Frozen = tuple[Tensor, ...]


@dataclass(frozen=True)
class Prediction:
    """The network's results for a batch of windows."""

    frame: Tensor  # (B, C, H, W), the predicted next frame in [-1, 1]
    unit: UnitOutput | None  # the unit's output; None for a network without one
    encoding: Tensor  # (B, C, h, w), what the unit read

    @property
    def feature_error(self) -> Tensor | None:
        """(B, h, w), distance of each position to its prototype; None without a unit."""
        return None if self.unit is None else self.unit.distance


class Network(nn.Module):
    """Future-frame prediction with a Dynamic Prototype Unit (Lv et al., CVPR 2021).

    With the paper's settings it has 13,285,251 parameters and costs 44 GMAC a frame at 256².
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.arithmetic: Arithmetic = VARIANTS[settings.variant]
        widths = [settings.width * 2**level for level in range(4)]
        inputs = [settings.channels * settings.input_frames, *widths[:-1]]
        self.encoder = nn.ModuleList(
            _convolutions(a, b, settings.padding, last_relu=b != widths[-1])
            for a, b in zip(inputs, widths, strict=True)
        )
        self.decoder = nn.ModuleList()
        for level, (wide, narrow) in enumerate(((8, 4), (4, 2), (2, 1))):
            wide, narrow = wide * settings.width, narrow * settings.width
            self.decoder.append(
                nn.Sequential(
                    *_convolutions(wide if level == 0 else 2 * wide, wide, settings.padding, last_relu=True),
                    _doubling(wide, narrow, settings.padding),
                    nn.ReLU(inplace=True),
                )
            )
        self.blocks_before_unit = {8: 0, 4: 1, 2: 2, 1: 3}[settings.unit_level]
        encoding = 2 * settings.width * settings.unit_level if settings.unit_level < 8 else widths[-1]
        self.unit = _unit(settings, encoding)
        w = settings.width
        self.head = nn.Sequential(
            *_convolutions(2 * w, w, settings.padding, last_relu=True),
            _convolution(w, settings.channels, settings.padding),
            nn.Tanh(),
        )

    def forward(self, inputs: Tensor) -> Prediction:
        """Predict the frame after each window: inputs (B, T·C, H, W) in [-1, 1], from the oldest frame on."""
        return self.finish(self.begin(inputs, "head"), "head")

    def begin(self, inputs: Tensor, scope: Scope) -> Frozen:
        """The part that stays frozen while `scope` adapts: (B, T·C, H, W) to what `finish` needs."""
        match scope:
            case "head":
                return self._to_encoding(self._encode(inputs))
            case "decoder":
                return self._encode(inputs)
            case "network":
                return (inputs,)

    def finish(self, frozen: Frozen, scope: Scope) -> Prediction:
        """The part that `scope` adapts: from what `begin` gave to the predicted frame."""
        match scope:
            case "head":
                *skips, x = frozen
            case "decoder":
                *skips, x = self._to_encoding(frozen)
            case "network":
                *skips, x = self._to_encoding(self._encode(*frozen))
        unit, encoding = None, x
        if self.unit is not None:
            unit = self.unit(x)
            x = unit.encoding
        for block in self.decoder[self.blocks_before_unit :]:
            x = torch.cat([skips.pop(), _run(block, x)], dim=1)
        frame = _run(self.head, x)
        return Prediction(frame if frame.dtype == torch.float64 else frame.float(), unit, encoding)

    def _encode(self, x: Tensor) -> Frozen:
        """The encoder's four outputs, shallowest first: (B, w0·2^level, H/2^level, W/2^level)."""
        features: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = _run(block, x if level == 0 else nn.functional.max_pool2d(x, 2))
            features.append(x)
        return tuple(features)

    def _to_encoding(self, features: Frozen) -> Frozen:
        """From the encoder's four outputs to the skips still to come, shallowest first, and the unit's encoding."""
        *skips, x = features
        for block in self.decoder[: self.blocks_before_unit]:
            x = torch.cat([skips.pop(), _run(block, x)], dim=1)
        return (*skips, x)

    def channels_last(self) -> Self:
        """Itself, with weights laid out so that encodings are read as (B, N, C) without a copy."""
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def adapted_names(self, scope: Scope) -> list[str]:
        """Names of the parameters that `scope` adapts (θ = τ ∪ δ): the unit and what follows it, or what precedes."""
        first = self.blocks_before_unit if scope == "head" else 0
        after = ("unit.", "head.", *(f"decoder.{i}." for i in range(first, len(self.decoder))))
        adapted = (*after, "encoder.") if scope == "network" else after
        return [name for name, _ in self.named_parameters() if name.startswith(adapted)]


def _unit(settings: ModelSettings, channels: int) -> Unit | None:
    match settings.unit:
        case "prototypes":
            return PrototypeUnit(channels, settings.num_prototypes, VARIANTS[settings.variant])
        case "memory":
            return MemoryUnit(channels, settings.num_prototypes)
        case "items":
            return ItemsUnit(channels, settings.num_prototypes)
        case "none":
            return None


class AdaptedPart(nn.Module):
    """`Network.finish` as a module, so that `torch.func.functional_call` can run it with other weights."""

    def __init__(self, network: Network, scope: Scope) -> None:
        super().__init__()
        self.network, self.scope = network, scope

    def forward(self, frozen: Frozen) -> Prediction:
        """The prediction for windows whose frozen part is known."""
        return self.network.finish(frozen, self.scope)


def _run(block: nn.Module, x: Tensor) -> Tensor:
    """A block on its own precision: parts may differ, and wider weights widen what flows on."""
    out: Tensor = block(x.to(next(block.parameters()).dtype))
    return out


def _convolution(inputs: int, outputs: int, padding: Padding) -> nn.Conv2d:
    """A 3×3 convolution that keeps height and width."""
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate" if padding == "edge" else "zeros")


def _doubling(inputs: int, outputs: int, padding: Padding) -> nn.ConvTranspose2d:
    """A transposed 3×3 convolution that doubles height and width."""
    if padding == "edge":
        return EdgeDoubling(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


class EdgeDoubling(nn.ConvTranspose2d):
    """A transposed convolution whose last row and column read a copy of the input's edge where zeros would stand."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Double height and width: (B, C, H, W) to (B, C', 2H, 2W).

        A row and a column more than are needed are made: oneDNN is up to 2.5 times as fast where sizes are even.
        """
        grown = super().forward(nn.functional.pad(x, (0, 1, 0, 1), mode="replicate"))  # (B, C', 2H + 2, 2W + 2)
        return grown[:, :, :-2, :-2]


def _convolutions(inputs: int, outputs: int, padding: Padding, *, last_relu: bool) -> nn.Sequential:
    layers: list[nn.Module] = [
        _convolution(inputs, outputs, padding),
        nn.ReLU(inplace=True),
        _convolution(outputs, outputs, padding),
    ]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if last_relu else []))


def count_parameters(network: nn.Module) -> int:
    """Number of values that training sets, stored items among them."""
    return sum(value.numel() for value in network.state_dict().values())
