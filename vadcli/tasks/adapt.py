"""`vad adapt`: what is normal at a camera, and a model's own weights for it, from its normal footage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vadcli.errors import InputError
from vadcli.files import check_output, named
from vadcli.footage.cache import open_cache
from vadcli.footage.image_store import ImageStore
from vadcli.footage.source import find_sources, is_live
from vadcli.model.tensor_file import check_replaced
from vadcli.progress import Progress
from vadcli.scoring.observing import NetworkInput, ObservedClip
from vadcli.settings import Settings, SourceSettings
from vadcli.tasks.adapter import Fitted, save_adapter
from vadcli.tasks.normal_footage import FootageStore, Opened
from vadcli.tasks.reading import open_observed, reading_with
from vadcli.tasks.ready import load_base, network_input, reading_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from vadcli.learning.tuning import Tuned
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
    with ExitStack() as stack:
        network = network_input(checkpoint.model) if checkpoint else None
        source = reading_of(checkpoint.settings, settings.source) if checkpoint else settings.source
        openers = normal_footage(sources, network, settings, source, scene, progress, stack)
        fitted = fit(openers, checkpoint, settings, progress)
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
        adapted = _adapt_network(footage, checkpoint, settings, progress)
        footage.measure(adapted.measurer, checkpoint.model.input_frames, settings.score.batch_size, progress)
        return Fitted(
            footage.normal.calibrate(settings.score.fusion),
            adapted.weights,
            adapted.losses,
            settings.adapt.shots + checkpoint.model.input_frames,
            adapted.tuned,
            footage.name,
        )


@dataclass(frozen=True)
class _Adapted:
    measurer: Any
    weights: "Mapping[str, Tensor]"
    losses: Sequence[float]
    tuned: "Tuned | None"


def _adapt_network(footage: FootageStore, checkpoint: "Checkpoint", settings: Settings, progress: Progress) -> _Adapted:
    """The paper's update on the first K windows, then training on all footage where that was asked for."""
    from copy import deepcopy

    import torch
    from torch import Tensor

    from vadcli.learning.scene import adapt_to_scene
    from vadcli.model.checkpoint import as_changes, load_network
    from vadcli.model.runtime import for_inference, pick_device, pick_precision
    from vadcli.scoring.measuring import Measurer

    how, store, span = settings.adapt, footage.store, checkpoint.model.input_frames + 1
    device = pick_device(how.device)
    windows = store.windows(span)
    if len(windows) < how.shots:
        needed = how.shots + span - 1
        raise InputError(
            f"{footage.name}: {len(store)} frames; {how.shots} shots need {needed}. "
            "Use a longer clip, or fewer --shots."
        )
    network = deepcopy(load_network(checkpoint))  # which shares the checkpoint's own tensors
    weights, losses = dict[str, Tensor](), list[float]()
    if how.shots:
        support = torch.from_numpy(np.stack([store.images(first, first + span) for first in windows[: how.shots]]))
        fitted = adapt_to_scene(checkpoint, network, support, steps=how.updates, device=device)
        weights, losses = fitted.weights, fitted.losses
        network.load_state_dict(weights, strict=False)
    tuned = _tune(network, checkpoint, store, windows, settings, device, progress) if how.steps else None
    if tuned and tuned.steps:
        weights = as_changes(checkpoint.weights, tuned.weights)
    exact = {name for name, value in weights.items() if value.dtype == torch.float32}
    network = load_network(checkpoint, weights=weights)
    ready = for_inference(network, device, pick_precision(how.precision, device), exact=exact)
    return _Adapted(Measurer(ready, device), weights, losses, tuned)


def _tune(
    network: Any,
    checkpoint: "Checkpoint",
    store: ImageStore,
    windows: Sequence[int],
    settings: Settings,
    device: "torch.device",
    progress: Progress,
) -> "Tuned":
    import torch

    from vadcli.learning.tuning import LEAST_WINDOWS, tune
    from vadcli.model.runtime import pick_precision

    how, span = settings.adapt, checkpoint.model.input_frames + 1
    if len(windows) < LEAST_WINDOWS:
        raise InputError(
            f"--steps {how.steps}: {len(windows)} windows of normal footage; training needs {LEAST_WINDOWS}. "
            "Use longer footage, or leave --steps away."
        )

    def read(numbers: Sequence[int]) -> "Tensor":
        return torch.from_numpy(np.stack([store.images(first, first + span) for first in numbers]))

    progress.start("training", how.steps, "steps")
    precision = pick_precision(how.precision, device)
    trainable = network.to(device).requires_grad_(True)
    return tune(trainable, windows, read, how, checkpoint.settings.pretrain, device, precision, progress)


def normal_footage(
    sources: Sequence[str],
    network: NetworkInput | None,
    settings: Settings,
    reads: SourceSettings,
    scene: str | None,
    progress: Progress,
    stack: ExitStack,
) -> Iterator[Opened]:
    """Openers of a camera's normal footage, each opened in turn, when it is asked for.

    Raises:
        VadError: for sources that are not there, or do not fit together.
    """
    caches = [source for source in sources if Path(source).suffix.lower() in {".h5", ".hdf5"}]
    if caches and len(sources) > 1:
        raise InputError(f"{caches[0]}: a cache is adapted to by itself. Give it alone, or videos and folders.")
    if caches:
        if settings.source != SourceSettings():
            raise InputError(
                f"{caches[0]}: a cache's frames are as `vad prepare` took them. Give --fps and zones to it."
            )
        yield from _clips_of(Path(caches[0]), network, scene, stack)
        return
    if scene is not None:
        raise InputError(f"--scene {scene}: only a cache has scenes; {sources[0]} is not one.")
    reading = reading_with(reads, settings.span, progress=progress)
    for source in find_sources(sources, progress.note):
        yield open_observed(source, reading, network)


def _clips_of(path: Path, network: NetworkInput | None, scene: str | None, stack: ExitStack) -> Iterator[Opened]:
    """Normal clips of one scene of a cache."""
    cache = stack.enter_context(open_cache(path))
    require_network_frames(cache.path, cache.size, cache.channels, network)
    scenes = sorted({clip.scene for clip in cache.clips if clip.split == "train"})
    if scene is None and len(scenes) != 1:
        raise InputError(
            f"{path}: {len(scenes)} scenes with normal footage. Choose one with --scene: {', '.join(scenes)}."
        )
    clips = [clip for clip in cache.clips if clip.split == "train" and clip.scene == (scene or scenes[0])]
    if not clips:
        raise InputError(f"{path}: no normal footage of scene {scene}. It has: {', '.join(scenes)}.")
    for clip in clips:
        yield ObservedClip(cache, clip, network=network is not None)


def require_network_frames(path: Path, size: tuple[int, int], channels: int, network: NetworkInput | None) -> None:
    """Refuse a cache whose frames are not those that a network reads.

    Raises:
        InputError: with the options to prepare it with.
    """
    if network is not None and (size, channels) != (network.size, network.channels):
        ours, theirs = f"{size[0]}x{size[1]}, {channels}", f"{network.size[0]}x{network.size[1]}"
        raise InputError(
            f"{path}: frames of {ours} channels; the model reads {theirs}, {network.channels}. "
            f"Prepare with --size {theirs} --channels {network.channels}."
        )
