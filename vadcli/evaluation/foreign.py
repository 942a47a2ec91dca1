"""Scores that another program wrote, brought together with labels so that every figure applies to them too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

import numpy as np

from vadcli.errors import InputError
from vadcli.evaluation.evidence import GIVEN, Evidence
from vadcli.evaluation.labels import Labels, as_flags, check_count
from vadcli.evaluation.pool import Flags, Floats, Indices
from vadcli.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from vadcli.footage.layouts.labels import FrameLabels, LabelTrack
from vadcli.footage.naming import natural

_SPLIT_FOLDERS = {"test", "testing", "frames"}
_MOST_FPS = 1000


@dataclass(frozen=True, eq=False)
class ForeignClip:
    """Scores of one clip as they were read."""

    name: str  # clip or source, as the file names it
    origin: str  # the file, for messages
    signals: Mapping[str, Floats]  # (n,) by kind, as of `Evidence`
    frames: Indices | None = None  # (n,), index of each score's frame; None where scores are simply in order
    calibrated: bool = False  # the scores are those of `vad score`: smoothed and calibrated already
    times_s: Floats | None = None  # (n,), time of each score's frame; None where the file has none

    @property
    def count(self) -> int:
        """Number of scores."""
        return len(next(iter(self.signals.values())))


@dataclass(frozen=True, slots=True)
class Alignment:
    """The frames and the direction of foreign scores."""

    drop_head: int = 0  # frames at the start of each clip that have no score, or are not to count
    drop_tail: int = 0  # the same at the end
    higher_is: str = "abnormal"  # "abnormal", or "normal": then scores are turned around
    fps: float = 25.0  # frames a second where nothing says

    def __post_init__(self) -> None:
        if not 0 < self.fps <= _MOST_FPS:
            raise InputError(f"--fps {self.fps:g}: frames a second are above 0 and at most {_MOST_FPS}, as in 25.")


def align(clips: Sequence[ForeignClip], labels: Labels, how: Alignment, note: Callable[[str], None]) -> list[Evidence]:
    """Scores and labels of the same frames, clip by clip.

    Args:
        clips: scores; a single unnamed stretch may hold all clips in natural order.
        labels: of all clips.
        how: alignment and polarity.
        note: called with each remark for the reader, such as on frames without a score.

    Raises:
        InputError: for clips that either side does not know, or lengths, frames and scores that do not fit.
    """
    ordered = sorted(_split(clips, labels, how), key=lambda clip: natural(clip.name))
    names = [_plain(clip.name) for clip in ordered]
    twice = next((name for name, after in pairwise(names) if name == after), None)
    if twice is not None:
        raise InputError(f"clip {twice}: scored twice. Give every clip one file, or one name in it.")
    extra = how.drop_head + how.drop_tail
    counts = [
        clip.count + extra if clip.frames is None else int(clip.frames.max()) + 1 + how.drop_tail for clip in ordered
    ]
    tracks = labels.of(dict(zip(names, counts, strict=True)))
    return [
        _one(clip, *tracks[name], labels.fps.get(tracks[name][0], how.fps), how, note)
        for name, clip in zip(names, ordered, strict=True)
    ]


def _plain(name: str) -> str:
    """A clip's name from a source such as `lawn/testing/01.mp4`: lawn/01; a name of nothing else is kept whole."""
    path = PurePath(name)
    known = path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES
    parts = (path.with_suffix("") if known else path).parts
    parts = tuple(part for part in parts if part != path.root)
    return "/".join([part for part in parts if part.lower() not in _SPLIT_FOLDERS] or parts)


def _one(
    clip: ForeignClip, name: str, track: LabelTrack, fps: float, how: Alignment, note: Callable[[str], None]
) -> Evidence:
    for kind, values in clip.signals.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InputError(
                f"{clip.origin}: clip {name}: {len(bad)} of {len(values)} {kind} scores are not finite, the first "
                f"at index {bad[0]}. Mend them, or leave frames out on both sides with --drop-head and --drop-tail."
            )
    order: Indices | slice = slice(None)
    if clip.frames is None:
        length = clip.count + how.drop_head + how.drop_tail
        truth = as_flags(track, name, length)
        frames = np.arange(how.drop_head, length - how.drop_tail)
    else:
        order, truth = _by_frame(clip, clip.frames, name, track, how, note)
        frames = clip.frames[order]
    signals = {kind: values[order] for kind, values in clip.signals.items()}
    if GIVEN in signals and how.higher_is == "normal":
        signals[GIVEN] = -signals[GIVEN]
    times_s = frames / fps if clip.times_s is None else clip.times_s[order]
    if (np.diff(times_s) < 0).any():
        note(f"clip {name}: times go back, so frames are taken to come {fps:g} times a second")
        times_s = frames / fps
    return Evidence(name, name.rpartition("/")[0], fps, frames, truth[frames], signals, times_s=times_s)


def _by_frame(
    clip: ForeignClip, given: Indices, name: str, track: LabelTrack, how: Alignment, note: Callable[[str], None]
) -> tuple[Indices, Flags]:
    """Scores that count, in the order of their frames, and the labels of the whole clip."""
    order = np.argsort(given, kind="stable")
    frames = given[order]
    where = f"{clip.origin}: clip {name}"
    twice = frames[1:][frames[1:] == frames[:-1]]
    if len(twice):
        raise InputError(f"{where}: frame {twice[0]} is scored twice ({len(twice)} such). Keep one score a frame.")
    if frames[0] < 0:
        raise InputError(f"{where}: frame {frames[0]}; frames count from 0.")
    length = len(track.values) if isinstance(track, FrameLabels) else int(frames[-1]) + 1 + how.drop_tail
    if frames[-1] >= length:
        raise InputError(
            f"{where}: scored up to frame {frames[-1]} (from 0), but labels are of {length} frames: "
            f"{frames[-1] + 1 - length} too many scores."
        )
    kept = (frames >= how.drop_head) & (frames < length - how.drop_tail)
    chosen = frames[kept]
    if not len(chosen):
        raise InputError(f"{where}: no frame is left after --drop-head and --drop-tail.")
    holes = int(chosen[-1] - chosen[0] + 1 - len(chosen))
    if holes:
        note(f"clip {name}: {holes} frames between the first and the last scored have no score; they do not count")
    missing_tail = length - how.drop_tail - 1 - int(chosen[-1])
    if missing_tail:
        note(f"clip {name}: the last {missing_tail} labelled frames have no score; they do not count")
    return order[kept], as_flags(track, name, length)


def _split(clips: Sequence[ForeignClip], labels: Labels, how: Alignment) -> Sequence[ForeignClip]:
    """The clips, or, for one stretch of scores and labels of several clips, that stretch cut by their lengths."""
    lengths = labels.lengths()
    if lengths is None or len(clips) != 1 or len(lengths) < 2 or clips[0].frames is not None:
        return clips
    kept = [length - how.drop_head - how.drop_tail for length in lengths.values()]
    check_count(clips[0].origin, clips[0].count, sum(kept), len(kept))
    ends = np.cumsum(kept)
    return [
        replace(
            clips[0], name=name, signals={kind: values[end - size : end] for kind, values in clips[0].signals.items()}
        )
        for name, end, size in zip(lengths, ends, kept, strict=True)
    ]
