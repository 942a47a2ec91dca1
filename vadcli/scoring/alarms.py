"""The rule of alarms, once over whole arrays and once a frame at a time; both give the same alarms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from vadcli.settings import ScoreSettings

Floats = NDArray[np.float64]
Kept = TypeVar("Kept")

_EPSILON_S = 1e-6  # differences of times are compared to within this


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """When a score becomes an alarm, when the alarm ends, and which alarms count.

    An alarm begins with a frame above the threshold and ends with the first frame below the release level. One that
    begins less than `merge_gap_s` after the last has ended continues it. One shorter than `min_event_s` is dropped.
    A hole in the frames' times ends an alarm at once, and none continues across it.
    """

    release: float  # the release level as a share of the threshold; 1: as soon as the score is below the threshold
    merge_gap_s: float
    min_event_s: float

    @classmethod
    def of(cls, settings: ScoreSettings) -> Self:
        """The rule that the settings ask for."""
        return cls(settings.release, settings.merge_gap_seconds, settings.min_event_seconds)

    def release_level(self, threshold: Floats | float) -> Floats:
        """The score below which an alarm ends, never above the threshold: a number, or (n,) where frames differ."""
        level: Floats = np.minimum(self.release * np.asarray(threshold), threshold)
        return level

    def is_hole(self, step_s: Floats | float, frame_s: Floats | float) -> NDArray[np.bool_]:
        """True for a hole since the last frame: a step longer than the gap, a second and two frames, or negative."""
        longest = np.maximum(max(self.merge_gap_s, 1.0), 2 * np.asarray(frame_s)) + _EPSILON_S
        hole: NDArray[np.bool_] = ~((np.asarray(step_s) >= 0) & (step_s <= longest))
        return hole

    def continues(self, silence_s: Floats | float) -> NDArray[np.bool_]:
        """True where an alarm that begins so long after the last has ended continues it."""
        return np.asarray(silence_s) < self.merge_gap_s - _EPSILON_S

    def counts(self, duration_s: Floats | float) -> NDArray[np.bool_]:
        """True where an alarm of this duration is long enough."""
        return np.asarray(duration_s) >= self.min_event_s - _EPSILON_S


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """Scores of clips, one after the other, with the time of every frame on its clip's own clock."""

    values: Floats  # (n,), finite, larger for less normal
    times_s: Floats  # (n,), rising within a clip
    frame_s: Floats  # (n,), how long a frame lasts
    begins: NDArray[np.bool_]  # (n,), True where a clip begins

    @classmethod
    def of(cls, clips: Sequence[tuple[Floats, Floats]], frame_s: Sequence[float] | float) -> Self:
        """Clips joined: values and times of each, (n_i,) both, and how long a frame lasts, of each or of all."""
        lengths = [len(values) for values, _ in clips]
        every = np.broadcast_to(np.asarray(frame_s, np.float64), len(clips))
        begins = np.zeros(sum(lengths), np.bool_)
        begins[np.cumsum([0, *lengths[:-1]])[np.array(lengths) > 0]] = True
        values, times = (np.concatenate(parts).astype(np.float64) for parts in zip(*clips, strict=True))
        return cls(values, times, np.repeat(every, lengths), begins)

    @property
    def hours(self) -> float:
        """Footage that the frames stand for; holes are none."""
        return float(self.frame_s.sum() / 3600)


@dataclass(frozen=True, slots=True, eq=False)
class Alarms:
    """Alarms in order."""

    first: NDArray[np.int64]  # (m,), index of the first frame, which is above the threshold
    stop: NDArray[np.int64]  # (m,), one past the last frame that is not below release
    start_s: Floats  # (m,), time of the first frame
    end_s: Floats  # (m,), time of the frame below release, or the end of the last before a hole or the clip's end

    def peaks(self, values: Floats) -> NDArray[np.int64]:
        """(m,), index of the largest value of each, the first of equal ones."""
        pairs = zip(self.first.tolist(), self.stop.tolist(), strict=True)
        return np.array([first + int(values[first:stop].argmax()) for first, stop in pairs], np.int64)


