"""Fitting a trained network to one scene: the inner loop as it is used after training."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vadcli.errors import CheckpointError
from vadcli.learning.inner import adapt
from vadcli.learning.metatrain import freeze, initial_step_sizes, inner_objective
from vadcli.model.checkpoint import Checkpoint
from vadcli.model.network import AdaptedPart, Network


@dataclass(frozen=True)
class Adaptation:
    """The result of fitting a scene."""

    weights: dict[str, Tensor]  # adapted weights by parameter name, float32 on the CPU
    losses: list[float]  # inner loss on the support windows before each update


def adapt_to_scene(
    checkpoint: Checkpoint, network: Network, support: Tensor, *, steps: int, device: torch.device
) -> Adaptation:
    """Update the weights of a checkpoint on K windows of a scene, in float32.

    Args:
        checkpoint: pre-trained or meta-trained; says the inner loss, the scope and, if meta-trained, the step sizes.
        network: its network in float32, as `load_network` gives it; moved to `device`, otherwise unchanged.
        support: (K, T+1, H, W, C) uint8.
        steps: inner updates; 0 changes nothing.
        device: where to compute.

    Raises:
        CheckpointError: if the network has no unit, so that nothing was learned to adapt.
    """
    if network.unit is None:
        raise CheckpointError(
            f"{checkpoint.path}: an autoencoder without a unit. "
            f"Run `vad metatrain CACHE.h5 --from {checkpoint.path} --out meta.safetensors` first."
        )
    settings = checkpoint.settings.metatrain
    network = network.to(device)
    alpha = dict(checkpoint.step_sizes) or initial_step_sizes(network, settings)
    named = dict(network.named_parameters())
    theta = {name: named[name].detach() for name in alpha}
    frozen, target = freeze(network, support, settings, device, torch.float32)
    adapted, history = adapt(
        AdaptedPart(network, settings.scope),
        theta,
        {name: value.to(device) for name, value in alpha.items()},
        (frozen, target),
        inner_objective(settings),
        steps=steps,
    )
    return Adaptation({name: value.cpu() for name, value in adapted.items()}, [float(value) for value in history])
