"""The inner loop: a few updates of the adapted weights on a scene's support windows, one step size for every weight."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.func import functional_call

from vadcli.model.losses import Losses, losses
from vadcli.model.network import AdaptedPart, Frozen, Prediction

Weights = Mapping[str, Tensor]
Graph = Literal["none", "first", "second"]


@dataclass(frozen=True)
class Objective:
    """Weights of the terms of L = L_fra + λ1 (L_c + λ2 L_d)."""

    feature_weight: float  # λ1
    diversity_weight: float  # λ2
    margin: float  # γ of L_d

    def terms(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Losses]:
        """L and its terms for predictions and the true next frames (B, C, H, W)."""
        terms = losses(prediction, target, self.margin)
        return terms.total(self.feature_weight, self.diversity_weight), terms


def predict(part: AdaptedPart, weights: Weights, frozen: Frozen) -> Prediction:
    """The prediction with `weights` in place of the network's own of the same names."""
    prediction: Prediction = functional_call(
        part, {f"network.{name}": value for name, value in weights.items()}, (frozen,)
    )
    return prediction


def adapt(
    part: AdaptedPart,
    weights: Weights,
    step_sizes: Weights,
    support: tuple[Frozen, Tensor],
    objective: Objective,
    *,
    steps: int = 1,
    graph: Graph = "none",
) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Weights after `steps` updates θ ← θ − α ⊙ ∇L(θ) on the support windows.

    Args:
        part: the network from where adaptation begins.
        weights: θ by parameter name.
        step_sizes: α, one for every element of θ.
        support: the frozen part's output for the K support windows, and their true next frames (K, C, H, W).
        objective: weights of the inner loss.
        steps: T; 0 gives θ back.
        graph: what the result can be differentiated for: nothing ("none"), θ and α through everything ("second"),
            or through the subtraction alone, taking inner gradients as constants ("first").

    Returns:
        the adapted weights, and the inner loss before each update.
    """
    frozen, target = support
    history = []
    adapted = dict(weights) if graph != "none" else {name: value.detach() for name, value in weights.items()}
    for _ in range(steps):
        adapted = {name: value if value.requires_grad else value.requires_grad_() for name, value in adapted.items()}
        with torch.enable_grad():
            loss, _ = objective.terms(predict(part, adapted, frozen), target)
            gradients = torch.autograd.grad(loss, list(adapted.values()), create_graph=graph == "second")
            history.append(loss.detach())
            adapted = {
                name: value - step_sizes[name] * gradient
                for (name, value), gradient in zip(adapted.items(), gradients, strict=True)
            }
        if graph == "none":
            adapted = {name: value.detach() for name, value in adapted.items()}
    return adapted if graph != "none" else {name: value.detach() for name, value in adapted.items()}, history
