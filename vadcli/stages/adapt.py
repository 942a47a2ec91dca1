"""`vad adapt`: a scene's own weights and calibration, from K of its windows and the normal footage after them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vadcli.errors import InputError
from vadcli.files import check_output, named
from vadcli.footage.cache import open_cache
from vadcli.footage.clips import Clipped, clip_footage
from vadcli.footage.frame_store import FrameStore
from vadcli.footage.frames import Frame
from vadcli.footage.source import find_sources, is_live
from vadcli.footage.stream import shown
from vadcli.footage.windows import windows_of
from vadcli.learning.scene import adapt_to_scene
from vadcli.learning.tuning import LEAST_WINDOWS, Tuned, tune
from vadcli.model.checkpoint import (
    PACKAGED_MODEL,
    Checkpoint,
    as_changes,
    load_checkpoint,
    load_network,
    save_checkpoint,
    versions,
)
from vadcli.model.network import Network
from vadcli.model.runtime import for_inference, pick_device, pick_precision
from vadcli.progress import Progress
from vadcli.scoring.calibration import LEAST_FRAMES, Calibration, fit_calibration
from vadcli.scoring.usual import NormalErrors
from vadcli.settings import Settings
from vadcli.stages.calibrating import measure
from vadcli.stages.reading import open_for


@dataclass(frozen=True)
class Fitted:
    """What `vad adapt` tells of its result.

    Attributes:
        adapter: as it was written.
        losses: inner loss before each update.
        support_frames: frames that the support windows span.
        tuned: what came of fitting all weights; None where there was too little footage, or no time.
        calibration: from the normal footage.
    """

    adapter: Checkpoint
    losses: list[float]
    support_frames: int
    tuned: Tuned | None
    calibration: Calibration


def adapt_stage(
    sources: Sequence[str], base: Path | None, out: Path, settings: Settings, *, scene: str | None, progress: Progress
) -> Fitted:
    """Adapt a model to a scene and write the adapter to `out`.

    The first K windows are the support of the paper's update. All footage, up to `adapt.normal_seconds`, is taken as
    normal: all weights are fitted to it as long as that pays, and what follows the support calibrates the scores.

    Args:
        sources: videos, folders, streams and `-` for stdin, all of one camera; or one cache.
        base: checkpoint to adapt; the model in the package if None.
        out: adapter to write.
        settings: of sections `source`, `span`, `adapt` and `score`.
        scene: which scene of a cache.
        progress: told of every frame.

    Raises:
        VadError: for footage that is too short, or a model that cannot adapt.
    """
    check_output("--out", out, named(base, *(Path(one) for one in sources if not is_live(one))), "checkpoint")
    checkpoint = load_checkpoint(base or PACKAGED_MODEL, "pretrain", "metatrain")
    model, how = checkpoint.model, settings.adapt
    device, precision = pick_device(how.device), pick_precision(how.precision, pick_device(how.device))
    with ExitStack() as stack:
        store = stack.enter_context(FrameStore())
        name = _read(sources, checkpoint, settings, scene, store, progress, stack)
        needed = how.shots + model.input_frames
        if not store.clips or len(store.clips[0].indices) < needed:
            got = len(store.clips[0].indices) if store.clips else 0
            raise InputError(
                f"{name}: {got} frames; {how.shots} shots need {needed}. Use a longer clip, or fewer --shots."
            )
        network = deepcopy(load_network(checkpoint))  # which shares the checkpoint's own tensors
        support = windows_of(list(store.images(0, needed)), model.input_frames)
        fitted = adapt_to_scene(checkpoint, network, support, steps=how.steps, device=device)
        network.load_state_dict(fitted.weights, strict=False)
        tuned = _tune(network, checkpoint, store, settings, device, precision, progress)
        weights = as_changes(checkpoint.weights, tuned.weights) if tuned and tuned.steps else fitted.weights
        normal = NormalErrors()
        ready = _ready(checkpoint, weights, device, precision)
        first = needed - model.input_frames
        if sum(max(0, len(clip.indices) - model.input_frames) for clip in store.clips) - how.shots < LEAST_FRAMES:
            progress.note(f"{name}: too short to calibrate on what follows the support; calibrating on the support too")
            first = 0
        progress.start("calibrating", len(store) - first)
        for clip, measured in measure(ready, store.footage(first), settings, device, progress):
            normal.add(clip, measured)
        errors = normal.finish()
        calibration = fit_calibration(errors, store.clips[0].info.fps, settings.score, normal.usual, normal.scene)
    adapter = Checkpoint(
        stage="adapt",
        settings=checkpoint.settings.model_copy(
            update={"source": settings.source, "adapt": how, "score": settings.score}
        ),
        weights=weights,
        parents={"base": checkpoint.sha256},
        training={
            "source": name,
            "shots": how.shots,
            "steps": how.steps,
            "losses": fitted.losses,
            "tuned_steps": tuned.steps if tuned else 0,
            "held_out_errors": list(tuned.errors) if tuned else [],
            "calibration_frames": calibration.frames,
            "precision": str(precision).removeprefix("torch."),
            "versions": versions(),
        },
        calibration=calibration.to_json(),
    )
    save_checkpoint(out, adapter)
    return Fitted(adapter, fitted.losses, needed, tuned, calibration)


def _read(
    sources: Sequence[str],
    checkpoint: Checkpoint,
    settings: Settings,
    scene: str | None,
    store: FrameStore,
    progress: Progress,
    stack: ExitStack,
) -> str:
    """Put the normal footage in the store, as much as is asked for; returns what it is called."""
    left_s = settings.adapt.normal_seconds
    called = ""
    progress.start("reading")
    for footage in _footage(sources, checkpoint, settings, scene, progress, stack):
        name = footage.info.name
        called = called or (shown(name) if is_live(name) else shown(Path(name).name))
        if left_s <= 0:
            break
        frames = _until(footage.info.start_s + left_s, footage)
        for _ in store.add(footage.info, frames):
            progress.advance()
        clip = store.clips[-1]
        left_s -= clip.times_s[-1] - footage.info.start_s + 1 / footage.info.fps if clip.times_s else 0
        if not clip.indices:
            store.clips.pop()
    return called


def _until(end_s: float, frames: Iterable[Frame]) -> Iterator[Frame]:
    return takewhile(lambda frame: frame.time_s < end_s, frames)


def _footage(
    sources: Sequence[str],
    checkpoint: Checkpoint,
    settings: Settings,
    scene: str | None,
    progress: Progress,
    stack: ExitStack,
) -> Iterator[Clipped]:
    """Each source in turn, opened when it is asked for."""
    caches = [one for one in sources if Path(one).suffix.lower() in {".h5", ".hdf5"}]
    if caches and len(sources) > 1:
        raise InputError(f"{caches[0]}: a cache is adapted to by itself. Give it alone, or videos and folders.")
    if caches:
        if settings.source.model_fields_set:
            raise InputError(
                f"{caches[0]}: a cache's frames are as `vad prepare` took them. Give --fps and zones to it."
            )
        yield from _clips_of(Path(caches[0]), checkpoint, scene, stack)
        return
    if scene is not None:
        raise InputError(f"--scene {scene}: only a cache has scenes; {sources[0]} is not one.")
    for source in find_sources(sources, progress.note):
        with open_for(checkpoint.model, source, settings.source, span=settings.span) as opened:
            yield Clipped(opened.info, iter(opened))
            for note in opened.notes:
                progress.note(note)


def _clips_of(path: Path, checkpoint: Checkpoint, scene: str | None, stack: ExitStack) -> Iterator[Clipped]:
    """Normal clips of one scene of a cache."""
    cache = stack.enter_context(open_cache(path))
    model = checkpoint.model
    if (cache.size, cache.channels) != (model.size, model.channels):
        size = "x".join(map(str, model.size))
        raise InputError(
            f"{path}: not the frames that the model reads. Prepare with --size {size} --channels {model.channels}."
        )
    scenes = sorted({clip.scene for clip in cache.clips if clip.split == "train"})
    if scene is None and len(scenes) != 1:
        raise InputError(
            f"{path}: {len(scenes)} scenes with normal footage. Choose one with --scene: {', '.join(scenes)}."
        )
    clips = [clip for clip in cache.clips if clip.split == "train" and clip.scene == (scene or scenes[0])]
    if not clips:
        raise InputError(f"{path}: no normal footage of scene {scene}. It has: {', '.join(scenes)}.")
    for clip in clips:
        yield clip_footage(cache, clip)


def _tune(
    network: Network,
    checkpoint: Checkpoint,
    store: FrameStore,
    settings: Settings,
    device: torch.device,
    precision: torch.dtype,
    progress: Progress,
) -> Tuned | None:
    """Fit all weights to all of the footage, where there is enough of it and time."""
    how, span = settings.adapt, checkpoint.model.input_frames + 1
    windows = store.windows(span)
    if how.seconds == 0 or len(windows) < LEAST_WINDOWS:
        return None

    def read(numbers: Sequence[int]) -> Tensor:
        return torch.from_numpy(np.stack([store.images(first, first + span) for first in numbers]))

    progress.start("fitting all weights", how.most_steps, "steps")
    tuned = tune(
        network.to(device).requires_grad_(True),
        windows,
        read,
        how,
        checkpoint.settings.pretrain,
        device,
        precision,
        progress,
    )
    if tuned.timed_out:
        progress.note(
            f"--seconds {how.seconds:g}: over after {tuned.steps} steps, the last of which still paid. "
            "Give more for a better fit."
        )
    return tuned


def _ready(checkpoint: Checkpoint, weights: dict[str, Tensor], device: torch.device, precision: torch.dtype) -> Network:
    """The network as an adapter with these weights gives it to scoring."""
    adapter = Checkpoint("adapt", checkpoint.settings, weights, parents={"base": checkpoint.sha256})
    exact = {name for name, value in weights.items() if value.dtype == torch.float32}
    return for_inference(load_network(checkpoint, adapter), device, precision, exact=exact)
