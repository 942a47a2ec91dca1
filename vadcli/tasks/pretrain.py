"""`vad pretrain`: from caches of normal footage to a checkpoint of stage "pretrain"."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from vadcli.files import check_output, named
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
from vadcli.learning.pretrain import pretrain, steps_of
from vadcli.model.checkpoint import Checkpoint, load_checkpoint, model_file, save_checkpoint
from vadcli.model.network import Network
from vadcli.model.runtime import pick_device, pick_precision
from vadcli.model.tensor_file import check_replaced
from vadcli.processes import present
from vadcli.progress import Progress
from vadcli.scoring.calibration import LEAST_FRAMES
from vadcli.settings import Settings


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
    processes = present()
    start = load_checkpoint(model_file(base), "pretrain", "metatrain") if base else None
    with ExitStack() as stack:
        if processes.leads:
            check_output("--out", out, named(base, *paths), "checkpoint")
            check_replaced(out, "pretrain", progress.note)
            stack.enter_context(sole_job(out, progress))
        caches = open_training_caches(paths, stack)
        if start:
            settings = settings.model_copy(update={"model": model_to_go_on_with(settings, start)})
            require_same_frames(settings.model, caches[0], paths[0])
        else:
            settings = fit_to_cache(settings, caches[0], paths[0])
        settings = settings.model_copy(update={"source": reading_of_caches(caches)})
        run, model = settings.pretrain, settings.model
        if run.objective == "frame":
            model = model.model_copy(update={"unit": "none"})
            settings = settings.model_copy(update={"model": model})
        device = pick_device(run.device)
        precision = pick_precision(run.precision, device)
        training, held_out = split_normal(caches, run.validation_share, run.seed, model.input_frames + LEAST_FRAMES)
        windows = Windows(training, model.input_frames, run.stride)
        checks = Windows(held_out, model.input_frames) if held_out else None
        data = data_digest(caches)
        begun = {"from": start.sha256} if start else {}
        decisive = [model.model_dump(), run.model_dump(exclude={"device"}), data, steps_of(windows, run)]
        key = job_key("pretrain", *decisive, *begun.values())
        job = Job(out, key, resume, device, precision, progress, processes, tensorboard)
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
        if processes.leads:
            save_checkpoint(out, checkpoint)
            job.resume_point.unlink(missing_ok=True)
    return checkpoint
