"""The oracle: the method's equations word for word, slow and wasteful on purpose, sharing no code with the network.

Nothing is reused or rearranged: tensors of N×M×C are built where the equations name every x_n, p_m pair, and a
window is computed from its frames at every use. Tests compare the network with it.
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
    """The results of the equations."""

    frame: Tensor  # (B, C, H, W)
    encoding: Tensor  # (B, C', h, w) after the unit; before it where there is none
    prototypes: Tensor | None  # (B, M, C') as retrieval uses them; None without a unit
    feature_error: Tensor | None  # (B, h, w); None without a unit
    addresses: Tensor | None = None  # (B, N, M), of unit `memory` alone: the weights of its items at each position
    queries: Tensor | None = None  # (B, N, C'), of unit `items` alone: the encoding's unit vectors


def literal_forward(weights: Weights, settings: ModelSettings, inputs: Tensor) -> LiteralOutput:
    """Predict frame T+1 from (B, T·C, H, W), layer by layer as the method's table lists them."""
    edge = settings.padding == "edge"

    def conv(name: str, x: Tensor) -> Tensor:
        x = literal_edge(x) if edge else x
        return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=0 if edge else 1)

    def up(name: str, x: Tensor) -> Tensor:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if edge:  # without what only the copies made
            return F.relu(F.conv_transpose2d(literal_edge(x), weight, bias, stride=2)[:, :, 3:-2, 3:-2])
        return F.relu(F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1))

    skip1 = F.relu(conv("encoder.0.2", F.relu(conv("encoder.0.0", inputs))))
    skip2 = F.relu(conv("encoder.1.2", F.relu(conv("encoder.1.0", F.max_pool2d(skip1, 2)))))
    skip3 = F.relu(conv("encoder.2.2", F.relu(conv("encoder.2.0", F.max_pool2d(skip2, 2)))))
    x = conv("encoder.3.2", F.relu(conv("encoder.3.0", F.max_pool2d(skip3, 2))))

    prototypes = feature_error = addresses = queries = None
    level = 8
    for block, skip in (("decoder.0", skip3), ("decoder.1", skip2), ("decoder.2", skip1), ("head", None)):
        if settings.unit == "prototypes" and level == settings.unit_level:
            x, prototypes, feature_error = literal_unit(x, weights["unit.attention.weight"], settings.variant)
        if settings.unit == "memory" and level == settings.unit_level:
            x, prototypes, feature_error, addresses = literal_memory(x, weights["unit.items"])
        if settings.unit == "items" and level == settings.unit_level:
            x, prototypes, feature_error, queries = literal_items(x, weights["unit.items"])
        if skip is not None:
            x = up(f"{block}.4", F.relu(conv(f"{block}.2", F.relu(conv(f"{block}.0", x)))))
            x = torch.cat([skip, x], dim=1)
            level //= 2
    encoding = x
    frame = torch.tanh(conv("head.4", F.relu(conv("head.2", F.relu(conv("head.0", x))))))
    return LiteralOutput(frame, encoding, prototypes, feature_error, addresses, queries)


def literal_edge(x: Tensor) -> Tensor:
    """A copy of the edge on every side: (B, C, H, W) to (B, C, H + 2, W + 2)."""
    x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], 2)
    return torch.cat([x[..., :1], x, x[..., -1:]], 3)


def literal_unit(encoding: Tensor, psi: Tensor, variant: str) -> tuple[Tensor, Tensor, Tensor]:
    """The unit, eq. 1, 2, 6: (B, C, h, w) and ψ (M, C) to the encoding, prototypes (B, M, C), distances (B, h, w)."""
    batch, channels, height, width = encoding.shape
    x = encoding.permute(0, 2, 3, 1).reshape(batch, height * width, channels).contiguous()  # (B, N, C)
    if variant != "paper":
        x = x / x.norm(dim=2, keepdim=True).clamp_min(1e-12)
    w = (x.unsqueeze(2) * psi).sum(3)  # (B, N, M) by way of (B, N, M, C)
    w = _ratio(w, 1) if variant == "paper" else _softmax(SHARPNESS[variant] * w, 1)
    p = (w.unsqueeze(3) * x.unsqueeze(2)).sum(1)  # eq. 1: (B, M, C) by way of (B, N, M, C)
    if variant != "paper":
        p = p / p.norm(dim=2, keepdim=True).clamp_min(1e-12)
    s = (x.unsqueeze(2) * p.unsqueeze(1)).sum(3)  # (B, N, M) by way of (B, N, M, C)
    beta = _ratio(s, 2) if variant == "paper" else _softmax(SHARPNESS[variant] * s, 2)
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


def _softmax(w: Tensor, dim: int) -> Tensor:
    return torch.exp(w) / torch.exp(w).sum(dim, keepdim=True)


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


