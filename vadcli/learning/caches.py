"""Caches to train on: alike, of the network's size, and what a checkpoint tells of them."""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vadcli.errors import InputError
from vadcli.footage.cache import Cache, open_cache
from vadcli.learning.job import Job
from vadcli.learning.loop import Learner
from vadcli.model.checkpoint import Checkpoint, versions
from vadcli.settings import ModelSettings, Settings, SourceSettings


def open_training_caches(paths: Sequence[Path], stack: ExitStack) -> list[Cache]:
    """Caches of one size that hold footage of split `train`.

    Raises:
        FootageError: if a file is not a cache.
        InputError: if sizes differ or there is nothing to train on.
    """
    caches = [stack.enter_context(open_cache(path)) for path in paths]
    for path, cache in zip(paths, caches, strict=True):
        if (cache.size, cache.channels) != (caches[0].size, caches[0].channels):
            raise InputError(
                f"{path}: frames of {describe(cache)}, but {paths[0]} has {describe(caches[0])}. Prepare both alike."
            )
    if not any(clip.split == "train" for cache in caches for clip in cache.clips):
        raise InputError(
            f"{paths[0]}: no clip of split train. Prepare normal footage, or mark it with `vad prepare --split train`."
        )
    return caches


def describe(cache: Cache) -> str:
    """Size and channels of a cache's frames, for messages."""
    return f"{cache.size[0]}x{cache.size[1]}, {_counted(cache.channels)}"


def _counted(channels: int) -> str:
    return f"{channels} channel{'s' * (channels > 1)}"


def fit_to_cache(settings: Settings, cache: Cache, path: Path) -> Settings:
    """Settings whose network reads the cache's frames; raises InputError if its size or channels were set to others."""
    follow: dict[str, Any] = {"size": cache.size, "channels": cache.channels}
    default = ModelSettings()
    asked = {name: getattr(settings.model, name) for name in follow}
    wanted = {name: value if asked[name] == getattr(default, name) else asked[name] for name, value in follow.items()}
    if wanted != follow:
        size, channels = "x".join(map(str, wanted["size"])), wanted["channels"]
        raise InputError(
            f"{path}: frames of {describe(cache)}, and the settings ask for a network of {size}, {_counted(channels)}. "
            f"Prepare again: vad prepare SOURCE --size {size} --channels {channels} --out NEW.h5. Or train with the "
            "preset that the cache was prepared with."
        )
    return settings.model_copy(update={"model": settings.model.model_copy(update=follow)})


def reading_of_caches(caches: Sequence[Cache]) -> SourceSettings:
    """How sources are to be read for a model of these caches: as all their clips were, where these agree."""
    clips = [clip for cache in caches for clip in cache.clips if clip.split == "train"]
    ways = {(clip.thinned_to, clip.mask_top) for clip in clips}
    fps, mask_top = ways.pop() if len(ways) == 1 else (None, 0.0)
    return SourceSettings(fps=fps, mask_top=mask_top)


def model_to_go_on_with(settings: Settings, start: Checkpoint) -> ModelSettings:
    """The network of a checkpoint, which pre-training goes on with; raises InputError if a setting asks for another."""
    model = start.model
    for name, asked in settings.model:
        if asked not in (getattr(model, name), getattr(ModelSettings(), name)):
            raise InputError(
                f"{start.path}: its model.{name} is {getattr(model, name)}, and {asked} is asked for. "
                "Leave that out, or train without --from."
            )
    return model.model_copy(update={"unit": settings.model.unit}) if model.unit == "none" else model


def require_same_frames(model: ModelSettings, cache: Cache, path: Path) -> None:
    """Check that a trained network reads the cache's frames; raises InputError if it does not."""
    if (model.size, model.channels) != (cache.size, cache.channels):
        size = "x".join(map(str, model.size))
        raise InputError(
            f"{path}: frames of {describe(cache)}, but the model reads {size}, {_counted(model.channels)}. "
            f"Prepare again: vad prepare SOURCE --size {size} --channels {model.channels} --out NEW.h5"
        )


def data_digest(caches: Sequence[Cache]) -> str:
    """SHA-256 over what all clips are, in the order that windows are drawn from them, wherever they are cached."""
    lines = [
        f"{clip.name} {clip.scene} {clip.split} {clip.sha256} {clip.num_frames}"
        for cache in caches
        for clip in cache.clips
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def training_record(
    caches: Sequence[Cache], paths: Sequence[Path], learner: Learner, job: Job, **more: Any
) -> dict[str, Any]:
    """A checkpoint's record of how it was made."""
    clips = [clip for cache in caches for clip in cache.clips if clip.split == "train"]
    return {
        "data": [path.name for path in paths],
        "clips": len(clips),
        "scenes": len({clip.scene for clip in clips}),
        "frames": sum(clip.num_frames for clip in clips),
        "steps": learner.step,
        "seconds": round(learner.seconds, 1),
        "device": job.device.type,
        "processes": job.processes.count,
        "figures": {name: round(value, 8) for name, value in learner.last.items()},
        "versions": versions(),
        **more,
    }
