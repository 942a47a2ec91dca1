"""`vad adapt`: what is normal at a camera, and a model's own weights for it, from its normal footage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vadcli.errors import InputError
from vadcli.files import check_output, named
from vadcli.footage.cache import open_cache
from vadcli.footage.image_store import ImageStore
from vadcli.footage.source import find_sources, is_live
from vadcli.footage.stream import shown
from vadcli.model.tensor_file import CALIBRATION, FORMAT, PACKAGED_MODEL, VERSION, save_arrays
from vadcli.progress import Progress
from vadcli.scoring.calibration import Calibration, NormalFootage
from vadcli.scoring.errors import FRAME_PEAK
from vadcli.scoring.observing import NetworkInput, Observation, Observed, ObservedClip
from vadcli.settings import ModelSettings, Settings
from vadcli.stages.reading import open_observed, reading_with
from vadcli.stages.ready import NO_MODEL

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from vadcli.learning.tuning import Tuned
    from vadcli.model.checkpoint import Checkpoint

Opened = AbstractContextManager[Observed]


@dataclass(frozen=True)
class Fitted:
    """What was learned of a camera.

    Attributes:
        calibration: what is normal there.
        weights: that were adapted, by name; none without a network.
        losses: inner loss before each update.
        support_frames: frames that the support windows span.
        tuned: what came of training all weights; None where that was not asked for.
        name: of the first source.
    """

    calibration: Calibration
    weights: "Mapping[str, Tensor]" = field(default_factory=dict)
    losses: Sequence[float] = ()
    support_frames: int = 0
    tuned: "Tuned | None" = None
    name: str = ""

    def training(self, settings: Settings) -> dict[str, Any]:
        """The record of the run that an adapter keeps."""
        how, facts = settings.adapt, self.calibration.facts
        return {
            "source": self.name,
            "shots": how.shots if self.losses else 0,
            "updates": len(self.losses),
            "losses": list(self.losses),
            "steps": self.tuned.steps if self.tuned else 0,
            "held_out_errors": list(self.tuned.errors) if self.tuned else [],
            "calibration_frames": facts.frames,
            "calibration_seconds": round(facts.seconds, 3),
        }


def adapt_stage(
    sources: Sequence[str], base: Path | None, out: Path, settings: Settings, *, scene: str | None, progress: Progress
) -> Fitted:
    """Learn what is normal at a camera, adapt a model to it, and write the adapter to `out`.

    Args:
        sources: videos, folders, streams and `-` for stdin, all of one camera; or one cache.
        base: checkpoint to adapt; the model in the package if None, `none` for cues alone.
        out: adapter to write.
        settings: of sections `source`, `span`, `adapt` and `score`.
        scene: which scene of a cache.
        progress: told of every frame.

    Raises:
        VadError: for footage that is too short, or a model that cannot adapt.
    """
    check_output("--out", out, named(base, *(Path(source) for source in sources if not is_live(source))), "checkpoint")
    checkpoint = None if base == NO_MODEL else _load(base or PACKAGED_MODEL)
    with ExitStack() as stack:
        network = network_input(checkpoint.model) if checkpoint else None
        openers = _openers(sources, network, settings, scene, progress, stack)
        fitted = fit(openers, checkpoint, settings, progress)
    save_adapter(out, fitted, checkpoint, settings)
    return fitted


def network_input(model: ModelSettings) -> NetworkInput:
    """The images that a model reads."""
    return NetworkInput(model.size, model.channels)


def fit(openers: Iterable[Opened], checkpoint: "Checkpoint | None", settings: Settings, progress: Progress) -> Fitted:
    """Learn from a camera's normal footage.

    The first K windows are the support of the paper's update. All footage, up to `adapt.normal_seconds`, teaches what
    is normal and, where steps are asked for, trains all weights.

    Args:
        openers: of the camera's footage, in order.
        checkpoint: of the model to adapt; None for cues alone.
        settings: of sections `adapt` and `score`.
        progress: told of every frame.

    Raises:
        VadError: for footage that is too short, or a model that cannot adapt.
    """
    with ImageStore() as store:
        footage = _Footage(store)
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


class _Footage:
    """Normal footage as it is read: what its cues teach, and its images, in bounded memory.

    Attributes:
        name: of the first source.
        normal: what its cues teach; None before the first frame that has some.
        clips: of every image in the store: its clip's number and its time.
    """

    def __init__(self, store: ImageStore) -> None:
        self.store = store
        self.name = ""
        self.normal: NormalFootage | None = None
        self.frames: list[tuple[int, float]] = []

    def read(self, openers: Iterable[Opened], seconds: float, progress: Progress) -> None:
        """Read sources for so many seconds at most."""
        progress.start("reading")
        left_s = seconds
        for clip, opener in enumerate(openers):
            if left_s <= 0:
                break
            with opener as observed:
                info, last_s = observed.info, None
                self.name = self.name or _called(info.name)
                self.normal = self.normal or NormalFootage(info.fps)
                for observation in _until(info.start_s + left_s, observed):
                    self._add(clip, observation, follows=last_s is not None and not observation.after_gap)
                    last_s = observation.time_s
                    progress.advance()
                left_s -= 0 if last_s is None else last_s - info.start_s + 1 / info.fps
                for note in observed.notes:
                    progress.note(note)

    def measure(self, measurer: Any, input_frames: int, batch_size: int, progress: Progress) -> None:
        """Add the network's error to what every frame teaches."""
        span = input_frames + 1
        windows = self.store.windows(span)
        progress.start("measuring", len(windows))
        errors: dict[tuple[int, float], float] = {}
        for first in range(0, len(windows), batch_size):
            batch = windows[first : first + batch_size]
            low, high = batch[0], batch[-1] + span
            images = list(self.store.images(low, high))
            found = measurer(images, [list(range(start - low, start - low + span)) for start in batch])
            for start, one in zip(batch, found, strict=True):
                errors[self.frames[start + input_frames]] = one.numbers[FRAME_PEAK]
            progress.advance(len(batch))
        assert self.normal is not None
        self.normal.measured(errors)

    def _add(self, clip: int, observation: Observation, *, follows: bool) -> None:
        if observation.image is not None:
            self.store.add(observation.image, follows)
            self.frames.append((clip, observation.time_s))
        if observation.cues is not None and self.normal is not None:
            self.normal.add(clip, observation.time_s, observation.cues)


