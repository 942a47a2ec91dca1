"""Meta-training: weights that fit an unseen scene in one update, and a step size for every one of them."""

from collections.abc import Callable

import torch
from torch import Tensor

from vadcli.footage.episodes import Episode
from vadcli.footage.windows import to_network
from vadcli.learning.inner import Graph, Objective, adapt, predict
from vadcli.learning.job import Job
from vadcli.learning.loop import Course, Learner, train
from vadcli.learning.pretrain import warn_of_collapse
from vadcli.model.losses import effective_prototypes
from vadcli.model.network import AdaptedPart, Frozen, Network
from vadcli.model.runtime import autocast
from vadcli.settings import MetatrainSettings


def inner_objective(settings: MetatrainSettings) -> Objective:
    """The loss that adaptation descends, the same in meta-training and at a new scene."""
    return Objective(settings.feature_weight, settings.diversity_weight, settings.diversity_margin)


def initial_step_sizes(network: Network, settings: MetatrainSettings) -> dict[str, Tensor]:
    """α before meta-training: the same step for every adapted weight."""
    named = dict(network.named_parameters())
    return {
        name: torch.full_like(named[name], settings.initial_step_size).detach()
        for name in network.adapted_names(settings.scope)
    }


def freeze(
    network: Network, windows: Tensor, settings: MetatrainSettings, device: torch.device, precision: torch.dtype
) -> tuple[Frozen, Tensor]:
    """The frozen part's output for windows (B, T+1, H, W, C) uint8, without a graph, and their true next frames.

    Which part is frozen is the settings' scope; `precision` is of its convolutions.
    """
    inputs, target = to_network(windows, device)
    with torch.no_grad(), autocast(device, precision):
        frozen = network.begin(inputs, settings.scope)
    dtype = next(network.parameters()).dtype
    return tuple(part.to(dtype) for part in frozen), target


def metatrain(
    network: Network,
    step_sizes: dict[str, Tensor],
    episodes: Callable[[int], Episode],
    settings: MetatrainSettings,
    job: Job,
) -> tuple[Learner, dict[str, Tensor]]:
    """Meta-train `network`'s adapted weights in place, and their step sizes.

    An outer step descends the mean over episodes of L(θ − α ⊙ ∇L(θ; support); query), for θ and log α: the best steps
    of different weights lie orders of magnitude apart, and a logarithm gets there and stays positive.

    Returns:
        the learner, and the learned step sizes.
    """
    network.to(job.device).channels_last().eval().requires_grad_(False)  # stored items stay as they are
    part = AdaptedPart(network, settings.scope)
    named = dict(network.named_parameters())
    theta = {name: named[name].requires_grad_() for name in step_sizes}
    log_alpha = {name: value.to(job.device).log().requires_grad_() for name, value in step_sizes.items()}
    optimizer = torch.optim.Adam(
        [
            {"params": list(theta.values()), "lr": settings.learning_rate},
            {"params": list(log_alpha.values()), "lr": settings.step_size_rate},
        ],
        fused=True,
    )
    trained = theta | {f"log_alpha.{name}": value for name, value in log_alpha.items()}
    learner = Learner(trained, optimizer, job.key)
    objective = inner_objective(settings)
    graph: Graph = "second" if settings.second_order else "first"

    def take_step(step: int) -> dict[str, Tensor]:
        names = ["inner", "outer", "frame", *(["compactness"] if network.unit is not None else [])]
        if network.unit is not None and (step + 1) % settings.log_every == 0:
            names.append("prototypes")
        figures = {name: torch.zeros((), device=job.device) for name in names}
        first = step * settings.meta_batch
        episodes_here = min(settings.meta_batch, settings.episodes - first)
        for index in range(first, first + episodes_here)[job.processes.share]:
            episode = episodes(index)
            windows = torch.cat([episode.support, episode.query])
            frozen, target = freeze(network, windows, settings, job.device, job.precision)
            count = len(episode.support)
            support = tuple(value[:count] for value in frozen), target[:count]
            query = tuple(value[count:] for value in frozen), target[count:]
            alpha = {name: value.exp() for name, value in log_alpha.items()}
            adapted, history = adapt(part, theta, alpha, support, objective, steps=settings.inner_steps, graph=graph)
            prediction = predict(part, adapted, query[0])
            loss, terms = objective.terms(prediction, query[1])
            (loss / episodes_here).backward()
            shown = {"inner": history[0], "outer": loss.detach(), "frame": terms.frame.detach()}
            if prediction.unit is not None:
                shown["compactness"] = terms.compactness.detach()
                if "prototypes" in figures:
                    shown["prototypes"] = effective_prototypes(prediction.unit.prototypes).mean()
            for name, value in shown.items():
                figures[name] = figures[name] + value / episodes_here
        return figures

    course = Course("meta-training", "episodes", settings.episodes, settings.meta_batch, take_step)
    train(learner, course, settings, job)
    warn_of_collapse(learner.last, network, job.progress)
    return learner, {name: value.detach().exp() for name, value in log_alpha.items()}
