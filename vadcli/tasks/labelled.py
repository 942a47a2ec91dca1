"""Labelled footage of a cache, or of files and folders as they are: test clips, and normal footage of their scenes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import InputError
from vadcli.footage.cache import Cache, Clip
from vadcli.footage.layouts import ClipSource, find_clips
from vadcli.footage.layouts.masks import masks_of
from vadcli.footage.source import Reading, open_source
from vadcli.scoring.observing import NetworkInput, Observed, ObservedClip, ObservedSource
from vadcli.settings import SourceSettings
from vadcli.tasks.reading import zones_of

Labels = NDArray[np.bool_]
Masks = NDArray[np.bool_]  # (n, H, W)


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """One clip that can be scored and compared."""

    name: str  # of the clip
    scene: str  # whose camera it is
    # as it is measured, from a time to a time in seconds; (0, infinity) for all of it
    open: Callable[[], AbstractContextManager[Observed]]
    labels: Callable[[NDArray[np.int64]], Labels]  # of frames, from their indices and how many frames the clip has
    # of frames by their indices, likewise; None where there are none
    masks: Callable[[NDArray[np.int64]], Masks] | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """Test clips of one camera and its normal footage."""

    name: str  # of the scene
    tests: tuple[LabelledClip, ...]  # labelled clips that are evaluated
    # openers of its normal footage; none where there is none
    normal: tuple[Callable[[], AbstractContextManager[Observed]], ...]
    normal_names: tuple[str, ...]  # of the clips that those are of
    # the test clip whose longest normal stretch is the normal footage, where a scene has no normal clips; it is not
    # among the tests
    donor: str | None = None


def scenes_of_cache(cache: Cache, network: NetworkInput | None, variant: str | None) -> list[Scene]:
    """All scenes of a cache with labelled test clips; raises InputError when there is none."""
    images = network is not None

    def whole(clip: Clip) -> Callable[[], AbstractContextManager[Observed]]:
        return partial(ObservedClip, cache, clip, network=images)

    tests = []
    stretches: dict[str, tuple[int, int]] = {}
    for clip in cache.clips:
        labels = cache.labels(clip.name, variant) if clip.split == "test" and clip.has_labels else None
        if labels is None:
            continue
        flags = labels != 0
        stretches[clip.name] = longest_normal(flags)
        positions = {int(index): number for number, index in enumerate(cache.timeline(clip.name)[0])}
        masks = partial(_masks_at, cache, clip, positions) if clip.has_masks else None
        tests.append(LabelledClip(clip.name, clip.scene, whole(clip), partial(_at, flags, positions), masks))
    if not tests:
        count = sum(clip.split == "test" for clip in cache.clips)
        raise InputError(
            f"{cache.path}: none of its {count} test clips has labels. Prepare it with --labels, or score without eval."
        )
    normal: dict[str, list[Clip]] = {}
    for clip in cache.clips:
        if clip.split == "train":
            normal.setdefault(clip.scene, []).append(clip)

    def stretch(name: str) -> Callable[[], AbstractContextManager[Observed]]:
        return partial(ObservedClip, cache, cache.clip(name), *stretches[name], network=images)

    every = {scene: ([whole(clip) for clip in clips], [clip.name for clip in clips]) for scene, clips in normal.items()}
    return _scenes(tests, every, {name: stop - start for name, (start, stop) in stretches.items()}, stretch)


def scenes_of_sources(
    sources: Sequence[str], source: SourceSettings, network: NetworkInput | None, labels: Path | None
) -> list[Scene]:
    """All scenes of files and folders with labelled test clips, by any layout that `vad prepare` knows.

    Raises:
        InputError: when no clip has labels.
    """
    clips = [clip for each in sources for clip in find_clips(each, labels=labels)]
    tests, normal = [], dict[str, list[ClipSource]]()
    for clip in clips:
        if clip.labels is not None or clip.masks is not None:
            tests.append(_labelled_source(clip, source, network))
        elif clip.split != "test":
            normal.setdefault(clip.scene, []).append(clip)
    if not tests:
        raise InputError(
            f"{sources[0]}: no clip with labels in it. Give --labels, or score without eval: vad score {sources[0]}."
        )
    every = {
        scene: ([partial(_open, clip, source, network) for clip in clips], [clip.name for clip in clips])
        for scene, clips in normal.items()
    }
    return _scenes(tests, every, {}, None)


def longest_normal(labels: Labels) -> tuple[int, int]:
    """Start and stop of the longest stretch of normal frames.

    >>> longest_normal(np.array([0, 1, 0, 0, 1], bool))
    (2, 4)
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[True], labels, [True]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    start, stop = max(edges.reshape(-1, 2).tolist(), key=lambda pair: pair[1] - pair[0])
    return start, stop


def _scenes(
    tests: Sequence[LabelledClip],
    normal: Mapping[str, tuple[Sequence[Callable[[], AbstractContextManager[Observed]]], Sequence[str]]],
    normal_frames: Mapping[str, int],
    stretch: Callable[[str], Callable[[], AbstractContextManager[Observed]]] | None,
) -> list[Scene]:
    scenes = []
    for name in sorted({clip.scene for clip in tests}):
        own = tuple(clip for clip in tests if clip.scene == name)
        openers, names = normal.get(name, ((), ()))
        donor = None
        if not openers and len(own) > 1 and stretch is not None:
            donor = max(own, key=lambda clip: normal_frames[clip.name]).name
            openers, names = (stretch(donor),), (donor,)
            own = tuple(clip for clip in own if clip.name != donor)
        scenes.append(Scene(name, own, tuple(openers), tuple(names), donor))
    return scenes


def _at(labels: Labels, positions: Mapping[int, int], indices: NDArray[np.int64]) -> Labels:
    chosen: Labels = labels[[positions[index] for index in indices.tolist()]]
    return chosen


def _masks_at(cache: Cache, clip: Clip, positions: Mapping[int, int], indices: NDArray[np.int64]) -> Masks:
    masks = cache.masks(clip.name)
    assert masks is not None
    return masks[[positions[index] for index in indices.tolist()]]


def _open(clip: ClipSource, source: SourceSettings, network: NetworkInput | None) -> ObservedSource:
    reading = Reading(source.fps, clip.fps, zones_of(source, clip.mask_top))
    return ObservedSource(open_source(str(clip.source), reading), network)


def _labelled_source(clip: ClipSource, source: SourceSettings, network: NetworkInput | None) -> LabelledClip:
    opened: list[ObservedSource] = []

    def open_() -> ObservedSource:
        opened[:] = [_open(clip, source, network)]
        return opened[0]

    def labels(indices: NDArray[np.int64]) -> Labels:
        count = opened[0].frames_read
        if clip.labels is not None:
            flags: Labels = clip.labels.for_frames(count, clip.name)[indices] != 0
            return flags
        return np.array([mask.any() for mask in masks(indices)], np.bool_)

    def masks(indices: NDArray[np.int64]) -> Masks:
        assert clip.masks is not None
        every = list(masks_of(clip.masks))
        return np.stack([np.asarray(every[index]) != 0 for index in indices.tolist()])

    return LabelledClip(clip.name, clip.scene, open_, labels, None if clip.masks is None else masks)