@dataclass(frozen=True)
class _Adapted:
    measurer: Any
    weights: "Mapping[str, Tensor]"
    losses: Sequence[float]
    tuned: "Tuned | None"


def _adapt_network(footage: _Footage, checkpoint: "Checkpoint", settings: Settings, progress: Progress) -> _Adapted:
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
    ready = for_inference(network, device, pick_precision(settings.score.precision, device), exact=exact)
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


def save_adapter(out: Path, fitted: Fitted, checkpoint: "Checkpoint | None", settings: Settings) -> None:
    """Write what was learned, whole or not at all."""
    kept = {"source": settings.source, "adapt": settings.adapt, "score": settings.score}
    facts, arrays = fitted.calibration.facts.model_dump(mode="json"), fitted.calibration.arrays()
    if checkpoint is None:
        from vadcli import __version__

        header = {
            "format": FORMAT,
            "version": VERSION,
            "stage": "adapt",
            "settings": Settings().model_copy(update=kept).model_dump(mode="json"),
            "parents": {},
            "training": fitted.training(settings) | {"versions": {"vad": __version__}},
            "calibration": facts,
        }
        save_arrays(out, {f"{CALIBRATION}{name}": value for name, value in arrays.items()}, header)
        return
    from vadcli.model.checkpoint import Checkpoint, save_checkpoint, versions

    adapter = Checkpoint(
        stage="adapt",
        settings=checkpoint.settings.model_copy(update=kept),
        weights=fitted.weights,
        parents={"base": checkpoint.sha256},
        training=fitted.training(settings) | {"versions": versions()},
        calibration=facts,
        calibration_arrays=arrays,
    )
    save_checkpoint(out, adapter)


def _load(path: Path) -> "Checkpoint":
    from vadcli.model.checkpoint import load_checkpoint

    return load_checkpoint(path, "pretrain", "metatrain")


def _called(name: str) -> str:
    return shown(name) if is_live(name) else shown(Path(name).name)


def _until(end_s: float, observed: Iterable[Observation]) -> Iterator[Observation]:
    return takewhile(lambda observation: observation.time_s < end_s, observed)


def _openers(
    sources: Sequence[str],
    network: NetworkInput | None,
    settings: Settings,
    scene: str | None,
    progress: Progress,
    stack: ExitStack,
) -> Iterator[Opened]:
    """Each source in turn, opened when it is asked for."""
    caches = [source for source in sources if Path(source).suffix.lower() in {".h5", ".hdf5"}]
    if caches and len(sources) > 1:
        raise InputError(f"{caches[0]}: a cache is adapted to by itself. Give it alone, or videos and folders.")
    if caches:
        if settings.source.model_fields_set:
            raise InputError(
                f"{caches[0]}: a cache's frames are as `vad prepare` took them. Give --fps and zones to it."
            )
        yield from _clips_of(Path(caches[0]), network, scene, stack)
        return
    if scene is not None:
        raise InputError(f"--scene {scene}: only a cache has scenes; {sources[0]} is not one.")
    reading = reading_with(settings.source, settings.span)
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