def find_alarms(signal: Signal, threshold: Floats | float, rule: AlarmRule) -> Alarms:
    """All alarms of clips; the threshold is a number, or (n,) where clips differ."""
    values, times = signal.values, signal.times_s
    begins = signal.begins | rule.is_hole(np.diff(times, prepend=times[:1]), signal.frame_s)
    on = values >= rule.release_level(threshold)
    ends = np.append(begins[1:], True)  # the last frames before a hole or a clip's end
    run_first = np.flatnonzero(on & (begins | ~np.append(False, on[:-1])))
    run_stop = np.flatnonzero(on & (ends | ~np.append(on[1:], False))) + 1
    above = np.flatnonzero(values > threshold)
    place = np.searchsorted(above, run_first)  # the first frame above the threshold in each run that has one
    has = place < len(above)
    has[has] = above[place[has]] < run_stop[has]
    first, stop = above[place[has]], run_stop[has]
    last = stop - 1
    fell = np.minimum(stop, len(values) - 1)
    end_s = np.where(ends[last], times[last] + signal.frame_s[last], times[fell])
    stretch = np.cumsum(begins)[first]
    apart = np.ones(len(first) + 1, np.bool_)  # whether the alarm before each, and after the last, is another
    apart[1:-1] = (stretch[1:] != stretch[:-1]) | ~rule.continues(times[first[1:]] - end_s[:-1])
    first, stop, end_s = first[apart[:-1]], stop[apart[1:]], end_s[apart[1:]]
    long = rule.counts(end_s - times[first])
    return Alarms(first[long], stop[long], times[first[long]], end_s[long])


@dataclass(frozen=True, slots=True)
class Alarm(Generic[Kept]):
    """An alarm of a stream."""

    first: int  # index of its first frame
    start_s: float  # time of that frame
    end_s: float  # when it ended; while it goes on, the end of its last frame so far
    peak_s: float  # time of the highest score
    peak_score: float
    threshold: float  # what it began above
    kept: Kept  # what came with the highest score


class AlarmStream(Generic[Kept]):
    """Alarms of one source, a frame at a time, in constant memory.

    An alarm is over once it cannot continue any more: `merge_gap_s` after its end.

    Args:
        threshold: score above which an alarm begins; it may be set anew at any time.
        rule: of alarms.
        frame_s: how long a frame lasts.
    """

    def __init__(self, threshold: float, rule: AlarmRule, frame_s: float) -> None:
        self.threshold = threshold
        self.now: Alarm[Kept] | None = None  # the alarm that goes on or may still continue
        self.sounding = False  # it goes on: above the threshold, or not below release since
        self._rule, self._frame_s = rule, frame_s
        self._last_s: float | None = None
        self._given: int | None = None  # first frame of the alarm that `begun` has given

    def add(self, frame: int, time_s: float, score: float, kept: Kept) -> Alarm[Kept] | None:
        """Take the next frame's score.

        Args:
            frame: its index.
            time_s: its time.
            score: a finite number.
            kept: stays with the alarm if this is its peak.

        Returns:
            the alarm that is over, if there is such and it counts.
        """
        hole = self._last_s is not None and self._rule.is_hole(time_s - self._last_s, self._frame_s)
        silent = self.now and not self.sounding and not self._rule.continues(time_s - self.now.end_s)
        over = self.finish() if hole or silent else None
        self._last_s = time_s
        if score > self.threshold:
            self._rise(frame, time_s, score, kept)
        elif self.now and self.sounding:
            self.sounding = score >= float(self._rule.release_level(self.threshold))
            self.now = replace(self.now, end_s=time_s + self._frame_s * self.sounding)
        return over

    def begun(self) -> Alarm[Kept] | None:
        """The alarm that goes on, the first time that it is asked for after it has lasted long enough to count."""
        now = self.now
        if now is None or now.first == self._given or not self._rule.counts(now.end_s - now.start_s):
            return None
        self._given = now.first
        return now

    def finish(self) -> Alarm[Kept] | None:
        """The alarm that went on, or might have continued, when the source ended."""
        over, self.now, self.sounding = self.now, None, False
        return over if over and self._rule.counts(over.end_s - over.start_s) else None

    def _rise(self, frame: int, time_s: float, score: float, kept: Kept) -> None:
        end_s = time_s + self._frame_s
        if self.now is None:
            self.now = Alarm(frame, time_s, end_s, time_s, score, self.threshold, kept)
        elif score > self.now.peak_score:
            self.now = replace(self.now, end_s=end_s, peak_s=time_s, peak_score=score, kept=kept)
        else:
            self.now = replace(self.now, end_s=end_s)
        self.sounding = True
