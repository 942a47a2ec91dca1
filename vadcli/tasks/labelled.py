"""Labelled footage of a cache, or of files and folders as they are: test clips, and normal footage of their scenes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import InputError
from vadcli.footage.cache import Cache, Clip
from vadcli.footage.layouts import ClipSource, find_clips, known_length
from vadcli.footage.layouts.masks import masks_of
from vadcli.footage.source import Reading, open_source
from vadcli.scoring.observing import NetworkInput, Observed, ObservedClip, ObservedSource
from vadcli.settings import SourceSettings
from vadcli.tasks.sources import zones_of

Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
Open = Callable[[], AbstractContextManager[Observed]]


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """One clip that can be scored and compared; labels and masks once it was read."""

    name: str  # of the clip
    scene: str  # whose camera it is
    open: Open
    labels: Callable[[Indices], Flags]  # (n,) of frames, by their indices
    masks: Callable[[Indices], Flags] | None = None  # (n, H, W) of frames, by their indices; None where there are none
    length: int | None = None  # in frames; None where only reading it says


@dataclass(frozen=True, eq=False)
class Scene:
    """Test clips of one camera and its normal footage."""

    name: str  # of the scene
    tests: tuple[LabelledClip, ...]  # labelled clips that are evaluated
    normal: Mapping[str, Open]  # its normal footage, by clip
    # the test clip whose longest normal stretch is the normal footage, where a scene has no normal clips; it is not
    # among the tests
    donor: str | None = None


def scenes_of_cache(cache: Cache, network: NetworkInput | None, variant: str | None) -> list[Scene]:
    """All scenes of a cache with labelled test clips; raises InputError when there is none."""
    opener = partial(ObservedClip, cache, network=network is not None)
    tests, flags = [], dict[str, Flags]()
    for clip in cache.clips:
        labels = cache.labels(clip.name, variant) if clip.split == "test" and clip.has_labels else None
        if labels is None:
            continue
        flags[clip.name] = labels != 0
        numbers = {int(index): number for number, index in enumerate(cache.timeline(clip.name)[0])}
        masks = partial(_masks_at, cache, clip, numbers) if clip.has_masks else None
        at = partial(_at, flags[clip.name], numbers)
        tests.append(LabelledClip(clip.name, clip.scene, partial(opener, clip), at, masks, clip.num_frames))
    if not tests:
        count = sum(clip.split == "test" for clip in cache.clips)
        raise InputError(
            f"{cache.path}: none of its {count} test clips has labels. Prepare it with --labels, or score without eval."
        )
    normal = ((clip.scene, clip.name, partial(opener, clip)) for clip in cache.clips if clip.split == "train")
    return [
        _with_donor(scene, cache, opener, flags) if not scene.normal and len(scene.tests) > 1 else scene
        for scene in _scenes(tests, normal)
    ]


def scenes_of_sources(
    sources: Sequence[str], source: SourceSettings, network: NetworkInput | None, labels: Path | None
) -> list[Scene]:
    """All scenes of files and folders with labelled test clips, by any layout that `vad prepare` knows.

    Raises:
        InputError: when no clip has labels.
    """
    clips = [clip for each in sources for clip in find_clips(each, labels=labels)]
    labelled = [clip for clip in clips if clip.labels is not None or clip.masks is not None]
    if not labelled:
        raise InputError(
            f"{sources[0]}: no clip with labels in it. Give --labels, or score without eval: vad score {sources[0]}."
        )
    normal = (
        (clip.scene, clip.name, partial(_open, clip, source, network))
        for clip in clips
        if clip.labels is None and clip.masks is None and clip.split != "test"
    )
    return _scenes([_labelled_source(clip, source, network) for clip in labelled], normal)


def longest_normal(labels: Flags) -> tuple[int, int]:
    """Start and stop of the longest stretch of normal frames.

    >>> longest_normal(np.array([0, 1, 0, 0, 1], bool))
    (2, 4)
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[True], labels, [True]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    start, stop = max(edges.reshape(-1, 2).tolist(), key=lambda pair: pair[1] - pair[0])
    return start, stop


def _scenes(tests: Sequence[LabelledClip], normal: Iterable[tuple[str, str, Open]]) -> list[Scene]:
    """Scenes that have tests; of normal footage scene, clip and opener are given."""
    openers: dict[str, dict[str, Open]] = {}
    for scene, name, opener in normal:
        openers.setdefault(scene, {})[name] = opener
    return [
        Scene(name, tuple(clip for clip in tests if clip.scene == name), openers.get(name, {}))
        for name in sorted({clip.scene for clip in tests})
    ]


def _with_donor(scene: Scene, cache: Cache, opener: Callable[..., ObservedClip], labels: Mapping[str, Flags]) -> Scene:
    """A scene whose normal footage is the longest normal stretch of its tests, of which that clip is none any more."""
    stretches = {clip.name: longest_normal(labels[clip.name]) for clip in scene.tests}
    donor = max(stretches, key=lambda name: stretches[name][1] - stretches[name][0])
    normal = {donor: partial(opener, cache.clip(donor), *stretches[donor])}
    return replace(scene, tests=tuple(clip for clip in scene.tests if clip.name != donor), normal=normal, donor=donor)


def _at(labels: Flags, numbers: Mapping[int, int], indices: Indices) -> Flags:
    chosen: Flags = labels[[numbers[index] for index in indices.tolist()]]
    return chosen


def _masks_at(cache: Cache, clip: Clip, numbers: Mapping[int, int], indices: Indices) -> Flags:
    masks = cache.masks(clip.name)
    assert masks is not None
    return _at(masks, numbers, indices)


def _open(clip: ClipSource, source: SourceSettings, network: NetworkInput | None) -> ObservedSource:
    reading = Reading(source.fps, clip.fps, zones_of(source, clip.mask_top))
    return ObservedSource(open_source(str(clip.source), reading), network)


def _labelled_source(clip: ClipSource, source: SourceSettings, network: NetworkInput | None) -> LabelledClip:
    opened: list[ObservedSource] = []

    def open_() -> ObservedSource:
        opened[:] = [_open(clip, source, network)]
        return opened[0]

    def labels(indices: Indices) -> Flags:
        if clip.labels is None:
            return np.array([mask.any() for mask in masks(indices)], np.bool_)
        flags: Flags = clip.labels.for_frames(opened[0].frames_read, clip.name)[indices] != 0
        return flags

    def masks(indices: Indices) -> Flags:
        assert clip.masks is not None
        every = list(masks_of(clip.masks))
        return np.stack([np.asarray(every[index]) != 0 for index in indices.tolist()])

    length = known_length(clip) if source.fps is None else None
    return LabelledClip(clip.name, clip.scene, open_, labels, None if clip.masks is None else masks, length)
