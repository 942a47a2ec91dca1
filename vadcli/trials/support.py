"""Sources of support and calibration for an evaluation: normal footage of a scene, or the head of a test clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import InputError
from vadcli.footage.cache import Cache, Clip
from vadcli.footage.windows import ClipRange

Labelled = Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class SceneFootage:
    """Normal footage of one scene, parted once for all rows of a comparison.

    Attributes:
        scene: its name.
        support: first halves of normal stretches; supports are drawn from these.
        calibration: second halves, as many as are to be used; every row is calibrated on these.
        donor: the test clip that they were taken from where a scene has no normal clips; it is not evaluated.
    """

    scene: str
    support: tuple[ClipRange, ...]
    calibration: tuple[ClipRange, ...]
    donor: str | None


def test_clips(cache: Cache, variant: str | None) -> dict[str, tuple[Clip, NDArray[np.bool_]]]:
    """Labelled clips of split `test`, with their labels.

    Raises:
        InputError: when there is none, or labels do not fit their frames.
    """
    found = {}
    for clip in cache.clips:
        labels = cache.labels(clip.name, variant) if clip.split == "test" and clip.has_labels else None
        if labels is not None:
            if len(labels) != clip.num_frames:
                raise InputError(f"{cache.path}: clip {clip.name}: {len(labels)} labels for {clip.num_frames} frames.")
            found[clip.name] = (clip, labels != 0)
    if not found:
        tests = sum(clip.split == "test" for clip in cache.clips)
        raise InputError(
            f"{cache.path}: none of its {tests} test clips has labels. Prepare it with --labels, or score without eval."
        )
    return found


def scene_footage(
    cache: Cache,
    tests: Mapping[str, tuple[Clip, NDArray[np.bool_]]],
    scene: str,
    needed: int,
    input_frames: int,
    most_windows: int,
) -> SceneFootage | None:
    """Normal footage of a scene: its clips of split `train`, or the longest normal stretch of one of its test clips.

    Args:
        cache: to take it from.
        tests: of `test_clips`.
        scene: which scene.
        needed: frames that the longest support takes (T + K).
        input_frames: T.
        most_windows: windows to calibrate on, at most.

    Returns:
        None where the scene has neither.
    """
    normal = [
        ClipRange(cache, clip, 0, clip.num_frames)
        for clip in cache.clips
        if clip.split == "train" and clip.scene == scene
    ]
    donor = None
    if not normal:
        of_scene = [(clip, labels) for clip, labels in tests.values() if clip.scene == scene]
        if len(of_scene) < 2:
            return None
        stretches = [ClipRange(cache, clip, *_longest_normal(labels)) for clip, labels in of_scene]
        normal = [max(stretches, key=lambda stretch: stretch.num_frames)]
        donor = normal[0].clip.name
    first = [ClipRange(cache, r.clip, r.start, r.start + max(needed, r.num_frames // 2)) for r in normal]
    support = tuple(one for one, whole in zip(first, normal, strict=True) if one.stop <= whole.stop)
    rest = [
        ClipRange(cache, whole.clip, one.stop if one.stop <= whole.stop else whole.start, whole.stop)
        for one, whole in zip(first, normal, strict=True)
    ]
    calibration = _at_most(rest, most_windows, input_frames)
    return SceneFootage(scene, support, calibration, donor) if support and calibration else None


def _longest_normal(labels: NDArray[np.bool_]) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[True], labels, [True]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest])


def _at_most(ranges: Sequence[ClipRange], windows: int, input_frames: int) -> tuple[ClipRange, ...]:
    """Stretches of equal length out of as many clips as are long enough, `windows` windows together at most."""
    usable = sorted((r for r in ranges if r.num_frames > input_frames), key=lambda r: -r.num_frames)
    chosen = usable[: max(1, windows // 64)]
    share = windows // max(len(chosen), 1)
    return tuple(
        ClipRange(r.cache, r.clip, r.start, min(r.stop, r.start + share + input_frames))
        for r in sorted(chosen, key=lambda r: r.clip.name)
    )


def draw_support(
    footage: SceneFootage, shots: int, input_frames: int, seed: int, draw: int, *, spread: bool
) -> list[ClipRange]:
    """Windows of one support: anywhere in the scene's normal footage, or in a row.

    Args:
        footage: of the scene.
        shots: the largest K; smaller supports of the same draw are heads of this one, so that K is all that differs.
        input_frames: T.
        seed: of all draws.
        draw: which.
        spread: each window from anywhere; the paper's episodes are of pairs of one video, too.
    """
    generator = np.random.default_rng([seed, draw])
    if spread:
        every = [w for r in footage.support for w in _windows(r, max(r.num_frames - input_frames, 0), input_frames)]
        return [every[number] for number in generator.permutation(len(every))[:shots]]
    needed = shots + input_frames
    starts = np.array([max(r.num_frames - needed + 1, 0) for r in footage.support], dtype=np.float64)
    chosen = footage.support[int(generator.choice(len(starts), p=starts / starts.sum()))]
    first = chosen.start + int(generator.integers(chosen.num_frames - needed + 1))
    return _windows(ClipRange(chosen.cache, chosen.clip, first, chosen.stop), shots, input_frames)


def _windows(footage: ClipRange, count: int, input_frames: int) -> list[ClipRange]:
    """The first `count` windows of T + 1 frames, each a frame after the one before."""
    return [
        ClipRange(footage.cache, footage.clip, first, first + input_frames + 1)
        for first in range(footage.start, footage.start + count)
    ]


def head_of(cache: Cache, clip: Clip, shots: int, input_frames: int) -> list[ClipRange]:
    """The first K windows of a test clip, as the paper takes its support.

    Raises:
        InputError: when that leaves nothing to evaluate.
    """
    needed = shots + input_frames
    if clip.num_frames <= needed:
        raise InputError(
            f"{cache.path}: clip {clip.name}: {clip.num_frames} frames; support from its head takes {needed} and "
            "leaves none. Use fewer --shots, or --support scene."
        )
    return _windows(ClipRange(cache, clip, 0, needed), shots, input_frames)


def contaminated(tests: Mapping[str, tuple[Clip, NDArray[np.bool_]]], needed: int) -> list[str]:
    """Test clips with an abnormal frame among their first `needed`."""
    return [name for name, (_, labels) in tests.items() if labels[:needed].any()]
