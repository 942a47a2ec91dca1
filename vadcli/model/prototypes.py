"""The Dynamic Prototype Unit: distils prototypes of what the encoding shows now, and adds what they explain of it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vadcli.model.arithmetic import SHORTEST, Arithmetic


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
    """Attention, ensemble (eq. 1) and retrieval (eq. 2) as small matrix products, always in float32 or wider.

    Unit vectors are never written out: a vector's length is a factor on what is computed from it, so that only two
    passes write anything as large as the encoding. Similarities of 0.95 and above make ‖x‖² + ‖p‖² − 2 x·p cancel,
    so nothing here runs in bfloat16.
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
        x = encoding.flatten(2).mT  # (B, N, C); a view where the encoding is channels-last
        length = torch.linalg.vector_norm(x, dim=2, keepdim=True)  # (B, N, 1)
        scale = how.encoding(length)  # (B, N, 1)

        scores = (x @ self.attention.weight.mT) * (scale * how.attention_sharpness)  # (B, N, M)
        attention = how.attention(scores)  # (B, N, M), over positions
        ensemble = (attention * scale).mT @ x  # (B, M, C), eq. 1
        prototypes = ensemble * how.prototypes(torch.linalg.vector_norm(ensemble, dim=2, keepdim=True))

        similarities = (x @ prototypes.mT) * scale  # (B, N, M)
        relevance = how.retrieval(similarities * how.retrieval_sharpness)  # (B, N, M), β, over prototypes
        gram = prototypes @ prototypes.mT  # (B, M, M)
        square = ((relevance @ gram) * relevance).sum(2, keepdim=True)  # (B, N, 1), ‖Pᵀβ‖² = βᵀ P Pᵀ β
        recall = relevance * how.retrieved(square.clamp_min(SHORTEST**2).sqrt())
        retrieved_too = torch.baddbmm(x * scale, recall, prototypes)  # (B, N, C), x + x̃ with eq. 2's x̃

        nearest = relevance.detach().argmax(2, keepdim=True)  # (B, N, 1); argmax carries no gradient
        lengths = gram.diagonal(dim1=1, dim2=2).unsqueeze(1).expand_as(similarities).gather(2, nearest)  # ‖p*‖²
        distance = (length * scale).square() + lengths - 2 * similarities.gather(2, nearest)  # (B, N, 1)
        return UnitOutput(
            encoding=retrieved_too.mT.unflatten(2, (height, width)),
            prototypes=prototypes,
            attention=attention,
            distance=how.compactness_over_channels(distance, x.shape[2]).squeeze(2).unflatten(1, (height, width)),
        )