def literal_memory(encoding: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """MemAE's memory (Gong et al., ICCV 2019), eq. 3 to 5 and 7: as `literal_unit`, and the addresses ŵ (B, N, M)."""
    batch, channels, height, width = encoding.shape
    z = encoding.permute(0, 2, 3, 1).reshape(batch, height * width, channels)  # (B, N, C)
    lengths = z.norm(dim=2, keepdim=True) * items.norm(dim=1)  # (B, N, M)
    d = (z.unsqueeze(2) * items).sum(3) / lengths  # eq. 5: (B, N, M) by way of (B, N, M, C)
    w = _softmax(d, 2)  # eq. 4
    threshold = 1 / len(items) if len(items) > 1 else 0
    w = (w - threshold).clamp_min(0) * w / ((w - threshold).abs() + 1e-18)  # eq. 7
    w = w / w.abs().sum(2, keepdim=True)
    out = (w.unsqueeze(3) * items).sum(2)  # eq. 3: (B, N, C) by way of (B, N, M, C)
    nearest = (items / items.norm(dim=1, keepdim=True))[d.argmax(2)]  # (B, N, C)
    distance = (z / z.norm(dim=2, keepdim=True) - nearest).square().sum(2)
    out = out.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
    return out, items.expand(batch, -1, -1), distance.reshape(batch, height, width), w


def literal_entropy(addresses: Tensor) -> Tensor:
    """Entropy of addresses (MemAE, eq. 9), 0 log 0 being 0, and its mean over positions: (B, N, M) to a scalar."""
    used = addresses > 0
    logarithms = torch.where(used, addresses, 1.0).log()
    return (-addresses * logarithms).sum(2).mean()


def literal_items(encoding: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Reading LMN's memory (Park et al., CVPR 2020), eq. 1 and 2: as `literal_unit`, and the queries (B, N, C)."""
    batch, channels, height, width = encoding.shape
    q = encoding.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
    q = q / q.norm(dim=2, keepdim=True)  # (B, N, C)
    s = (q.unsqueeze(2) * items).sum(3)  # (B, N, M) by way of (B, N, M, C)
    w = _softmax(s, 2)  # eq. 1
    read = (w.unsqueeze(3) * items).sum(2)  # eq. 2: (B, N, C) by way of (B, N, M, C)
    distance = (q - items[w.argmax(2)]).square().sum(2)
    out = (q + read).reshape(batch, height, width, channels).permute(0, 3, 1, 2)
    return out, items.expand(batch, -1, -1), distance.reshape(batch, height, width), q


def literal_items_update(queries: Tensor, items: Tensor) -> Tensor:
    """LMN's items after one batch (equations 3 to 5), item by item and query by query: (B, N, C), (M, C) to (M, C)."""
    q = queries.reshape(-1, queries.shape[2])  # (B·N, C)
    s = torch.exp(q @ items.T)  # (B·N, M)
    w = s / s.sum(1, keepdim=True)  # eq. 1
    v = s / s.sum(0, keepdim=True)  # eq. 4
    updated = []
    for m, item in enumerate(items):
        own = [k for k in range(len(q)) if int(w[k].argmax()) == m]  # U_m
        total = item
        for k in own:
            total = total + v[k, m] / max(v[other, m] for other in own) * q[k]  # eq. 5 and 3
        updated.append(total / total.norm())
    return torch.stack(updated)


def literal_separateness(queries: Tensor, items: Tensor, margin: float) -> Tensor:
    """LMN's separateness, averaged over queries: (B, N, C) and (M, C) to a scalar; zero where there is one item."""
    if len(items) == 1:
        return queries.sum() * 0
    s = (queries.unsqueeze(2) * items).sum(3)  # (B, N, M)
    nearest, second = s.argsort(2, descending=True)[..., :2].unbind(2)
    gap = (queries - items[nearest]).square().sum(2) - (queries - items[second]).square().sum(2)
    return F.relu(gap + margin).mean()


def literal_loss(
    weights: Weights, settings: ModelSettings, inputs: Tensor, target: Tensor, constants: tuple[float, float, float]
) -> Tensor:
    """L = L_fra + λ1 (L_c + λ2 L_d), from frames, with every mean written out; `constants` are λ1, λ2 and γ."""
    feature_weight, diversity_weight, margin = constants
    out = literal_forward(weights, settings, inputs)
    loss = ((out.frame - target) ** 2).mean()
    if out.prototypes is not None and out.feature_error is not None:
        if out.addresses is not None:
            feature = literal_entropy(out.addresses)
        elif out.queries is not None:
            separateness = literal_separateness(out.queries, out.prototypes[0], margin)
            feature = out.feature_error.mean() + diversity_weight * separateness
        else:
            diversity = literal_diversity(out.prototypes, settings.variant, margin).mean()
            feature = out.feature_error.mean() + diversity_weight * diversity
        loss = loss + feature_weight * feature
    return loss


def literal_update(
    weights: Weights,
    names: list[str],
    step_sizes: Weights,
    settings: ModelSettings,
    inputs: Tensor,
    target: Tensor,
    constants: tuple[float, float, float],
) -> dict[str, Tensor]:
    """One inner update of the weights named, through the whole network, with the graph for a second derivative kept."""
    loss = literal_loss(weights, settings, inputs, target, constants)
    gradients = torch.autograd.grad(loss, [weights[name] for name in names], create_graph=True)
    return {**weights, **{name: weights[name] - step_sizes[name] * g for name, g in zip(names, gradients, strict=True)}}
