"""The contract of a unit at the encoding, which the prototype unit and its rivals keep."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class UnitOutput(ABC):
    """A unit's result for an encoding."""

    encoding: Tensor  # (B, C, h, w), what goes on to the layers after the unit
    prototypes: Tensor  # (B, M, C), as retrieval used them
    attention: Tensor  # (B, M, N), which places each prototype and which prototypes each place is made of, N = h·w
    distance: Tensor  # (B, h, w), squared distance of each position to its most relevant prototype

    @abstractmethod
    def feature_terms(self, margin: float) -> tuple[Tensor, Tensor]:
        """The two terms of the unit's feature loss, scalars: what `Losses` calls compactness, and diversity.

        They are made from this output alone: the unit's weights may have been others when it ran. `margin` is γ, the
        squared distance that the second term asks for.
        """


class Unit(nn.Module, ABC):
    """Reads an encoding and gives another of the same shape; always in float32 or wider.

    Similarities of 0.95 and above make ‖x‖² + ‖p‖² − 2 x·p cancel, so nothing in a unit runs in bfloat16.
    """

    def forward(self, encoding: Tensor) -> UnitOutput:
        """Distil or recall prototypes of an encoding (B, C, h, w) and retrieve them everywhere."""
        with torch.autocast(encoding.device.type, enabled=False):
            return self._forward(encoding if encoding.dtype == torch.float64 else encoding.float())

    @abstractmethod
    def _forward(self, encoding: Tensor) -> UnitOutput: ...


def as_encoding(places: Tensor, height: int, width: int) -> Tensor:
    """Positions as an encoding: (B, N, C) to (B, C, h, w), channels last.

    A batch of one has a stride of its own choice, by which PyTorch would take the layout for another and turn it: all
    strides here are those of channels-last.
    """
    rows: Tensor = places.flatten(0, 1).unflatten(0, (-1, height, width))  # (B, h, w, C)
    return rows.permute(0, 3, 1, 2)
