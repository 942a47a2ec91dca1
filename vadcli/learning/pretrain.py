"""Pre-training: the whole network end to end, or the autoencoder alone, on windows of normal footage."""

import math
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor

from vadcli.footage.windows import WindowLoader, Windows, to_network
from vadcli.learning.inner import Objective
from vadcli.learning.job import Job
from vadcli.learning.loop import Course, Learner, train
from vadcli.model.losses import effective_prototypes, losses
from vadcli.model.network import Network
from vadcli.model.runtime import autocast
from vadcli.progress import Progress
from vadcli.settings import PretrainSettings

COLLAPSED = 1.5
VALIDATION_WINDOWS = 256


def objective_of(settings: PretrainSettings) -> Objective:
    """The weights of L that a run asks for."""
    return Objective(settings.feature_weight, settings.diversity_weight, settings.diversity_margin)


def steps_of(windows: Windows, settings: PretrainSettings) -> int:
    """Steps that the epochs come to, or the most that are allowed."""
    steps = math.ceil(settings.epochs * len(windows) / settings.batch_size)
    return min(steps, settings.max_steps) if settings.max_steps else steps


def pretrain(
    network: Network, windows: Windows, checks: Windows | None, settings: PretrainSettings, job: Job
) -> Learner:
    """Train `network` in place, for as many steps as `steps_of` tells.

    Returns:
        the learner, with steps, seconds and last figures.
    """
    total_steps = steps_of(windows, settings)
    network.to(job.device).channels_last().train()
    parameters = dict(network.named_parameters())
    optimizer = torch.optim.Adam(parameters.values(), lr=settings.learning_rate, fused=True)
    learner = Learner(parameters, optimizer, job.key, stored=dict(network.named_buffers()))
    objective = objective_of(settings)
    mirror, share = torch.Generator(), job.processes.share
    stack = ExitStack()
    stream: list[Iterator[Tensor]] = []

    def take_step(step: int) -> dict[str, Tensor]:
        if not stream:  # only now is it known at which step a resumed run goes on
            pinned = job.device.type == "cuda"
            loader = WindowLoader(windows, settings.batch_size, settings.seed, step, pinned, share)
            stream.append(iter(stack.enter_context(loader)))
        batch = next(stream[0])  # (B, T+1, H, W, C) uint8, of this process
        if settings.flip:
            mirror.manual_seed(settings.seed * 1_000_003 + step)
            chosen = torch.rand(settings.batch_size, generator=mirror)[share] < 0.5
            batch = torch.where(chosen[:, None, None, None, None], batch.flip(3), batch)
        inputs, target = to_network(batch, job.device)
        with autocast(job.device, job.precision):
            prediction = network(inputs)
        terms = losses(prediction, target, objective.margin)
        total = terms.total(objective.feature_weight, objective.diversity_weight)
        part = len(batch) / settings.batch_size
        (total * part).backward()
        figures = {"loss": total.detach(), "frame": terms.frame.detach()}
        if prediction.unit is not None:
            figures |= {"compactness": terms.compactness.detach(), "diversity": terms.diversity.detach()}
            if (step + 1) % settings.log_every == 0:
                figures["prototypes"] = effective_prototypes(prediction.unit.prototypes).mean()
        return {name: value * part for name, value in figures.items()}

    def look() -> dict[str, float]:
        return validate(network, checks, settings, job) if checks else {}

    def rate_at(step: int) -> float:
        return 0.5 * (1 + math.cos(math.pi * step / total_steps)) if settings.schedule == "cosine" else 1.0

    course = Course(
        "pre-training",
        "windows",
        total_steps * settings.batch_size,
        settings.batch_size,
        take_step,
        rate_at,
        look,
        look_every=max(1, total_steps // 10 // settings.log_every) * settings.log_every,
    )
    with stack:
        train(learner, course, settings, job)
    warn_of_collapse(learner.last, network, job.progress)
    return learner


def warn_of_collapse(figures: dict[str, float], network: Network, progress: Progress) -> None:
    """Say so if the prototypes ended as one and the same vector."""
    effective = figures.get("prototypes", figures.get("validation_prototypes", math.inf))
    model = network.settings
    if effective < COLLAPSED < model.num_prototypes:
        advice = {
            "prototypes": " Try --set model.variant=sharp, or a larger diversity_weight.",
            "items": " Try a larger diversity_weight.",
        }
        progress.note(
            f"warning: {model.num_prototypes} prototypes ended as {effective:.2f} different ones."
            + advice.get(model.unit, "")
        )


@torch.no_grad()
def validate(network: Network, checks: Windows, settings: PretrainSettings, job: Job) -> dict[str, float]:
    """Mean losses on held-out normal windows, spread evenly over all of them."""
    names = ["validation_frame"]
    names += ["validation_compactness", "validation_prototypes"] if network.unit is not None else []
    chosen = np.linspace(0, len(checks) - 1, min(len(checks), VALIDATION_WINDOWS)).astype(int).tolist()
    batches = [chosen[first : first + settings.batch_size] for first in range(0, len(chosen), settings.batch_size)]
    sums = torch.zeros(len(batches), len(names), dtype=torch.float64)
    network.eval()
    for index in range(len(batches))[job.processes.share]:
        inputs, target = to_network(checks.batch(batches[index]), job.device)
        with autocast(job.device, job.precision):
            prediction = network(inputs)
        terms = losses(prediction, target, settings.diversity_margin)
        figures = [terms.frame]
        if prediction.unit is not None:
            figures += [terms.compactness, effective_prototypes(prediction.unit.prototypes).mean()]
        sums[index] = torch.tensor([float(value) for value in figures], dtype=torch.float64) * len(batches[index])
    network.train()
    totals = np.add.accumulate(job.processes.sum(sums).numpy())[-1]  # in the batches' order, whoever computed them
    return {name: float(total) / len(chosen) for name, total in zip(names, totals, strict=True)}
