"""The prototype unit's rivals at its place: items that are stored in the weights instead of made from each frame.

Two papers' memories as their equations have them, in the same network, so that a comparison changes the unit alone:

- `memory`: MemAE (Gong et al., ICCV 2019), with `feature_weight=2e-4` for the weight of its entropy.
- `items`: LMN (Park et al., CVPR 2020), with `feature_weight=0.1`, `diversity_weight=1`, `diversity_margin=1` for the
  weights of its compactness and separateness.

Place, number of items (`num_prototypes`) and scores are those of the prototype unit, and losses are means over
positions and windows, not sums. As there, unit vectors of an encoding are never written out, and maps lie as (B, M, N).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from vadcli.model.arithmetic import SHORTEST, to_unit_length
from vadcli.model.products import compare, gather, spread
from vadcli.model.unit import Unit, UnitOutput, as_encoding
from vadcli.processes import present

SHRINKAGE_GUARD = 1e-18


@dataclass(frozen=True)
class Remembered(UnitOutput):
    """The result of `MemoryUnit`: `attention` is ŵ, the addresses after shrinkage, over items."""

    def feature_terms(self, margin: float) -> tuple[Tensor, Tensor]:
        """Mean entropy of the addresses (MemAE, eq. 9), from 0 to log M, and zero: it has one term."""
        entropy = -(self.attention * self.attention.clamp_min(SHORTEST).log()).sum(1)  # (B, N)
        return entropy.mean(), entropy.new_zeros(())


class MemoryUnit(Unit):
    """A learned bank of items, of which a sparse mixture replaces every position (MemAE).

    `distance` is to the direction of the nearest item, as addresses go by direction; the paper has no such score.
    """

    def __init__(self, channels: int, num_prototypes: int) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.empty(num_prototypes, channels))  # (M, C), any length
        nn.init.orthogonal_(self.items)

    def _forward(self, encoding: Tensor) -> Remembered:
        x, scale = _directions(encoding)  # (B, N, C), (B, 1, N)
        items = self.items.expand(x.shape[0], -1, -1)  # (B, M, C)
        cosines = compare(normalize(self.items, dim=1).expand_as(items), x) * scale  # (B, M, N), eq. 5
        addresses = shrink(cosines.softmax(dim=1))  # (B, M, N), eq. 4 and 7
        return Remembered(
            encoding=as_encoding(spread(addresses, items), *encoding.shape[2:]),  # eq. 3
            prototypes=items,
            attention=addresses,
            distance=(2 - 2 * cosines.amax(1)).unflatten(1, encoding.shape[2:]),
        )


def shrink(weights: Tensor) -> Tensor:
    """Addresses (B, M, N) with those below λ = 1/M set to zero, the rest summing to 1 (MemAE, eq. 7 and after it).

    λ is the lower end of the paper's [1/M, 3/M]; a lone item is kept. The factor max(w − λ, 0) / (|w − λ| + ε) is taken
    as a constant: near its edge, of width ε, its derivatives are what rounding leaves of terms that cancel. A position
    where no weight is above λ has zeros.
    """
    count = weights.shape[1]
    above = weights.detach() - (1 / count if count > 1 else 0.0)
    kept = weights * (above.relu() / (above.abs() + SHRINKAGE_GUARD))
    return kept / kept.sum(1, keepdim=True).clamp_min(SHORTEST)


@dataclass(frozen=True)
class Matched(UnitOutput):
    """The result of `ItemsUnit`: `attention` is w, the probabilities of matching, over items."""

    cosines: Tensor  # (B, M, N), of the angle between each item and position

    def feature_terms(self, margin: float) -> tuple[Tensor, Tensor]:
        """Compactness, the mean squared distance to the nearest item p, and separateness.

        Separateness is the mean of [‖q − p‖² − ‖q − p'‖² + γ]+ with p' the second nearest item; 0 where there is none.
        """
        if self.cosines.shape[1] == 1:
            return self.distance.mean(), self.distance.new_zeros(())
        nearest, second = self.cosines.topk(2, dim=1).values.unbind(1)  # (B, N) each
        return self.distance.mean(), (margin - 2 * (nearest - second)).relu().mean()


class ItemsUnit(Unit):
    """Items that move toward the encodings read with them while training (LMN).

    Items are unit vectors that no gradient moves: in training, each batch moves every item toward the positions nearest
    to it. Unlike in the paper, nothing moves them while scoring, and the encoding and what was read are added, not
    concatenated, as the prototype unit does. In scope `head` its feature loss is a constant.
    """

    items: Tensor

    def __init__(self, channels: int, num_prototypes: int) -> None:
        super().__init__()
        self.register_buffer("items", torch.empty(num_prototypes, channels))  # (M, C), unit length
        nn.init.orthogonal_(self.items)

    def _forward(self, encoding: Tensor) -> Matched:
        x, scale = _directions(encoding)  # (B, N, C), (B, 1, N): queries are x · scale
        items = self.items.clone().expand(x.shape[0], -1, -1)  # (B, M, C), a copy: gradients need what was read
        cosines = compare(items, x) * scale  # (B, M, N)
        matching = cosines.softmax(dim=1)  # (B, M, N), eq. 1
        if self.training:
            self.update(x, scale, cosines)
        return Matched(
            encoding=as_encoding(torch.addcmul(spread(matching, items), x, scale.mT), *encoding.shape[2:]),  # eq. 2
            prototypes=items,
            attention=matching,
            distance=(2 - 2 * cosines.amax(1)).unflatten(1, encoding.shape[2:]),
            cosines=cosines,
        )

    @torch.no_grad()
    def update(self, x: Tensor, scale: Tensor, cosines: Tensor) -> None:
        """Move each item toward the queries nearest to it: p ← f(p + Σ v' q), f to unit length (eq. 3 to 5).

        v' is a softmax over queries divided by its largest value among those nearest to the item, so its sum cancels:
        what is left is exp(cosine − largest cosine). The queries, x (B, N, C) times `scale` (B, 1, N), are those of the
        whole batch, in all processes.
        """
        own = cosines.masked_fill(cosines < cosines.amax(1, keepdim=True), -torch.inf)  # (B, M, N), U_m
        largest = own.amax((0, 2), keepdim=True).clamp_min(-1)  # (1, M, 1); an item with no query of its own stays
        processes = present()
        moved = gather((own - processes.most(largest)).exp() * scale, x).sum(0).to(self.items)  # (M, C)
        self.items.copy_(normalize(self.items + processes.sum(moved), dim=1))


def _directions(encoding: Tensor) -> tuple[Tensor, Tensor]:
    """Positions (B, N, C) of an encoding (B, C, h, w), and the factors (B, 1, N) that make unit vectors of them."""
    x = encoding.flatten(2).mT  # a view where the encoding is channels-last
    return x, to_unit_length(torch.linalg.vector_norm(x, dim=2, keepdim=True)).mT
