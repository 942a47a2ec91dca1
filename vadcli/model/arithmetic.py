"""The arithmetic of the prototype unit as one frozen record of switches; each switch is a function."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

RATIO_GUARD = 1e-6
SHORTEST = 1e-12


def as_it_is(length: Tensor) -> Tensor:
    """The factor 1 for vectors of any length: (..., 1) to (..., 1)."""
    return torch.ones_like(length)


def to_unit_length(length: Tensor) -> Tensor:
    """The factor that makes vectors of this length unit vectors, and leaves the zero vector: (..., 1) to (..., 1)."""
    return length.clamp_min(SHORTEST).reciprocal()


def _ratio(weights: Tensor, dim: int) -> Tensor:
    """The weights over their sum; ψ is signed, so sums nearer to 0 than RATIO_GUARD are moved out to it, sign kept."""
    total = weights.sum(dim, keepdim=True)
    guard = torch.copysign(torch.full_like(total, RATIO_GUARD), total)
    return weights / torch.where(total.abs() < RATIO_GUARD, guard, total)


# Weights (B, M, N) of eq. 1, over positions, and eq. 2, over prototypes: positive by a softmax, or as printed, w / Σw.
softmax_over_positions, softmax_over_prototypes = (partial(torch.softmax, dim=dim) for dim in (2, 1))
ratio_over_positions, ratio_over_prototypes = (partial(_ratio, dim=dim) for dim in (2, 1))


def nearest_is_most_similar(squares: Tensor, similarities: Tensor, relevance: Tensor) -> Tensor:
    """‖p‖² − 2 x·p of the most relevant of unit vectors, which is the most similar: to (B, 1, N).

    Args:
        squares: (B, M, 1), squared lengths of prototypes, all 1, or 0 where the encoding is zero everywhere.
        similarities: (B, M, N), x·p.
        relevance: (B, M, N), growing with similarity.
    """
    return squares.amax(1, keepdim=True) - 2 * similarities.amax(1, keepdim=True)


def nearest_is_most_relevant(squares: Tensor, similarities: Tensor, relevance: Tensor) -> Tensor:
    """‖p‖² − 2 x·p of the most relevant of prototypes of any length, ties shared; the choice carries no gradient."""
    chosen = (relevance == relevance.amax(1, keepdim=True)).to(relevance.dtype)  # faster than argmax and gather
    return ((squares - 2 * similarities) * chosen).sum(1, keepdim=True) / chosen.sum(1, keepdim=True)


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
    """One way to compute the unit and its losses (the first seven rows of the comparison of paper and code)."""

    encoding: Callable[[Tensor], Tensor]  # factor on encodings before the unit, from their lengths
    attention: Callable[[Tensor], Tensor]  # weights of eq. 1 from ψ's scores (B, M, N).
    prototypes: Callable[[Tensor], Tensor]  # factor on prototypes before retrieval, from their lengths
    retrieval: Callable[[Tensor], Tensor]  # weights of eq. 2 from similarities (B, M, N).
    retrieved: Callable[[Tensor], Tensor]  # factor on what was retrieved, from its lengths
    # ‖p‖² − 2 x·p of each position's most relevant prototype, from ‖p‖², similarities and eq. 2's weights.
    nearest: Callable[[Tensor, Tensor, Tensor], Tensor]
    # a position's squared distance and C to its share of L_c
    compactness_over_channels: Callable[[Tensor, int], Tensor]
    diversity: Callable[[Tensor], Tensor]  # hinges of all pairs (B, M, M) to L_d
    attention_sharpness: float = 1.0  # factor on scores before eq. 1's softmax.
    retrieval_sharpness: float = 1.0  # factor on similarities before eq. 2's softmax.
    spread_start: bool = False  # ψ starts with orthonormal rows


def _sum_over_channels(distances: Tensor, channels: int) -> Tensor:
    return distances


def _mean_over_channels(distances: Tensor, channels: int) -> Tensor:
    return distances / channels


PAPER = Arithmetic(
    encoding=as_it_is,
    attention=ratio_over_positions,
    prototypes=as_it_is,
    retrieval=ratio_over_prototypes,
    retrieved=as_it_is,
    nearest=nearest_is_most_relevant,
    compactness_over_channels=_sum_over_channels,
    diversity=every_ordered_pair,
)
OFFICIAL = Arithmetic(
    encoding=to_unit_length,
    attention=softmax_over_positions,
    prototypes=to_unit_length,
    retrieval=softmax_over_prototypes,
    retrieved=to_unit_length,
    nearest=nearest_is_most_similar,
    compactness_over_channels=_mean_over_channels,
    diversity=every_pair_once,
)
SHARP = replace(
    OFFICIAL,
    compactness_over_channels=_sum_over_channels,
    attention_sharpness=20.0,
    retrieval_sharpness=20.0,
    spread_start=True,
)
VARIANTS: dict[str, Arithmetic] = {"sharp": SHARP, "official": OFFICIAL, "paper": PAPER}
