"""Scores and labels of many clips as flat arrays, cut where a clip ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import InputError
from vadcli.scoring.alarms import Signal

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pool:
    """One score and one label a frame, clip after clip."""

    names: tuple[str, ...]  # (C,), the clips in order, no name twice
    scores: Floats  # (n,), larger means less normal, finite
    labels: Flags  # (n,), True where the frame is abnormal
    lengths: Indices  # (C,), frames of every clip; their sum is n
    fps: Floats  # (C,), frames a second of every clip
    scenes: tuple[str, ...]  # (C,), the scene that every clip shows; "" where that is not known
    times_s: Floats  # (n,), time of every frame on its clip's own clock, not falling within a clip
    # (C,), the score above which the program's alarms begin in every clip, 0 being typical there; None where scores are
    # in no unit of the program
    thresholds: Floats | None = None

    @cached_property
    def signal(self) -> Signal:
        """Scores with their times, as the rule of alarms takes them."""
        begins = np.zeros(len(self.scores), np.bool_)
        begins[self.offsets[:-1][self.lengths > 0]] = True
        return Signal(self.scores, self.times_s, np.repeat(1 / self.fps, self.lengths), begins)

    @cached_property
    def tape_s(self) -> Floats:
        """(n,), time of every frame when clips are played one after the other, a second apart."""
        step = np.diff(self.times_s, prepend=0.0)
        begins = self.signal.begins
        step[begins] = 1 + np.append(0.0, self.signal.frame_s[:-1])[begins]
        tape: Floats = np.cumsum(step)
        return tape

    @cached_property
    def clip_of(self) -> Indices:
        """(n,), the clip that every frame belongs to."""
        return np.repeat(np.arange(len(self.names)), self.lengths)

    @property
    def offsets(self) -> Indices:
        """(C + 1,), where every clip starts, and n."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @property
    def abnormal(self) -> Indices:
        """(C,), abnormal frames of every clip."""
        return np.bincount(self.clip_of, weights=self.labels, minlength=len(self.names)).astype(np.int64)

    @property
    def normal_hours(self) -> float:
        """Hours of footage that is labelled normal."""
        return float(((self.lengths - self.abnormal) / self.fps).sum() / 3600)


def pool(
    names: Sequence[str],
    scores: Sequence[NDArray[np.floating]],
    labels: Sequence[NDArray[np.generic]],
    fps: Sequence[float] | float = 25.0,
    scenes: Sequence[str] | None = None,
    times_s: Sequence[Floats] | None = None,
    thresholds: Floats | None = None,
) -> Pool:
    """Clips joined.

    Args:
        names: C clip names.
        scores: C arrays (n_i,), larger means less normal.
        labels: C arrays (n_i,), nonzero where the frame is abnormal.
        fps: frames a second, of each clip or of all.
        scenes: what each clip shows.
        times_s: C arrays (n_i,), the frames' times; frames at the clip's rate by default.
        thresholds: (C,), as of `Pool`.

    Raises:
        InputError: for a name twice, or footage with a single class.
    """
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputError(f"clip {twice[0]}: scored twice. Give every clip one array of scores.")
    lengths = np.array([len(values) for values in scores], dtype=np.int64)
    rates = np.broadcast_to(np.asarray(fps, dtype=np.float64), lengths.shape).copy()
    flat = np.concatenate([np.asarray(values, dtype=np.float64) for values in scores])
    truth: Flags = np.concatenate([np.asarray(values) != 0 for values in labels])
    if truth.all() or not truth.any():
        kind = "abnormal" if truth.any() else "normal"
        raise InputError(
            f"labels: all {len(truth)} frames of {len(names)} clips are {kind}; a ranking needs both kinds. "
            "Check --labels, or add clips."
        )
    if times_s is None:
        times_s = [np.arange(length) / rate for length, rate in zip(lengths, rates, strict=True)]
    known = tuple(scenes or [""] * len(names))
    return Pool(tuple(names), flat, truth, lengths, rates, known, np.concatenate(times_s), thresholds)
