"""The Dynamic Prototype Unit: distils prototypes from the encoding, and adds the part of it that they explain."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vadcli.model.arithmetic import SHORTEST, Arithmetic
from vadcli.model.products import add_spread, compare, gather
from vadcli.model.unit import Unit, UnitOutput, as_encoding


@dataclass(frozen=True)
class Prototyped(UnitOutput):
    """The prototype unit's result for an encoding: `encoding` is the one it read plus what was retrieved for it.

    Row m of `attention` is normalcy map m, the weights of eq. 1; `distance` is L_c before its mean.
    """

    arithmetic: Arithmetic  # of the unit

    def feature_terms(self, margin: float) -> tuple[Tensor, Tensor]:
        """L_c (eq. 6) and L_d (eq. 8)."""
        return self.distance.mean(), diversity(self.prototypes, self.arithmetic, margin).mean()


class PrototypeUnit(Unit):
    """Attention, ensemble (eq. 1) and retrieval (eq. 2) as small matrix products.

    Only two passes write anything as large as the encoding: unit vectors, and what is retrieved added onto them. Maps
    lie as (B, M, N), since softmaxes and maxima over rows of N are vectorised.
    """

    def __init__(self, channels: int, num_prototypes: int, arithmetic: Arithmetic) -> None:
        super().__init__()
        self.arithmetic = arithmetic
        self.attention = nn.Linear(channels, num_prototypes, bias=False)  # ψ
        if arithmetic.spread_start:
            nn.init.orthogonal_(self.attention.weight)

    def _forward(self, encoding: Tensor) -> Prototyped:
        how = self.arithmetic
        height, width = encoding.shape[2:]
        given = encoding.flatten(2).mT  # (B, N, C); a view where the encoding is channels-last
        length = torch.linalg.vector_norm(given, dim=2, keepdim=True)  # (B, N, 1)
        scale = how.encoding(length)  # (B, N, 1)
        x = given * scale  # (B, N, C)

        psi = (self.attention.weight * how.attention_sharpness).expand(x.shape[0], -1, -1)  # (B, M, C)
        attention = how.attention(compare(psi, x))  # (B, M, N), over positions
        ensemble = gather(attention, x)  # (B, M, C), eq. 1
        prototypes = ensemble * how.prototypes(torch.linalg.vector_norm(ensemble, dim=2, keepdim=True))

        sharpness = how.retrieval_sharpness
        similarities = compare(prototypes * sharpness, x)  # (B, M, N), times sharpness as retrieval wants them
        relevance = how.retrieval(similarities)  # (B, M, N), β, over prototypes
        gram = prototypes @ prototypes.mT  # (B, M, M)
        square = ((gram @ relevance) * relevance).sum(1, keepdim=True)  # (B, 1, N), ‖Pᵀβ‖² = βᵀ P Pᵀ β
        recall = relevance * how.retrieved(square.clamp_min(SHORTEST**2).sqrt())

        squares = gram.diagonal(dim1=1, dim2=2).unsqueeze(2)  # (B, M, 1)
        nearest = how.nearest(squares * sharpness, similarities, relevance) / sharpness  # (B, 1, N), ‖p‖² − 2 x·p
        distance = (length * scale).square().mT + nearest  # (B, 1, N)
        return Prototyped(
            encoding=as_encoding(add_spread(x, recall, prototypes), height, width),  # x + x̃ with eq. 2's x̃
            prototypes=prototypes,
            attention=attention,
            distance=how.compactness_over_channels(distance, x.shape[2]).squeeze(1).unflatten(1, (height, width)),
            arithmetic=how,
        )


def diversity(prototypes: Tensor, arithmetic: Arithmetic, margin: float) -> Tensor:
    """The shortfall of distances between prototypes from the margin γ (L_d, eq. 8): (B, M, C) to (B,)."""
    gaps = (prototypes.unsqueeze(2) - prototypes.unsqueeze(1)).square().sum(-1)  # (B, M, M)
    return arithmetic.diversity((margin - gaps).relu())
