"""`vad metatrain`: from a pre-trained checkpoint to one that adapts to an unseen scene in one update."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from vadcli.errors import InputError
from vadcli.files import check_output, named
from vadcli.footage.episodes import Episodes
from vadcli.footage.windows import split_normal
from vadcli.learning.caches import (
    data_digest,
    open_training_caches,
    reading_of_caches,
    require_same_frames,
    training_record,
)
from vadcli.learning.job import Job, job_key, sole_job
from vadcli.learning.metatrain import initial_step_sizes, metatrain
from vadcli.model.checkpoint import Checkpoint, load_checkpoint, model_file, save_checkpoint
from vadcli.model.network import Network
from vadcli.model.runtime import pick_device, pick_precision
from vadcli.model.tensor_file import check_replaced
from vadcli.processes import present
from vadcli.progress import Progress
from vadcli.scoring.calibration import LEAST_FRAMES
from vadcli.settings import Settings, UnitName


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
    processes = present()
    start = load_checkpoint(model_file(base), "pretrain", "metatrain")
    run = settings.metatrain
    model = start.model
    if model.unit == "none":
        model = model.model_copy(update={"unit": _fresh_unit(settings.model.unit)})
    settings = settings.model_copy(update={"model": model, "pretrain": start.settings.pretrain})
    with ExitStack() as stack:
        if processes.leads:
            check_output("--out", out, named(base, *paths), "checkpoint")
            check_replaced(out, "metatrain", progress.note)
            stack.enter_context(sole_job(out, progress))
        caches = open_training_caches(paths, stack)
        require_same_frames(model, caches[0], paths[0])
        settings = settings.model_copy(update={"source": reading_of_caches(caches)})
        device = pick_device(run.device)
        torch.manual_seed(run.seed)
        network = Network(model)
        network.load_state_dict(dict(start.weights), strict=False)
        step_sizes = initial_step_sizes(network, run)
        step_sizes |= {name: value for name, value in start.step_sizes.items() if name in step_sizes}
        data = data_digest(caches)
        precision = pick_precision(run.precision, device)
        training, _ = split_normal(caches, run.validation_share, run.seed, model.input_frames + LEAST_FRAMES)
        episodes = Episodes(training, model.input_frames, run.shots, run.queries, run.seed)
        key = job_key("metatrain", model.model_dump(), run.model_dump(exclude={"device"}), data, start.sha256)
        job = Job(out, key, resume, device, precision, progress, processes, tensorboard)
        learner, step_sizes = metatrain(network, step_sizes, episodes.episode, run, job)
        checkpoint = Checkpoint(
            stage="metatrain",
            settings=settings,
            weights=network.state_dict(),
            step_sizes=step_sizes,
            parents={"from": start.sha256, "data": data},
            training=training_record(
                caches, paths, learner, job, episodes=run.episodes, pretraining=dict(start.training)
            ),
        )
        if processes.leads:
            save_checkpoint(out, checkpoint)
            job.resume_point.unlink(missing_ok=True)
    return checkpoint


def _fresh_unit(asked: UnitName) -> UnitName:
    if asked == "items":
        raise InputError("--set model.unit=items: pre-training finds the items. Pre-train with it, objective full.")
    return "memory" if asked == "memory" else "prototypes"
