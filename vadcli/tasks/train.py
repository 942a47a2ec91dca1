"""`vad pretrain` and `vad metatrain`: from caches of normal footage to checkpoints."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from vadcli.errors import InputError
from vadcli.files import check_output, named
from vadcli.footage.cache import Cache
from vadcli.footage.episodes import Episodes
from vadcli.footage.windows import Windows, split_normal
from vadcli.learning.caches import (
    data_digest,
    fit_to_cache,
    model_to_go_on_with,
    open_training_caches,
    reading_of_caches,
    require_same_frames,
    training_record,
)
from vadcli.learning.job import Job, job_key, sole_job
from vadcli.learning.metatrain import initial_step_sizes, metatrain
from vadcli.learning.pretrain import pretrain, steps_of
from vadcli.model.checkpoint import Checkpoint, Stage, load_checkpoint, model_file, save_checkpoint
from vadcli.model.network import Network
from vadcli.model.runtime import pick_device, pick_precision
from vadcli.model.tensor_file import check_replaced
from vadcli.processes import present
from vadcli.progress import Progress
from vadcli.scoring.calibration import LEAST_FRAMES
from vadcli.settings import Settings, UnitName


def pretrain_task(
    paths: Sequence[Path],
    out: Path,
    settings: Settings,
    *,
    resume: bool,
    progress: Progress,
    base: Path | None = None,
    tensorboard: bool = False,
) -> Checkpoint:
    """Train a network on the train split of caches and write it to `out`, from the weights of `base` if there is one.

    Raises:
        VadError: for caches, a checkpoint, settings or a resume point that do not fit.
    """
    start = load_checkpoint(model_file(base), "pretrain", "metatrain") if base else None
    with _caches("pretrain", paths, base, out, progress) as caches:
        if start:
            settings = settings.model_copy(update={"model": model_to_go_on_with(settings, start)})
            require_same_frames(settings.model, caches[0], paths[0])
        else:
            settings = fit_to_cache(settings, caches[0], paths[0])
        run, model = settings.pretrain, settings.model
        if run.objective == "frame":
            model = model.model_copy(update={"unit": "none"})
        settings = settings.model_copy(update={"model": model, "source": reading_of_caches(caches)})
        training, held_out = split_normal(caches, run.validation_share, run.seed, model.input_frames + LEAST_FRAMES)
        windows = Windows(training, model.input_frames, run.stride)
        checks = Windows(held_out, model.input_frames) if held_out else None
        data = data_digest(caches)
        begun = {"from": start.sha256} if start else {}
        decisive = [model.model_dump(), run.model_dump(exclude={"device"}), data, steps_of(windows, run)]
        key = job_key("pretrain", *decisive, *begun.values())
        device = pick_device(run.device)
        job = Job(out, key, resume, device, pick_precision(run.precision, device), progress, present(), tensorboard)
        torch.manual_seed(run.seed)
        network = Network(model)
        if start:
            own = network.state_dict().keys()
            network.load_state_dict({k: v for k, v in start.weights.items() if k in own}, strict=False)
        learner = pretrain(network, windows, checks, run, job)
        checkpoint = Checkpoint(
            stage="pretrain",
            settings=settings,
            weights=network.state_dict(),
            parents={**begun, "data": data},
            training=training_record(caches, paths, learner, job, windows=learner.step * run.batch_size),
        )
        _keep(checkpoint, job)
    return checkpoint


def metatrain_task(
    paths: Sequence[Path],
    base: Path,
    out: Path,
    settings: Settings,
    *,
    resume: bool,
    progress: Progress,
    tensorboard: bool = False,
) -> Checkpoint:
    """Meta-train θ and α of the checkpoint `base` on scenes of the train split, and write them to `out`.

    The network is the base's. A base without a unit (objective `frame`) gets a fresh one: prototypes, or the memory
    that the settings name.

    Raises:
        VadError: for caches, a checkpoint, settings or a resume point that do not fit.
    """
    start = load_checkpoint(model_file(base), "pretrain", "metatrain")
    run, model = settings.metatrain, start.model
    if model.unit == "none":
        model = model.model_copy(update={"unit": _fresh_unit(settings.model.unit)})
    with _caches("metatrain", paths, base, out, progress) as caches:
        require_same_frames(model, caches[0], paths[0])
        follow = {"model": model, "pretrain": start.settings.pretrain, "source": reading_of_caches(caches)}
        torch.manual_seed(run.seed)
        network = Network(model)
        network.load_state_dict(dict(start.weights), strict=False)
        step_sizes = initial_step_sizes(network, run)
        step_sizes |= {name: value for name, value in start.step_sizes.items() if name in step_sizes}
        training, _ = split_normal(caches, run.validation_share, run.seed, model.input_frames + LEAST_FRAMES)
        episodes = Episodes(training, model.input_frames, run.shots, run.queries, run.seed)
        data = data_digest(caches)
        key = job_key("metatrain", model.model_dump(), run.model_dump(exclude={"device"}), data, start.sha256)
        device = pick_device(run.device)
        job = Job(out, key, resume, device, pick_precision(run.precision, device), progress, present(), tensorboard)
        learner, step_sizes = metatrain(network, step_sizes, episodes.episode, run, job)
        more = {"episodes": run.episodes, "pretraining": dict(start.training)}
        checkpoint = Checkpoint(
            stage="metatrain",
            settings=settings.model_copy(update=follow),
            weights=network.state_dict(),
            step_sizes=step_sizes,
            parents={"from": start.sha256, "data": data},
            training=training_record(caches, paths, learner, job, **more),
        )
        _keep(checkpoint, job)
    return checkpoint


@contextmanager
def _caches(
    stage: Stage, paths: Sequence[Path], base: Path | None, out: Path, progress: Progress
) -> Iterator[list[Cache]]:
    """Caches to train on, while `out` is kept for this training."""
    with ExitStack() as stack:
        if present().leads:
            check_output("--out", out, named(base, *paths), "checkpoint")
            check_replaced(out, stage, progress.note)
            stack.enter_context(sole_job(out, progress))
        yield open_training_caches(paths, stack)


def _keep(checkpoint: Checkpoint, job: Job) -> None:
    if job.processes.leads:
        save_checkpoint(job.out, checkpoint)
        job.resume_point.unlink(missing_ok=True)


def _fresh_unit(asked: UnitName) -> UnitName:
    if asked == "items":
        raise InputError("--set model.unit=items: pre-training finds the items. Pre-train with it, objective full.")
    return "memory" if asked == "memory" else "prototypes"
