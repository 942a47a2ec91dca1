"""The Dynamic Prototype Unit: distils prototypes of what the encoding shows now, and adds what they explain of it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vadcli.model.arithmetic import SHORTEST, Arithmetic
from vadcli.model.products import compare, gather, spread
from vadcli.model.unit import Unit, UnitOutput


@dataclass(frozen=True)
class Prototyped(UnitOutput):
    """What the prototype unit makes of an encoding: `encoding` is the one it read plus what was retrieved for it.

    Row m of `attention` is normalcy map m, the weights of eq. 1; `distance` is L_c before its mean.

    Attributes:
        arithmetic: of the unit.
    """

    arithmetic: Arithmetic

    def feature_terms(self, margin: float) -> tuple[Tensor, Tensor]:
        """L_c (eq. 6) and L_d (eq. 8)."""
        return self.distance.mean(), diversity(self.prototypes, self.arithmetic, margin).mean()


class PrototypeUnit(Unit):
    """Attention, ensemble (eq. 1) and retrieval (eq. 2) as small matrix products.

    Unit vectors are never written out: a vector's length is a factor on what is computed from it, so that only two
    passes write anything as large as the encoding. Maps lie as (B, M, N), since softmaxes and maxima over rows of N
    are vectorised.
    """

    products = 4

    def __init__(self, channels: int, num_prototypes: int, arithmetic: Arithmetic) -> None:
        super().__init__()
        self.arithmetic = arithmetic
        self.attention = nn.Linear(channels, num_prototypes, bias=False)  # ψ
        if arithmetic.spread_start:
            nn.init.orthogonal_(self.attention.weight)

    def _forward(self, encoding: Tensor) -> Prototyped:
        how = self.arithmetic
        height, width = encoding.shape[2:]
        x = encoding.flatten(2).mT  # (B, N, C); a view where the encoding is channels-last
        length = torch.linalg.vector_norm(x, dim=2, keepdim=True).mT  # (B, 1, N)
        scale = how.encoding(length)  # (B, 1, N)

        psi = self.attention.weight.expand(x.shape[0], -1, -1)  # (B, M, C)
        scores = compare(psi, x) * (scale * how.attention_sharpness)  # (B, M, N)
        attention = how.attention(scores)  # (B, M, N), over positions
        ensemble = gather(attention * scale, x)  # (B, M, C), eq. 1
        prototypes = ensemble * how.prototypes(torch.linalg.vector_norm(ensemble, dim=2, keepdim=True))

        similarities = compare(prototypes, x) * scale  # (B, M, N)
        relevance = how.retrieval(similarities * how.retrieval_sharpness)  # (B, M, N), β, over prototypes
        gram = prototypes @ prototypes.mT  # (B, M, M)
        square = ((gram @ relevance) * relevance).sum(1, keepdim=True)  # (B, 1, N), ‖Pᵀβ‖² = βᵀ P Pᵀ β
        recall = relevance * how.retrieved(square.clamp_min(SHORTEST**2).sqrt())
        explained = torch.addcmul(spread(recall, prototypes), x, scale.mT)  # (B, N, C), x + x̃ with eq. 2's x̃

        chosen = _largest(relevance.detach())  # (B, M, N), one 1 a position; the choice carries no gradient
        away = gram.diagonal(dim1=1, dim2=2).unsqueeze(2) - 2 * similarities  # (B, M, N), ‖p‖² − 2 x·p
        distance = (length * scale).square() + (away * chosen).sum(1, keepdim=True)  # (B, 1, N)
        return Prototyped(
            encoding=explained.mT.unflatten(2, (height, width)),
            prototypes=prototypes,
            attention=attention,
            distance=how.compactness_over_channels(distance, x.shape[2]).squeeze(1).unflatten(1, (height, width)),
            arithmetic=how,
        )


def _largest(relevance: Tensor) -> Tensor:
    """Ones at the largest of M, zeros elsewhere, ties shared: (B, M, N) to (B, M, N); faster than argmax and gather."""
    ones = (relevance == relevance.amax(1, keepdim=True)).to(relevance.dtype)
    return ones / ones.sum(1, keepdim=True)


def diversity(prototypes: Tensor, arithmetic: Arithmetic, margin: float) -> Tensor:
    """How far prototypes fall short of the margin between them (L_d, eq. 8).

    Args:
        prototypes: (B, M, C).
        arithmetic: says which pairs count.
        margin: γ.

    Returns:
        (B,), 0 where all pairs are farther apart than the margin.
    """
    gaps = (prototypes.unsqueeze(2) - prototypes.unsqueeze(1)).square().sum(-1)  # (B, M, M)
    return arithmetic.diversity((margin - gaps).relu())
