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

    Attributes:
        release: the release level as a share of the threshold, both measured from the typical score; 1 ends an alarm
            as soon as the score is below the threshold.
        merge_gap_s: seconds.
        min_event_s: seconds.
    """

    release: float
    merge_gap_s: float
    min_event_s: float

    @classmethod
    def of(cls, settings: ScoreSettings) -> Self:
        """The rule that the settings ask for."""
        return cls(settings.release, settings.merge_gap_seconds, settings.min_event_seconds)

    def release_level(self, threshold: Floats | float, typical: float = 0.0) -> Floats:
        """The score below which an alarm ends; never above the threshold.

        Args:
            threshold: a number, or (n,) where frames differ.
            typical: score of a typical normal frame.
        """
        level: Floats = np.minimum(typical + self.release * (np.asarray(threshold) - typical), threshold)
        return level

    def is_hole(self, step_s: Floats | float, frame_s: Floats | float) -> NDArray[np.bool_]:
        """True for a hole since the last frame: a time longer than the gap, a second and two frames, or negative.

        Args:
            step_s: seconds since the last frame.
            frame_s: seconds that a frame lasts.
        """
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
    """Scores of clips, one after the other, with the time of every frame on its clip's own clock.

    Attributes:
        values: (n,), finite, larger for less normal.
        times_s: (n,), rising within a clip.
        frame_s: (n,), how long a frame lasts.
        begins: (n,), True where a clip begins.
    """

    values: Floats
    times_s: Floats
    frame_s: Floats
    begins: NDArray[np.bool_]

    @classmethod
    def of(cls, clips: Sequence[tuple[Floats, Floats]], frame_s: Sequence[float] | float) -> Self:
        """Clips joined.

        Args:
            clips: values and times of each, (n_i,) both.
            frame_s: how long a frame lasts, of each clip or of all.
        """
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
    """Alarms in order.

    Attributes:
        first: (m,), index of the first frame, which is above the threshold.
        stop: (m,), one past the last frame that is not below release.
        start_s: (m,), time of the first frame.
        end_s: (m,), time of the frame that fell below release, or the end of the last frame before a hole or the
            clip's end.
    """

    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    start_s: Floats
    end_s: Floats

    def peaks(self, values: Floats) -> NDArray[np.int64]:
        """(m,), index of the largest value of each, the first of equal ones."""
        pairs = zip(self.first.tolist(), self.stop.tolist(), strict=True)
        return np.array([first + int(values[first:stop].argmax()) for first, stop in pairs], np.int64)


def find_alarms(signal: Signal, threshold: Floats | float, rule: AlarmRule, typical: float = 0.0) -> Alarms:
    """All alarms of clips.

    Args:
        signal: n frames.
        threshold: a number, or (n,) where clips differ.
        rule: of alarms.
        typical: score of a typical normal frame; the release level lies between it and the threshold.
    """
    values, times = signal.values, signal.times_s
    begins = signal.begins | rule.is_hole(np.diff(times, prepend=times[:1]), signal.frame_s)
    on = values >= rule.release_level(threshold, typical)
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
    """One alarm of a stream.

    Attributes:
        first: index of its first frame.
        start_s: time of that frame.
        end_s: when it ended; while it goes on, the end of its last frame so far.
        peak_s: time of the highest score.
        peak_score: that score.
        threshold: what it began above.
        kept: what came with that score.
    """

    first: int
    start_s: float
    end_s: float
    peak_s: float
    peak_score: float
    threshold: float
    kept: Kept


class AlarmStream(Generic[Kept]):
    """Alarms of one source, a frame at a time, in constant memory.

    An alarm is over once it cannot continue any more: `merge_gap_s` after its end.

    Args:
        threshold: as the attribute.
        rule: of alarms.
        frame_s: how long a frame lasts.
        typical: score of a typical normal frame.

    Attributes:
        threshold: score above which an alarm begins; it may be set anew at any time.
        now: the alarm that goes on or may still continue; None without one.
        sounding: it goes on: above the threshold, or not below release since.
    """

    def __init__(self, threshold: float, rule: AlarmRule, frame_s: float, typical: float = 0.0) -> None:
        self.threshold = threshold
        self._rule, self._frame_s, self._typical = rule, frame_s, typical
        self._last_s: float | None = None
        self.now: Alarm[Kept] | None = None
        self.sounding = False

    def add(self, frame: int, time_s: float, score: float, kept: Kept) -> Alarm[Kept] | None:
        """Take the next frame's score.

        Args:
            frame: its index.
            time_s: its time.
            score: a finite number.
            kept: stays with the alarm if this is its peak.

        Returns:
            the alarm that is over, if one is and counts.
        """
        over = None
        if self._last_s is not None and self._rule.is_hole(time_s - self._last_s, self._frame_s):
            over = self.finish()
        elif self.now and not self.sounding and not self._rule.continues(time_s - self.now.end_s):
            over = self._close()
        self._last_s = time_s
        if score > self.threshold:
            self._rise(frame, time_s, score, kept)
        elif self.now and self.sounding:
            self.sounding = score >= float(self._rule.release_level(self.threshold, self._typical))
            self.now = replace(self.now, end_s=time_s + self._frame_s * self.sounding)
        return over

    def finish(self) -> Alarm[Kept] | None:
        """The alarm that went on, or might have continued, when the source ended."""
        return self._close()

    def _rise(self, frame: int, time_s: float, score: float, kept: Kept) -> None:
        end_s = time_s + self._frame_s
        if self.now is None:
            self.now = Alarm(frame, time_s, end_s, time_s, score, self.threshold, kept)
        elif score > self.now.peak_score:
            self.now = replace(self.now, end_s=end_s, peak_s=time_s, peak_score=score, kept=kept)
        else:
            self.now = replace(self.now, end_s=end_s)
        self.sounding = True

    def _close(self) -> Alarm[Kept] | None:
        over, self.now, self.sounding = self.now, None, False
        return over if over and self._rule.counts(over.end_s - over.start_s) else None
