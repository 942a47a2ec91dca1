"""The arithmetic of the prototype unit as one frozen record of switches; each switch is a function."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

RATIO_GUARD = 1e-6


def as_is(vectors: Tensor) -> Tensor:
    """The vectors themselves."""
    return vectors


def unit_length(vectors: Tensor) -> Tensor:
    """Vectors of length 1 along the last dimension; the zero vector stays zero."""
    return F.normalize(vectors, dim=-1)


def softmax_over_positions(scores: Tensor) -> Tensor:
    """Eq. 1 weights, positive and summing to 1 over positions: (B, N, M) to (B, N, M)."""
    return scores.softmax(dim=1)


def softmax_over_prototypes(similarities: Tensor) -> Tensor:
    """Eq. 2 weights, positive and summing to 1 over prototypes: (B, N, M) to (B, N, M)."""
    return similarities.softmax(dim=2)


def ratio_over_positions(scores: Tensor) -> Tensor:
    """Eq. 1 as printed, w / Σw over positions: (B, N, M) to (B, N, M)."""
    return _ratio(scores, dim=1)


def ratio_over_prototypes(similarities: Tensor) -> Tensor:
    """Eq. 2 as printed, s / Σs over prototypes: (B, N, M) to (B, N, M)."""
    return _ratio(similarities, dim=2)


def _ratio(weights: Tensor, dim: int) -> Tensor:
    """W / Σw, with sums nearer to zero than RATIO_GUARD moved out to it, sign kept: ψ is signed and its sum crosses 0."""
    total = weights.sum(dim, keepdim=True)
    guard = torch.copysign(torch.full_like(total, RATIO_GUARD), total)
    return weights / torch.where(total.abs() < RATIO_GUARD, guard, total)


def distance_between_unit_vectors(encoding: Tensor, prototypes: Tensor, similarities: Tensor, nearest: Tensor) -> Tensor:
    """‖x − p‖² = 2 − 2 x·p, from similarities that are there already: (B, N)."""
    return 2 - 2 * similarities.gather(2, nearest.unsqueeze(2)).squeeze(2)


def euclidean_distance(encoding: Tensor, prototypes: Tensor, similarities: Tensor, nearest: Tensor) -> Tensor:
    """‖x − p‖² = ‖x‖² + ‖p‖² − 2 x·p, from similarities that are there already: (B, N)."""
    lengths = prototypes.square().sum(-1).gather(1, nearest)  # (B, N), ‖p*‖²
    return encoding.square().sum(-1) + lengths - 2 * similarities.gather(2, nearest.unsqueeze(2)).squeeze(2)


def every_ordered_pair(hinges: Tensor) -> Tensor:
    """Eq. 8 as printed: 2 / (M (M − 1)) times the sum over all (m, m'), m = m' included: (B, M, M) to (B,)."""
    count = hinges.shape[1]
    return hinges.sum((1, 2)) * (2 / max(count * (count - 1), 1))


def every_pair_once(hinges: Tensor) -> Tensor:
    """The mean over pairs m < m': (B, M, M) to (B,); zero where there is one prototype."""
    count = hinges.shape[1]
    return hinges.triu(1).sum((1, 2)) * (2 / max(count * (count - 1), 1))


@dataclass(frozen=True)
class Arithmetic:
    """One way to compute the unit and its losses (the first seven rows of the comparison of paper and code).

    Shapes: encoding (B, N, C), scores and similarities (B, N, M), prototypes (B, M, C).
    """

    encoding: Callable[[Tensor], Tensor]
    attention: Callable[[Tensor], Tensor]
    prototypes: Callable[[Tensor], Tensor]
    retrieval: Callable[[Tensor], Tensor]
    retrieved: Callable[[Tensor], Tensor]
    distance: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    compactness_over_channels: Callable[[Tensor, int], Tensor]
    diversity: Callable[[Tensor], Tensor]
    attention_sharpness: float = 1.0
    retrieval_sharpness: float = 1.0
    spread_start: bool = False


def _sum_over_channels(distances: Tensor, channels: int) -> Tensor:
    return distances


def _mean_over_channels(distances: Tensor, channels: int) -> Tensor:
    return distances / channels


PAPER = Arithmetic(
    encoding=as_is,
    attention=ratio_over_positions,
    prototypes=as_is,
    retrieval=ratio_over_prototypes,
    retrieved=as_is,
    distance=euclidean_distance,
    compactness_over_channels=_sum_over_channels,
    diversity=every_ordered_pair,
)
OFFICIAL = Arithmetic(
    encoding=unit_length,
    attention=softmax_over_positions,
    prototypes=unit_length,
    retrieval=softmax_over_prototypes,
    retrieved=unit_length,
    distance=distance_between_unit_vectors,
    compactness_over_channels=_mean_over_channels,
    diversity=every_pair_once,
)
SHARP = Arithmetic(
    encoding=unit_length,
    attention=softmax_over_positions,
    prototypes=unit_length,
    retrieval=softmax_over_prototypes,
    retrieved=unit_length,
    distance=distance_between_unit_vectors,
    compactness_over_channels=_sum_over_channels,
    diversity=every_pair_once,
    attention_sharpness=20.0,
    retrieval_sharpness=20.0,
    spread_start=True,
)
VARIANTS: dict[str, Arithmetic] = {"sharp": SHARP, "official": OFFICIAL, "paper": PAPER}
