"""The prototype unit's rivals at its place: items that are stored in the weights instead of made from each frame.

Two papers' memories, each as its equations have it, in the same network, so that a comparison changes the unit alone:

- `memory`: MemAE (Gong et al., "Memorizing Normality to Detect Anomaly", ICCV 2019). Its weight of the entropy is
  2e-4: `feature_weight=2e-4` of sections `pretrain` and `metatrain`. It has no second term. Its released code shrinks
  at 0.0025 with 2000 items, which is 5/M, outside the paper's [1/M, 3/M].
- `items`: LMN or MNAD (Park et al., "Learning Memory-guided Normality for Anomaly Detection", CVPR 2020). Its weights
  of compactness and separateness are 0.1 and 0.1: `feature_weight=0.1`, `diversity_weight=1`, `diversity_margin=1`. Its
  released code (cvlab-yonsei/MNAD) has these weights too, but there compactness is also a mean over channels,
  separateness compares distances and not their squares, and v' is divided by its largest value over all queries.

Both papers put their memory at the bottleneck of a network of their own, without skips (MemAE, 2000 items) or with
them (LMN, 10 items), and score in ways of their own. Here the place, the number of items (`num_prototypes`) and the
scores are those of the prototype unit, and losses are means over positions and windows, not sums. Memory is laid out as
there: unit vectors of an encoding are never written out, and maps lie as (B, M, N).
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
    """A learned bank of items; every position becomes a sparse mixture of them (MemAE).

    As in the paper the mixture replaces the encoding, and items are weights, learnt by gradient and adapted to a scene
    with the other adapted weights. `distance` is to the direction of the nearest item, as addresses go by direction;
    the paper has no such score.
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
    """Addresses with those below λ = 1/M set to zero and the rest summing to 1 (MemAE, eq. 7 and the step after it).

    λ is the lower end of the paper's [1/M, 3/M], the share of an item when all are alike; a lone item is kept. The
    factor max(w − λ, 0) / (|w − λ| + ε) is taken as a constant: it is 0 or 1 but for an edge of width ε, and near the
    edge its derivatives are what rounding leaves of terms that cancel (in float32, second ones of 5·10⁵ were seen).

    Args:
        weights: (B, M, N), positive, summing to 1 over M.

    Returns:
        (B, M, N); zeros at a position where no weight is above λ.
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
        """Compactness, the mean squared distance to the nearest item, and separateness.

        Separateness is the mean of [‖q − p‖² − ‖q − p'‖² + γ]+ with p the nearest and p' the second nearest item: 0
        where the second is farther by the margin, or there is none.
        """
        if self.cosines.shape[1] == 1:
            return self.distance.mean(), self.distance.new_zeros(())
        nearest, second = self.cosines.topk(2, dim=1).values.unbind(1)  # (B, N) each
        return self.distance.mean(), (margin - 2 * (nearest - second)).relu().mean()


class ItemsUnit(Unit):
    """Items that move toward the encodings read with them while training (LMN).

    As in the paper, items are unit vectors that no gradient moves. In training, each batch moves every item toward the
    positions nearest to it, after they have been read; nothing moves them afterwards: not meta-training or adaptation,
    and not scoring, where the paper goes on to update them on frames that it judges normal by a threshold of its own.
    The paper concatenates the encoding and what was read; here they are added, as the prototype unit does, since the
    layers after it are the same.

    Where adaptation begins after the encoding (scope `head`), its feature loss is a constant: nothing it depends on
    adapts.
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
        what is left is exp(cosine − largest cosine). The queries are those of the whole batch, in all processes.

        Args:
            x: (B, N, C).
            scale: (B, 1, N), the factor that makes queries of x.
            cosines: (B, M, N), of each item and query.
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
