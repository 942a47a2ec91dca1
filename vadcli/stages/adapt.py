"""`vad adapt`: a scene's own weights and calibration, from K of its windows and the normal footage after them."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain, islice, takewhile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vadcli.errors import InputError
from vadcli.files import check_output, named
from vadcli.footage.cache import open_cache
from vadcli.footage.frames import Frame
from vadcli.footage.source import is_live
from vadcli.footage.stream import shown
from vadcli.learning.scene import Adaptation, adapt_to_scene
from vadcli.model.checkpoint import PACKAGED_MODEL, Checkpoint, load_checkpoint, load_network, save_checkpoint, versions
from vadcli.model.network import Network
from vadcli.model.runtime import for_inference, pick_device, pick_precision
from vadcli.progress import Progress
from vadcli.scoring.calibration import LEAST_FRAMES, Calibration, fit_calibration
from vadcli.scoring.usual import NormalErrors
from vadcli.settings import Settings, SourceSettings
from vadcli.stages.calibrating import Clipped, clip_footage, measure
from vadcli.stages.reading import open_for


@dataclass(frozen=True)
class Fitted:
    """What `vad adapt` tells of its result.

    Attributes:
        adapter: as it was written.
        losses: inner loss before each update.
        support_frames: frames that the support windows span.
        calibration: from the normal footage.
    """

    adapter: Checkpoint
    losses: list[float]
    support_frames: int
    calibration: Calibration


def adapt_stage(
    source: str, base: Path | None, out: Path, settings: Settings, *, scene: str | None, progress: Progress
) -> Fitted:
    """Adapt a model to the scene of `source` and write the adapter to `out`.

    The first K windows are the support; the footage after them, up to `adapt.normal_seconds`, is taken as normal and
    calibrates the scores. Where that leaves too little, the support calibrates too.

    Args:
        source: a video, folder, stream, `-` for stdin, or a cache.
        base: checkpoint to adapt; the model in the package if None.
        out: adapter to write.
        settings: of sections `source`, `adapt` and `score`.
        scene: which scene of a cache.
        progress: told of every frame.

    Raises:
        VadError: for footage that is too short, or a model that cannot adapt.
    """
    check_output("--out", out, named(base, None if is_live(source) else Path(source)), "checkpoint")
    checkpoint = load_checkpoint(base or PACKAGED_MODEL, "pretrain", "metatrain")
    model, run = checkpoint.model, settings.adapt
    device = pick_device(run.device)
    with ExitStack() as stack:
        first, others = _open(source, checkpoint, settings.source, scene, stack)
        needed = run.shots + model.input_frames
        frames = takewhile(lambda frame: frame.time_s <= run.normal_seconds, first.frames)
        head = [frame for _, frame in zip(range(needed), frames, strict=False)]
        if len(head) < needed:
            raise InputError(
                f"{shown(source)}: {len(head)} frames; {run.shots} shots need {needed}. "
                "Use a longer clip, or fewer --shots."
            )
        network = load_network(checkpoint)
        fitted = adapt_to_scene(
            checkpoint, network, windows_of(head, model.input_frames), steps=run.steps, device=device
        )
        scored = adapted_network(network, fitted, device, pick_precision(run.precision, device))
        lead = head[-model.input_frames :]
        footage = [Clipped(first.info, chain(lead, frames)), *_within(run.normal_seconds, first, others)]
        counts = [clip.info.frames for clip in footage]
        progress.start("calibrating", None if None in counts else max(sum(filter(None, counts)) - needed, 1))
        normal = NormalErrors()
        for clip, measured in measure(scored, footage, settings, device, progress):
            normal.add(clip, measured)
        if normal.frames < LEAST_FRAMES:
            progress.note(
                f"{shown(source)}: too short to calibrate on what follows the support; calibrating on the support too"
            )
            support = [Clipped(first.info, iter(head))]
            for _, measured in measure(scored, support, settings, device, progress):
                normal.add(len(footage), measured)
    calibration = fit_calibration(normal.finish(), first.info.fps, settings.score, normal.usual, normal.scene)
    adapter = Checkpoint(
        stage="adapt",
        settings=checkpoint.settings.model_copy(
            update={"source": settings.source, "adapt": run, "score": settings.score}
        ),
        weights=fitted.weights,
        parents={"base": checkpoint.sha256},
        training={
            "source": shown(source) if is_live(source) else shown(Path(source).name),
            "shots": run.shots,
            "steps": run.steps,
            "losses": fitted.losses,
            "calibration_frames": calibration.frames,
            "versions": versions(),
        },
        calibration=calibration.to_json(),
    )
    save_checkpoint(out, adapter)
    return Fitted(adapter, fitted.losses, needed, calibration)


def _within(limit_s: float, first: Clipped, others: Sequence[Clipped]) -> list[Clipped]:
    """Further clips, or the beginning of the last of them, until with the first they last `limit_s` seconds."""
    left_s = limit_s - (first.info.frames or 0) / first.info.fps
    within = []
    for clip in others:
        if left_s <= 0:
            break
        count = min(clip.info.frames or 0, round(left_s * clip.info.fps))
        within.append(Clipped(replace(clip.info, frames=count), islice(clip.frames, count)))
        left_s -= count / clip.info.fps
    return within


def windows_of(frames: Sequence[Frame], input_frames: int) -> Tensor:
    """All windows of consecutive frames: (n − T, T+1, H, W, C) uint8."""
    images = torch.from_numpy(np.stack([frame.image for frame in frames]))  # (n, H, W, C)
    return images.unfold(0, input_frames + 1, 1).movedim(-1, 1)


def adapted_network(network: Network, fitted: Adaptation, device: torch.device, precision: torch.dtype) -> Network:
    """The network with adapted weights in place, ready to predict."""
    network.load_state_dict(fitted.weights, strict=False)
    return for_inference(network, device, precision, exact=fitted.weights)


def _open(
    source: str, checkpoint: Checkpoint, how: SourceSettings, scene: str | None, stack: ExitStack
) -> tuple[Clipped, list[Clipped]]:
    """The footage that gives the support, and further clips of its scene for calibration."""
    model = checkpoint.model
    if Path(source).suffix.lower() in {".h5", ".hdf5"}:
        if how.model_fields_set:
            raise InputError(
                f"{source}: a cache's frames are as `vad prepare` took them. Give --fps and --mask-top to it."
            )
        return _open_cache(Path(source), checkpoint, scene, stack)
    if scene is not None:
        raise InputError(f"--scene {scene}: only a cache has scenes; {source} is not one.")
    opened = stack.enter_context(open_for(model, source, how))
    return Clipped(opened.info, iter(opened)), []


def _open_cache(
    path: Path, checkpoint: Checkpoint, scene: str | None, stack: ExitStack
) -> tuple[Clipped, list[Clipped]]:
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
    first, *others = (clip_footage(cache, clip) for clip in clips)
    return first, others
