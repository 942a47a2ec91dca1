"""The oracle: the method's equations word for word, slow and wasteful on purpose, sharing no code with the network.

Nothing is reused or rearranged: tensors of N×M×C are built where the equations name every x_n, p_m pair, and a
window is computed from its frames at every use. Tests compare the network with it; `vad bench` measures against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vadcli.settings import ModelSettings

Weights = Mapping[str, Tensor]
SHARPNESS = {"sharp": 20.0, "official": 1.0, "paper": 1.0}
SMALLEST_SUM = 1e-6


@dataclass(frozen=True)
class LiteralOutput:
    """What the equations give.

    Attributes:
        frame: (B, C, H, W).
        encoding: (B, C', h, w) after the unit; before it where there is none.
        prototypes: (B, M, C') as retrieval uses them; None without a unit.
        feature_error: (B, h, w); None without a unit.
    """

    frame: Tensor
    encoding: Tensor
    prototypes: Tensor | None
    feature_error: Tensor | None


def literal_forward(weights: Weights, settings: ModelSettings, inputs: Tensor) -> LiteralOutput:
    """Predict frame T+1 from (B, T·C, H, W), layer by layer as the method's table lists them."""

    def conv(name: str, x: Tensor) -> Tensor:
        return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    def up(name: str, x: Tensor) -> Tensor:
        return F.relu(
            F.conv_transpose2d(
                x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride=2, padding=1, output_padding=1
            )
        )

    skip1 = F.relu(conv("encoder.0.2", F.relu(conv("encoder.0.0", inputs))))
    skip2 = F.relu(conv("encoder.1.2", F.relu(conv("encoder.1.0", F.max_pool2d(skip1, 2)))))
    skip3 = F.relu(conv("encoder.2.2", F.relu(conv("encoder.2.0", F.max_pool2d(skip2, 2)))))
    x = conv("encoder.3.2", F.relu(conv("encoder.3.0", F.max_pool2d(skip3, 2))))

    prototypes = feature_error = None
    level = 8
    for block, skip in (("decoder.0", skip3), ("decoder.1", skip2), ("decoder.2", skip1), ("head", None)):
        if settings.unit == "prototypes" and level == settings.unit_level:
            x, prototypes, feature_error = literal_unit(x, weights["unit.attention.weight"], settings.variant)
        if skip is not None:
            x = up(f"{block}.4", F.relu(conv(f"{block}.2", F.relu(conv(f"{block}.0", x)))))
            x = torch.cat([skip, x], dim=1)
            level //= 2
    encoding = x
    frame = torch.tanh(conv("head.4", F.relu(conv("head.2", F.relu(conv("head.0", x))))))
    return LiteralOutput(frame, encoding, prototypes, feature_error)


def literal_unit(encoding: Tensor, psi: Tensor, variant: str) -> tuple[Tensor, Tensor, Tensor]:
    """The unit: eq. 1, eq. 2 and the distances of eq. 6, over explicit N×M×C tensors.

    Args:
        encoding: (B, C, h, w).
        psi: (M, C), one attention map a row.
        variant: "paper", "official" or "sharp".

    Returns:
        the encoding after the unit (B, C, h, w), prototypes (B, M, C), distances (B, h, w).
    """
    batch, channels, height, width = encoding.shape
    x = encoding.permute(0, 2, 3, 1).reshape(batch, height * width, channels).contiguous()  # (B, N, C)
    if variant != "paper":
        x = x / x.norm(dim=2, keepdim=True).clamp_min(1e-12)
    w = (x.unsqueeze(2) * psi).sum(3)  # (B, N, M) by way of (B, N, M, C)
    w = (
        _ratio(w, 1)
        if variant == "paper"
        else torch.exp(SHARPNESS[variant] * w) / torch.exp(SHARPNESS[variant] * w).sum(1, keepdim=True)
    )
    p = (w.unsqueeze(3) * x.unsqueeze(2)).sum(1)  # eq. 1: (B, M, C) by way of (B, N, M, C)
    if variant != "paper":
        p = p / p.norm(dim=2, keepdim=True).clamp_min(1e-12)
    s = (x.unsqueeze(2) * p.unsqueeze(1)).sum(3)  # (B, N, M) by way of (B, N, M, C)
    beta = (
        _ratio(s, 2)
        if variant == "paper"
        else torch.exp(SHARPNESS[variant] * s) / torch.exp(SHARPNESS[variant] * s).sum(2, keepdim=True)
    )
    retrieved = (beta.unsqueeze(3) * p.unsqueeze(1)).sum(2)  # eq. 2: (B, N, C) by way of (B, N, M, C)
    if variant != "paper":
        retrieved = retrieved / retrieved.norm(dim=2, keepdim=True).clamp_min(1e-12)
    winner = beta.argmax(2)  # (B, N)
    nearest = p[torch.arange(batch)[:, None], winner]  # (B, N, C)
    distance = (x - nearest).square().sum(2)
    if variant == "official":
        distance = distance / channels
    out = (x + retrieved).reshape(batch, height, width, channels).permute(0, 3, 1, 2).contiguous()
    return out, p, distance.reshape(batch, height, width)


def _ratio(w: Tensor, dim: int) -> Tensor:
    total = w.sum(dim, keepdim=True)
    near_zero = total.abs() < SMALLEST_SUM
    return w / torch.where(near_zero, torch.where(total < 0, -SMALLEST_SUM, SMALLEST_SUM), total)


def literal_diversity(prototypes: Tensor, variant: str, margin: float) -> Tensor:
    """L_d (eq. 8), pair by pair: (B, M, C) to (B,). The paper counts m = m' too; the released code each pair once."""
    batch, count, _ = prototypes.shape
    total = prototypes.new_zeros(batch)
    for m in range(count):
        for other in range(count) if variant == "paper" else range(m + 1, count):
            gap = (prototypes[:, m] - prototypes[:, other]).square().sum(1)
            total = total + F.relu(margin - gap)
    return total * 2 / (count * (count - 1)) if count > 1 else total * 0 + (2 * total if variant == "paper" else 0)


def literal_loss(
    weights: Weights,
    settings: ModelSettings,
    inputs: Tensor,
    target: Tensor,
    feature_weight: float,
    diversity_weight: float,
    margin: float,
) -> Tensor:
    """L = L_fra + λ1 (L_c + λ2 L_d), from frames, with every mean written out."""
    out = literal_forward(weights, settings, inputs)
    loss = ((out.frame - target) ** 2).mean()
    if out.prototypes is not None and out.feature_error is not None:
        compactness = out.feature_error.mean()
        loss = loss + feature_weight * (
            compactness + diversity_weight * literal_diversity(out.prototypes, settings.variant, margin).mean()
        )
    return loss


def literal_update(
    weights: Weights,
    names: list[str],
    step_sizes: Weights,
    settings: ModelSettings,
    inputs: Tensor,
    target: Tensor,
    feature_weight: float,
    diversity_weight: float,
    margin: float,
) -> dict[str, Tensor]:
    """One inner update of the weights named, through the whole network, with the graph for a second derivative kept."""
    loss = literal_loss(weights, settings, inputs, target, feature_weight, diversity_weight, margin)
    gradients = torch.autograd.grad(loss, [weights[name] for name in names], create_graph=True)
    return {**weights, **{name: weights[name] - step_sizes[name] * g for name, g in zip(names, gradients, strict=True)}}
