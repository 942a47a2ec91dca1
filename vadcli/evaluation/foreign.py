"""Scores that another program wrote, brought together with labels so that every figure applies to them too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

import numpy as np

from vadcli.errors import InputError
from vadcli.evaluation.evidence import GIVEN, Evidence
from vadcli.evaluation.labels import Labels, as_flags, check_count
from vadcli.evaluation.pool import Indices
from vadcli.evaluation.score_files import ScoredClip
from vadcli.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from vadcli.footage.layouts.labels import FrameLabels, LabelTrack
from vadcli.footage.naming import natural

_SPLIT_FOLDERS = {"test", "testing", "frames"}
_MOST_FPS = 1000

Note = Callable[[str], None]


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

    def length(self, clip: ScoredClip) -> int:
        """Frames of a clip, from its scores."""
        scored = len(clip.scores) + self.drop_head if clip.frames is None else int(clip.frames.max()) + 1
        return scored + self.drop_tail


def align(clips: Sequence[ScoredClip], labels: Labels, how: Alignment, note: Note) -> list[Evidence]:
    """Scores and labels of the same frames, clip by clip.

    Args:
        clips: scores; a single unnamed stretch may hold all clips in natural order.
        labels: of all clips.
        how: alignment and polarity.
        note: called with each remark for the reader, such as on frames without a score.

    Raises:
        InputError: for clips that either side does not know, or lengths, frames and scores that do not fit.
    """
    ordered = sorted(_split(clips, labels.lengths(), how), key=lambda clip: natural(clip.name))
    names = [_plain(clip.name) for clip in ordered]
    twice = next((name for name, after in pairwise(names) if name == after), None)
    if twice is not None:
        raise InputError(f"clip {twice}: scored twice. Give every clip one file, or one name in it.")
    tracks = labels.of({name: how.length(clip) for name, clip in zip(names, ordered, strict=True)})
    return [
        _aligned(clip, *tracks[name], labels.fps.get(tracks[name][0], how.fps), how, note)
        for name, clip in zip(names, ordered, strict=True)
    ]


def _plain(name: str) -> str:
    """A clip's name from a source such as `lawn/testing/01.mp4`: lawn/01; a name of nothing else is kept whole."""
    path = PurePath(name)
    known = path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES
    parts = (path.with_suffix("") if known else path).parts
    parts = tuple(part for part in parts if part != path.root)
    return "/".join([part for part in parts if part.lower() not in _SPLIT_FOLDERS] or parts)


def _aligned(clip: ScoredClip, name: str, track: LabelTrack, fps: float, how: Alignment, note: Note) -> Evidence:
    bad = np.flatnonzero(~np.isfinite(clip.scores))
    if len(bad):
        raise InputError(
            f"{clip.origin}: clip {name}: {len(bad)} of {len(clip.scores)} scores are not finite, the first at index "
            f"{bad[0]}. Mend them, or leave frames out on both sides with --drop-head and --drop-tail."
        )
    if clip.frames is None:
        length, order = how.length(clip), np.arange(len(clip.scores))
        frames = order + how.drop_head
    else:
        length = len(track.values) if isinstance(track, FrameLabels) else how.length(clip)
        order = _by_frame(clip.frames, length, f"{clip.origin}: clip {name}", name, how, note)
        frames = clip.frames[order]
    scores = clip.scores[order] * (-1 if how.higher_is == "normal" else 1)
    times_s = frames / fps if clip.times_s is None else clip.times_s[order]
    if (np.diff(times_s) < 0).any():
        note(f"clip {name}: times go back, so frames are taken to come {fps:g} times a second")
        times_s = frames / fps
    labels = as_flags(track, name, length)[frames]
    return Evidence(name, name.rpartition("/")[0], fps, frames, labels, {GIVEN: scores}, times_s)


def _by_frame(given: Indices, length: int, where: str, name: str, how: Alignment, note: Note) -> Indices:
    """Numbers of the scores that count, in the order of their frames."""
    order = np.argsort(given, kind="stable")
    frames = given[order]
    twice = frames[1:][frames[1:] == frames[:-1]]
    if len(twice):
        raise InputError(f"{where}: frame {twice[0]} is scored twice ({len(twice)} such). Keep one score a frame.")
    if frames[0] < 0:
        raise InputError(f"{where}: frame {frames[0]}; frames count from 0.")
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
    return order[kept]


def _split(clips: Sequence[ScoredClip], lengths: Mapping[str, int] | None, how: Alignment) -> Sequence[ScoredClip]:
    """The clips, or, for one stretch of scores and labels of several clips, that stretch cut by their lengths."""
    if lengths is None or len(clips) != 1 or len(lengths) < 2 or clips[0].frames is not None:
        return clips
    kept = [length - how.drop_head - how.drop_tail for length in lengths.values()]
    check_count(clips[0].origin, len(clips[0].scores), sum(kept), len(kept))
    stretches = np.split(clips[0].scores, np.cumsum(kept)[:-1])
    return [replace(clips[0], name=name, scores=scores) for name, scores in zip(lengths, stretches, strict=True)]
