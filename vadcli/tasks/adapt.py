"""`vad adapt`: what is normal at a camera, and a model's own weights for it, from its normal footage."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vadcli.errors import InputError
from vadcli.files import check_output, named
from vadcli.footage.image_store import ImageStore
from vadcli.footage.source import is_live
from vadcli.model.tensor_file import check_replaced
from vadcli.progress import Progress
from vadcli.scoring.calibration import NormalFootage
from vadcli.settings import Settings
from vadcli.tasks.adapter import Fitted, save_adapter
from vadcli.tasks.normal_footage import FootageStore, Opened, normal_footage
from vadcli.tasks.scoring_model import load_base, measurer_of, network_input, reading_of

if TYPE_CHECKING:
    from vadcli.model.checkpoint import Checkpoint


def adapt_task(
    sources: Sequence[str], base: Path | None, out: Path, settings: Settings, *, scene: str | None, progress: Progress
) -> Fitted:
    """Learn what is normal at a camera, adapt a model to it, and write the adapter to `out`.

    Raises:
        VadError: for footage that is too short, or a model that cannot adapt.
    """
    check_output("--out", out, named(base, *(Path(source) for source in sources if not is_live(source))), "checkpoint")
    check_replaced(out, "adapt", progress.note)
    checkpoint = load_base(base)
    network = network_input(checkpoint.model) if checkpoint else None
    source = reading_of(checkpoint.settings, settings.source) if checkpoint else settings.source
    fitted = fit(normal_footage(sources, network, settings, source, scene, progress), checkpoint, settings, progress)
    save_adapter(out, fitted, checkpoint, settings.model_copy(update={"source": source}))
    return fitted


def with_shots(settings: Settings, shots: int) -> Settings:
    """Settings of an adaptation on K windows, on the device and in the precision that scores."""
    machine = {"device": settings.score.device, "precision": settings.score.precision}
    return settings.model_copy(update={"adapt": settings.adapt.model_copy(update={"shots": shots, **machine})})


def fit(openers: Iterable[Opened], checkpoint: "Checkpoint | None", settings: Settings, progress: Progress) -> Fitted:
    """Learn from a camera's normal footage.

    The first K windows are the support of the paper's update. All footage, up to `adapt.normal_seconds`, teaches what
    is normal and, where steps are asked for, trains all weights.

    Raises:
        VadError: for footage that is too short, or a model that cannot adapt.
    """
    with ImageStore() as store:
        footage = FootageStore(store)
        footage.read(openers, settings.adapt.normal_seconds, progress)
        if footage.normal is None:
            raise InputError(f"{footage.name or 'adapt'}: no frame that could be measured. Use longer normal footage.")
        if checkpoint is None:
            return Fitted(footage.normal.calibrate(settings.score.fusion), name=footage.name)
        return _fit_network(footage, footage.normal, checkpoint, settings, progress)


def _fit_network(
    footage: FootageStore, normal: NormalFootage, checkpoint: "Checkpoint", settings: Settings, progress: Progress
) -> Fitted:
    """The paper's update on the first K windows, then training on all footage where that was asked for."""
    from copy import deepcopy

    import torch
    from torch import Tensor

    from vadcli.learning.scene import adapt_to_scene
    from vadcli.learning.tuning import LEAST_WINDOWS, tune
    from vadcli.model.checkpoint import as_changes, load_network
    from vadcli.model.runtime import pick_device, pick_precision

    how, store, span = settings.adapt, footage.store, checkpoint.model.input_frames + 1
    device, windows = pick_device(how.device), store.windows(span)
    if len(windows) < how.shots:
        raise InputError(
            f"{footage.name}: {len(store)} frames; {how.shots} shots need {how.shots + span - 1}. "
            "Use a longer clip, or fewer --shots."
        )
    if how.steps and len(windows) < LEAST_WINDOWS:
        raise InputError(
            f"--steps {how.steps}: {len(windows)} windows of normal footage; training needs {LEAST_WINDOWS}. "
            "Use longer footage, or leave --steps away."
        )

    def read(numbers: Sequence[int]) -> Tensor:
        return torch.from_numpy(np.stack([store.images(first, first + span) for first in numbers]))

    network = deepcopy(load_network(checkpoint))  # which shares the checkpoint's own tensors
    weights, losses, tuned = dict[str, Tensor](), list[float](), None
    if how.shots:
        fitted = adapt_to_scene(checkpoint, network, read(windows[: how.shots]), steps=how.updates, device=device)
        weights, losses = fitted.weights, fitted.losses
        network.load_state_dict(weights, strict=False)
    if how.steps:
        progress.start("training", how.steps, "steps")
        trainable, precision = network.to(device).requires_grad_(True), pick_precision(how.precision, device)
        tuned = tune(trainable, windows, read, how, checkpoint.settings.pretrain, device, precision, progress)
        weights = as_changes(checkpoint.weights, tuned.weights) if tuned.steps else weights
    measurer = measurer_of(checkpoint, weights, how.device, how.precision)
    footage.measure(measurer, span - 1, settings.score.batch_size, progress)
    calibration = normal.calibrate(settings.score.fusion)
    return Fitted(calibration, weights, losses, how.shots + span - 1, tuned, footage.name)
