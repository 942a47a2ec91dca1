"""Alarms against true events: how many are found, how late, and how many are false."""

from dataclasses import dataclass

import numpy as np

from vadcli.evaluation.pool import Flags, Floats, Indices, Pool

# Thresholds that are tried for the events at a number of false alarms.
LEVELS = 65


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Stretches of frames, each within one clip, in order.

    Attributes:
        start: (m,), first frame, counted over all clips.
        stop: (m,), one past the last.
        clip: (m,), the clip.
    """

    start: Indices
    stop: Indices
    clip: Indices


@dataclass(frozen=True, slots=True)
class EventScores:
    """What one threshold does to events; counts are means where a result is one over draws.

    Attributes:
        threshold: an alarm is on while the score is at least this.
        true_events: stretches of abnormal labels.
        detected: those that an alarm touches, within tolerance.
        alarms: alarms raised, after merging.
        false_alarms: stretches of alarm in normal footage: apart from events by more than the tolerance before them
            and more than the linger after them. An alarm that never ends has one for each normal stretch.
        precision: share of alarms that touch a true event, within tolerance; None without an alarm.
        recall: share of true events detected; None without a true event.
        delay_s: mean seconds from the start of a detected event to its alarm; None without a detected event.
        median_delay_s: the median of them.
        false_alarms_per_hour: false alarms for an hour of normal footage.
    """

    threshold: float
    true_events: int
    detected: float
    alarms: float
    false_alarms: float
    precision: float | None
    recall: float | None
    delay_s: float | None
    median_delay_s: float | None
    false_alarms_per_hour: float


def runs(flags: Flags, data: Pool) -> Runs:
    """Maximal stretches of True, cut where a clip ends.

    Args:
        flags: (n,), one a frame of `data`.
        data: the clips.
    """
    first = np.zeros(len(flags), dtype=bool)
    starts = data.offsets[:-1]
    first[starts[data.lengths > 0]] = True
    before = np.concatenate([[False], flags[:-1]])
    begin = np.flatnonzero(flags & (first | ~before))
    after = np.concatenate([flags[1:], [False]])
    last = np.concatenate([first[1:], [True]])
    end = np.flatnonzero(flags & (last | ~after)) + 1
    return Runs(begin, end, np.searchsorted(data.offsets, begin, side="right") - 1)


def merged(alarms: Runs, data: Pool, gap_s: float) -> Runs:
    """Alarms of one clip that are no further apart than `gap_s` seconds, made one."""
    if len(alarms.start) < 2:
        return alarms
    gap = (alarms.start[1:] - alarms.stop[:-1]) / data.fps[alarms.clip[1:]]
    opens = np.concatenate([[True], (alarms.clip[1:] != alarms.clip[:-1]) | (gap > gap_s)])
    closes = np.concatenate([opens[1:], [True]])
    return Runs(alarms.start[opens], alarms.stop[closes], alarms.clip[opens])


def score_events(
    data: Pool,
    threshold: float,
    tolerance_s: float = 0.0,
    merge_gap_s: float = 1.0,
    linger_s: float = 5.0,
    *,
    anew: bool = False,
) -> EventScores:
    """Events found and false alarms at one threshold.

    Args:
        data: scored clips.
        threshold: an alarm is on while the score is at least this.
        tolerance_s: an alarm that misses an event by up to this many seconds still counts as having found it.
        merge_gap_s: alarms closer than this are one.
        linger_s: an alarm that goes on after an event is excused for so long.
        anew: only an alarm that begins with an event, within the tolerance, or later in it has found it, not one that
            has been going on.
    """
    truth = runs(data.labels, data)
    alarms = merged(runs(data.scores >= threshold, data), data, merge_gap_s)
    early, late = _widened(truth, data, tolerance_s, tolerance_s)
    # both lists are sorted by start and by end: the first alarm to end after an event began is its candidate
    candidate = np.searchsorted(alarms.start, early) if anew else np.searchsorted(alarms.stop, early, side="right")
    found = candidate < len(alarms.start)
    found[found] = alarms.start[candidate[found]] < late[found]
    event = np.searchsorted(late, alarms.start, side="right")
    real = event < len(early)
    real[real] = early[event[real]] < alarms.stop[real]
    delays = np.maximum(alarms.start[candidate[found]] - truth.start[found], 0) / data.fps[truth.clip[found]]
    excused = _flags(*_widened(truth, data, tolerance_s, max(tolerance_s, linger_s)), data)
    false = len(runs(_flags(alarms.start, alarms.stop, data) & ~excused, data).start)
    return EventScores(
        threshold=float(threshold),
        true_events=len(truth.start),
        detected=int(np.count_nonzero(found)),
        alarms=len(alarms.start),
        false_alarms=false,
        precision=float(real.mean()) if len(real) else None,
        recall=float(found.mean()) if len(found) else None,
        delay_s=float(delays.mean()) if len(delays) else None,
        median_delay_s=float(np.median(delays)) if len(delays) else None,
        false_alarms_per_hour=false / data.normal_hours,
    )


def events_within(data: Pool, false_alarms: int, *how: float) -> EventScores:
    """Most events that alarms beginning anew can find with no more than so many false alarms.

    An alarm that never ends is one false alarm a clip and finds nothing. Thresholds tried are spread evenly over the
    ranks of the scores.

    Args:
        data: scored clips.
        false_alarms: at most; over all clips together.
        how: tolerance, gap and linger, as of `score_events`.
    """
    levels = np.quantile(data.scores, np.linspace(0, 1, LEVELS), method="nearest")
    none = score_events(data, float(np.nextafter(levels[-1], np.inf)), *how, anew=True)
    tried = [score_events(data, float(level), *how, anew=True) for level in np.unique(levels)]
    return max([none, *(one for one in tried if one.false_alarms <= false_alarms)], key=lambda one: one.detected)


def _widened(truth: Runs, data: Pool, before_s: float, after_s: float) -> tuple[Floats, Floats]:
    """Starts and stops of events widened by some seconds, within their clips."""
    fps = data.fps[truth.clip]
    early = np.maximum(truth.start - before_s * fps, data.offsets[truth.clip])
    late = np.minimum(truth.stop + after_s * fps, data.offsets[truth.clip + 1])
    return early.astype(np.float64), late.astype(np.float64)


def _flags(start: Floats | Indices, stop: Floats | Indices, data: Pool) -> Flags:
    """(n,), True for frames within any of the stretches, which may overlap."""
    edges = np.zeros(len(data.scores) + 1, dtype=np.int64)
    np.add.at(edges, np.ceil(start).astype(np.int64), 1)
    np.add.at(edges, np.ceil(stop).astype(np.int64), -1)
    flags: Flags = np.cumsum(edges)[:-1] > 0
    return flags
