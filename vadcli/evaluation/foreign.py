"""Scores that another program wrote, brought together with labels so that every figure applies to them too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

import numpy as np

from vadcli.errors import InputError
from vadcli.evaluation.evidence import Evidence
from vadcli.evaluation.labels import Labels, Marks
from vadcli.evaluation.pool import Floats, Indices
from vadcli.footage.naming import natural


@dataclass(frozen=True, eq=False)
class ForeignClip:
    """Scores of one clip as they were read.

    Attributes:
        name: clip or source, as the file names it.
        origin: the file, for messages.
        signals: (n,) by kind, as of `Evidence`.
        frames: (n,), index of each score's frame; None where scores are simply in order.
        calibrated: the scores are those of `vad score`: smoothed and calibrated already.
    """

    name: str
    origin: str
    signals: Mapping[str, Floats]
    frames: Indices | None = None
    calibrated: bool = False

    @property
    def count(self) -> int:
        """Number of scores."""
        return len(next(iter(self.signals.values())))


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which frames the scores are of, and which way they point.

    Attributes:
        drop_head: frames at the start of each clip that have no score, or are not to count.
        drop_tail: the same at the end.
        higher_is: "abnormal", or "normal": then scores are turned around.
        fps: frames a second where nothing says.
    """

    drop_head: int = 0
    drop_tail: int = 0
    higher_is: str = "abnormal"
    fps: float = 25.0


def align(
    clips: Sequence[ForeignClip], labels: Labels, how: Alignment, note: Callable[[str], None]
) -> list[Evidence]:
    """Scores and labels of the same frames, clip by clip.

    Args:
        clips: scores; a single unnamed stretch may hold all clips in natural order.
        labels: of all clips.
        how: alignment and polarity.
        note: told what a reader must know, such as frames without a score.

    Raises:
        InputError: for clips that either side does not know, or lengths, frames and scores that do not fit.
    """
    pairs = _paired(_split(clips, labels, how), labels, how)
    return [_one(clip, name, marks, labels.fps.get(name, how.fps), how, note) for clip, name, marks in pairs]


def _one(
    clip: ForeignClip, name: str, marks: Marks, fps: float, how: Alignment, note: Callable[[str], None]
) -> Evidence:
    for kind, values in clip.signals.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InputError(
                f"{clip.origin}: clip {name}: {len(bad)} of {len(values)} {kind} scores are not finite, the first "
                f"at index {bad[0]}. Mend them, or leave frames out on both sides with --drop-head and --drop-tail."
            )
    if clip.frames is None:
        length = clip.count + how.drop_head + how.drop_tail
        truth = marks.over(name, length)
        frames = np.arange(how.drop_head, length - how.drop_tail)
        signals = dict(clip.signals)
    else:
        frames, signals, truth = _by_frame(clip, name, marks, how, note)
    sign = -1.0 if how.higher_is == "normal" else 1.0
    if "given" in signals:
        signals["given"] = sign * signals["given"]
    scene = name.rpartition("/")[0]
    return Evidence(name, scene, fps, frames, truth[frames], signals)


def _by_frame(
    clip: ForeignClip, name: str, marks: Marks, how: Alignment, note: Callable[[str], None]
) -> tuple[Indices, dict[str, Floats], np.ndarray]:
    """Frames in order, their signals and the labels of the whole clip, for scores that say which frame they are of."""
    assert clip.frames is not None
    order = np.argsort(clip.frames, kind="stable")
    frames = clip.frames[order]
    twice = frames[1:][frames[1:] == frames[:-1]]
    if len(twice):
        raise InputError(
            f"{clip.origin}: clip {name}: frame {twice[0]} is scored twice ({len(twice)} such). Keep one score a frame."
        )
    if len(frames) and frames[0] < 0:
        raise InputError(f"{clip.origin}: clip {name}: frame {frames[0]}; frames count from 0.")
    length = len(marks.frames) if marks.frames is not None else int(frames[-1]) + 1 + how.drop_tail
    if len(frames) and frames[-1] >= length:
        raise InputError(
            f"{clip.origin}: clip {name}: scored up to frame {frames[-1]} (from 0), but labels are of {length} frames: "
            f"{frames[-1] + 1 - length} too many scores."
        )
    kept = (frames >= how.drop_head) & (frames < length - how.drop_tail)
    chosen = frames[kept]
    if not len(chosen):
        raise InputError(f"{clip.origin}: clip {name}: no frame is left after --drop-head and --drop-tail.")
    holes = int(chosen[-1] - chosen[0] + 1 - len(chosen))
    if holes:
        note(f"clip {name}: {holes} frames between the first and the last scored have no score; they do not count")
    missing_tail = length - how.drop_tail - 1 - int(chosen[-1])
    if missing_tail:
        note(f"clip {name}: the last {missing_tail} labelled frames have no score; they do not count")
    signals = {kind: values[order][kept] for kind, values in clip.signals.items()}
    return chosen, signals, marks.over(name, length)


