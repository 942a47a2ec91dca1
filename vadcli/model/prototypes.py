"""The Dynamic Prototype Unit: distils prototypes of what the encoding shows now, and adds what they explain of it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vadcli.model.arithmetic import Arithmetic


@dataclass(frozen=True)
class UnitOutput:
    """What the unit makes of an encoding.

    Attributes:
        encoding: (B, C, h, w), the encoding plus what was retrieved for it.
        prototypes: (B, M, C), as retrieval used them.
        attention: (B, N, M), the weights of eq. 1; column m is normalcy map m, N = h·w.
        distance: (B, h, w), squared distance of each position to its most relevant prototype (L_c before its mean).
    """

    encoding: Tensor
    prototypes: Tensor
    attention: Tensor
    distance: Tensor


class PrototypeUnit(nn.Module):
    """Attention, ensemble (eq. 1) and retrieval (eq. 2) as three small matrix products, always in float32 or wider.

    Similarities of 0.95 and above make 2 − 2 x·p cancel, so nothing here runs in bfloat16.
    """

    def __init__(self, channels: int, num_prototypes: int, arithmetic: Arithmetic) -> None:
        super().__init__()
        self.arithmetic = arithmetic
        self.attention = nn.Linear(channels, num_prototypes, bias=False)  # ψ
        if arithmetic.spread_start:
            nn.init.orthogonal_(self.attention.weight)

    def forward(self, encoding: Tensor) -> UnitOutput:
        """Distil prototypes from an encoding and retrieve them everywhere.

        Args:
            encoding: (B, C, h, w).
        """
        with torch.autocast(encoding.device.type, enabled=False):
            return self._forward(encoding if encoding.dtype == torch.float64 else encoding.float())

    def _forward(self, encoding: Tensor) -> UnitOutput:
        how = self.arithmetic
        height, width = encoding.shape[2:]
        x = how.encoding(encoding.flatten(2).mT)  # (B, N, C); a view where the encoding is channels-last
        scores = x @ self.attention.weight.mT  # (B, N, M)
        attention = how.attention(scores * how.attention_sharpness)  # (B, N, M), over positions
        prototypes = how.prototypes(attention.mT @ x)  # (B, M, C), eq. 1
        similarities = x @ prototypes.mT  # (B, N, M)
        relevance = how.retrieval(similarities * how.retrieval_sharpness)  # (B, N, M), β, over prototypes
        retrieved = how.retrieved(relevance @ prototypes)  # (B, N, C), eq. 2
        nearest = relevance.detach().argmax(2)  # (B, N); argmax carries no gradient
        distance = how.distance(x, prototypes, similarities, nearest)  # (B, N)
        return UnitOutput(
            encoding=(x + retrieved).mT.unflatten(2, (height, width)),
            prototypes=prototypes,
            attention=attention,
            distance=how.compactness_over_channels(distance, x.shape[2]).unflatten(1, (height, width)),
        )
