"""The losses of the paper and the effective number of prototypes."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vadcli.model.network import Prediction


@dataclass(frozen=True)
class Losses:
    """The terms of L = L_fra + λ1 (L_c + λ2 L_d), each a scalar tensor."""

    frame: Tensor  # L_fra (eq. 4), mean over all elements of frames in [-1, 1].
    # L_c (eq. 6), mean over windows and positions; of unit `memory` the entropy of its addresses, of `items` its
    # compactness; zero without a unit.
    compactness: Tensor
    # L_d (eq. 8), mean over windows; of unit `items` its separateness; zero for `memory` and without a unit.
    diversity: Tensor

    def total(self, feature_weight: float, diversity_weight: float) -> Tensor:
        """L, with λ1 = `feature_weight` and λ2 = `diversity_weight`."""
        return self.frame + feature_weight * (self.compactness + diversity_weight * self.diversity)


def losses(prediction: Prediction, target: Tensor, margin: float) -> Losses:
    """All terms of the objective for predictions and the true next frames (B, C, H, W); `margin` is γ of L_d."""
    frame = (prediction.frame - target).square().mean()
    if prediction.unit is None:
        return Losses(frame, frame.new_zeros(()), frame.new_zeros(()))
    return Losses(frame, *prediction.unit.feature_terms(margin))


def effective_prototypes(prototypes: Tensor) -> Tensor:
    """The number of different prototypes: exp of the entropy of their Gram matrix's spectrum.

    Args:
        prototypes: (B, M, C).

    Returns:
        (B,), from 1 (all point the same way) to M (all at right angles); NaN where some are not finite.
    """
    vectors = torch.nn.functional.normalize(prototypes.detach().double(), dim=-1)
    gram = vectors @ vectors.mT  # (B, M, M)
    if not gram.isfinite().all():
        return gram.new_full(gram.shape[:1], math.nan)
    shares = torch.linalg.eigvalsh(gram).clamp_min(0) / vectors.shape[1]  # (B, M), sums to 1
    effective: Tensor = torch.special.entr(shares).sum(-1).exp()
    return effective