def _split(clips: Sequence[ForeignClip], labels: Labels, how: Alignment) -> Sequence[ForeignClip]:
    """The clips, or, for one stretch of scores and labels of several clips, that stretch cut by their lengths."""
    if labels.named is not None:
        names = sorted(labels.named, key=natural)
        every = [labels.named[name] for name in names]
    else:
        every = list(labels.ordered or ())
        names = [f"{number:02d}" for number in range(1, len(every) + 1)]
    lengths = [len(marks.frames) for marks in every if marks.frames is not None]
    if len(clips) != 1 or len(every) < 2 or clips[0].frames is not None or len(lengths) != len(every):
        return clips
    kept = [length - how.drop_head - how.drop_tail for length in lengths]
    if sum(kept) != clips[0].count:
        raise InputError(
            f"{clips[0].origin}: {clips[0].count} scores for {sum(kept)} labelled frames of {len(kept)} clips, "
            f"{abs(sum(kept) - clips[0].count)} {'too few' if sum(kept) > clips[0].count else 'too many'}. "
            "Say what was left out of each clip with --drop-head and --drop-tail."
        )
    ends = np.cumsum(kept)
    return [
        replace(
            clips[0],
            name=names[i],
            signals={kind: values[end - size : end] for kind, values in clips[0].signals.items()},
        )
        for i, (end, size) in enumerate(zip(ends, kept, strict=True))
    ]


def _paired(clips: Sequence[ForeignClip], labels: Labels, how: Alignment) -> list[tuple[ForeignClip, str, Marks]]:
    """Every clip of scores with its labels; neither side may have one that the other lacks."""
    ordered = sorted(clips, key=lambda clip: natural(clip.name))
    names = [clip.name for clip in ordered]
    twice = next((name for name, after in pairwise(names) if name == after), None)
    if twice is not None:
        raise InputError(f"clip {twice}: scores come from two files. Keep one.")
    if labels.named is not None:
        matched = _by_name(ordered, labels.named, labels.origin)
        return [(clip, name, labels.named[name]) for clip, name in zip(ordered, matched, strict=True)]
    marks = list(labels.ordered or ())
    if labels.flat is not None:
        marks = _cut(labels.flat, ordered, labels.origin, how)
    if len(marks) != len(ordered):
        raise InputError(
            f"{labels.origin}: labels of {len(marks)} clips, but scores of {len(ordered)} ({', '.join(names[:4])}"
            f"{', …' if len(names) > 4 else ''}). Without clip names both must be the same clips in the same order."
        )
    return [(clip, clip.name, one) for clip, one in zip(ordered, marks, strict=True)]


def _cut(flat: np.ndarray, clips: Sequence[ForeignClip], origin: str, how: Alignment) -> list[Marks]:
    """One array of labels over all clips, cut where the scores of a clip end."""
    if len(clips) == 1:
        return [Marks(flat)]
    if any(clip.frames is not None for clip in clips):
        raise InputError(f"{origin}: one array for several clips does not say where each ends. Give one a clip.")
    lengths = [clip.count + how.drop_head + how.drop_tail for clip in clips]
    if sum(lengths) != len(flat):
        raise InputError(
            f"{origin}: {len(flat)} labels over all clips, but scores (with --drop-head and --drop-tail) make "
            f"{sum(lengths)}: {abs(sum(lengths) - len(flat))} too "
            f"{'many' if sum(lengths) > len(flat) else 'few'} scores."
        )
    return [Marks(part) for part in np.split(flat, np.cumsum(lengths)[:-1])]


def _by_name(clips: Sequence[ForeignClip], named: Mapping[str, Marks], origin: str) -> list[str]:
    """The label name of every clip: the same name, or else the only one that ends in the same parts."""
    if len(clips) == 1 and len(named) == 1:
        return list(named)
    matched = [_find(clip.name, named) for clip in clips]
    unknown = [clip.name for clip, name in zip(clips, matched, strict=True) if name is None]
    if unknown:
        raise InputError(
            f"{origin}: no labels for {_list(unknown)} of the scores; it has {_list(sorted(named, key=natural))}."
        )
    found = [name for name in matched if name is not None]
    twice = next((name for name in found if found.count(name) > 1), None) if len(set(found)) < len(found) else None
    if twice is not None:
        raise InputError(f"clip {twice}: two of the scored clips are meant by it. Name them as the labels do.")
    missing = sorted(set(named) - set(found), key=natural)
    if missing:
        raise InputError(f"{origin}: no scores for {_list(missing)}. Score them too, or give labels without them.")
    return found


def _find(name: str, named: Mapping[str, Marks]) -> str | None:
    if name in named:
        return name
    parts = PurePath(name).with_suffix("").parts if PurePath(name).suffix else PurePath(name).parts
    ours = [part.lower() for part in parts]
    fitting = [
        other
        for other in named
        if (own := [part.lower() for part in other.split("/")])[-1] == ours[-1] and set(own[:-1]) <= set(ours)
    ]
    if not fitting:
        fitting = [other for other in named if other.split("/")[-1].lower() == ours[-1]]
    return fitting[0] if len(fitting) == 1 else None


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown
