"""Tuning all weights to one scene's normal footage, for as many steps as held-out footage of it gains by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vadcli.footage.windows import to_network
from vadcli.learning.pretrain import objective_of
from vadcli.model.losses import losses
from vadcli.model.network import Network
from vadcli.model.runtime import autocast
from vadcli.progress import Progress
from vadcli.settings import AdaptSettings, PretrainSettings

CHECK_EVERY = 25  # steps
LEAST_WINDOWS = 40  # of normal footage; fewer would be learned by heart
_HELD_OUT = 0.2  # the last of the footage
_GAIN = 0.005  # of the held-out error, from one check to a later one, that is worth going on for
_PATIENCE = 3  # checks without it
_MOST_CHECKED = 96  # windows
_CLIP = 1.0  # largest norm of the gradient

WindowReader = Callable[[Sequence[int]], Tensor]


@dataclass(frozen=True)
class Tuned:
    """The result of tuning."""

    weights: dict[str, Tensor]  # all of them by name, float32 on the CPU, where held-out footage was predicted best
    steps: int  # up to those weights; 0 if none paid
    errors: tuple[float, float]  # held-out error (mean squared) before and after


def tune(
    network: Network,
    windows: Sequence[int],
    read: WindowReader,
    how: AdaptSettings,
    loss: PretrainSettings,
    device: torch.device,
    precision: torch.dtype,
    progress: Progress,
) -> Tuned:
    """Train all weights on windows of normal footage, the last fifth of which decides when to stop.

    Args:
        network: in float32, on the device; changed.
        windows: their numbers in the order of time.
        read: windows by their numbers, (B, T+1, H, W, C) uint8.
        how: step size, windows a step, the bound in steps, seed.
        loss: whose λ1, λ2 and γ it was trained with.
        device: of the network.
        precision: of the convolutions.
        progress: counts steps.
    """
    cut = max(1, round(len(windows) * (1 - _HELD_OUT)))
    learned, held = windows[:cut], windows[cut:]
    chosen = np.linspace(0, len(held) - 1, min(len(held), _MOST_CHECKED)).astype(int)
    checks = [held[i] for i in chosen]
    objective, random = objective_of(loss), np.random.default_rng(how.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=how.tuning_rate, fused=True)
    before = best = _error(network, checks, read, device, precision, how.batch_size)
    best_weights, best_step, since, step = _copy(network), 0, 0, 0
    while step < how.steps and since < _PATIENCE:
        network.train()
        inputs, target = to_network(_drawn(random, learned, read, how.batch_size), device)
        with autocast(device, precision):
            prediction = network(inputs.contiguous(memory_format=torch.channels_last))
        total, _ = objective.terms(prediction, target)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimizer.step()
        step += 1
        progress.advance()
        if step % CHECK_EVERY and step < how.steps:
            continue
        error = _error(network, checks, read, device, precision, how.batch_size)
        since = 0 if error < best * (1 - _GAIN) else since + 1
        if error < best:
            best, best_weights, best_step = error, _copy(network), step
    network.load_state_dict(best_weights)
    return Tuned({name: value.cpu() for name, value in best_weights.items()}, best_step, (before, best))


def _drawn(random: np.random.Generator, windows: Sequence[int], read: WindowReader, count: int) -> Tensor:
    """Windows at random, half of them mirrored."""
    picked: NDArray[np.int64] = random.integers(len(windows), size=count)
    batch = read([windows[i] for i in picked])
    mirrored = torch.from_numpy(random.random(count) < 0.5)
    return torch.where(mirrored[:, None, None, None, None], batch.flip(3), batch)


@torch.inference_mode()
def _error(
    network: Network,
    windows: Sequence[int],
    read: WindowReader,
    device: torch.device,
    precision: torch.dtype,
    size: int,
) -> float:
    """Mean squared error of prediction over windows."""
    network.eval()
    total = 0.0
    for first in range(0, len(windows), size):
        batch = windows[first : first + size]
        inputs, target = to_network(read(batch), device)
        with autocast(device, precision):
            prediction = network(inputs.contiguous(memory_format=torch.channels_last))
        total += float(losses(prediction, target, 1.0).frame) * len(batch)
    return total / len(windows)


def _copy(network: Network) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
