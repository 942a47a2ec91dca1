"""Alarms against true events: how many are found, how late, and how many are false."""

from dataclasses import dataclass

import numpy as np

from vadcli.evaluation.metrics import Curve
from vadcli.evaluation.pool import Flags, Floats, Indices, Pool
from vadcli.scoring.alarms import AlarmRule, find_alarms

# Thresholds that are tried for the events at a number of false alarms.
LEVELS = 65
_EPSILON_S = 1e-6  # times are compared to within this


@dataclass(frozen=True, slots=True)
class Criterion:
    """The rules by which alarms are raised, find events, and are false."""

    rule: AlarmRule  # of alarms
    tolerance_s: float = 0.0  # an alarm that misses an event by up to this many seconds still counts as having found it
    linger_s: float = 5.0  # an alarm that goes on after an event is excused for so long


@dataclass(frozen=True, slots=True)
class EventScores:
    """Events found and false alarms at one threshold."""

    threshold: float  # an alarm begins above this; the mean where clips differ
    true_events: int  # stretches of abnormal labels
    detected: int  # those that an alarm touches, within tolerance
    alarms: int  # alarms raised, after merging
    # stretches of alarm in footage that is neither of an event nor within its tolerance or linger; an alarm that never
    # ends has one for each
    false_alarms: int
    precision: float | None  # share of alarms that touch a true event, within tolerance; None without an alarm
    recall: float | None  # share of true events detected; None without a true event
    delay_s: float | None  # mean seconds from the start of a detected event to its alarm; None without a detected event
    median_delay_s: float | None  # the median of them
    false_alarms_per_hour: float  # false alarms for an hour of normal footage


def score_events(data: Pool, threshold: Floats | float, criterion: Criterion, *, anew: bool = False) -> EventScores:
    """Events found and false alarms at one threshold.

    Args:
        data: scored clips.
        threshold: an alarm begins above it; a number, or (C,) where clips differ.
        criterion: what counts.
        anew: an alarm that has been going on when an event begins, less the tolerance, has not found it.
    """
    tolerance, linger = criterion.tolerance_s, max(criterion.tolerance_s, criterion.linger_s)
    truth = _stretches(data.labels, data.signal.begins, data)
    level = threshold if np.ndim(threshold) == 0 else np.repeat(threshold, data.lengths)
    alarms = find_alarms(data.signal, level, criterion.rule)
    start_s = data.tape_s[alarms.first]
    end_s = start_s + (alarms.end_s - alarms.start_s)
    early, late = truth.widened(tolerance, tolerance)
    # both lists are sorted by start and by end: the first alarm to end after an event began is its candidate
    candidate = np.searchsorted(start_s, early - _EPSILON_S) if anew else np.searchsorted(end_s, early + _EPSILON_S)
    found = candidate < len(start_s)
    found[found] = start_s[candidate[found]] < late[found] - _EPSILON_S
    event = np.searchsorted(late, start_s + _EPSILON_S)
    real = event < len(early)
    real[real] = early[event[real]] < end_s[real] - _EPSILON_S
    delays = np.maximum(start_s[candidate[found]] - truth.start_s[found], 0)
    begin, end = (np.searchsorted(data.tape_s, edge - _EPSILON_S) for edge in truth.widened(tolerance, linger))
    cuts = data.signal.begins.copy()
    cuts[alarms.first] = True
    false = len(_stretches(_within(alarms.first, alarms.stop, data) & ~_within(begin, end, data), cuts, data).start_s)
    return EventScores(
        threshold=float(np.mean(threshold)),
        true_events=len(truth.start_s),
        detected=int(np.count_nonzero(found)),
        alarms=len(alarms.first),
        false_alarms=false,
        precision=float(real.mean()) if len(real) else None,
        recall=float(found.mean()) if len(found) else None,
        delay_s=float(delays.mean()) if len(delays) else None,
        median_delay_s=float(np.median(delays)) if len(delays) else None,
        false_alarms_per_hour=false / data.normal_hours,
    )


def just_below(threshold: float) -> float:
    """The threshold of alarms that begin at `threshold` and not only above it."""
    return float(np.nextafter(threshold, -np.inf))


def events_within(data: Pool, false_alarms: int, criterion: Criterion) -> EventScores:
    """Most events that alarms beginning anew can find with no more than so many false alarms.

    An alarm that never ends is one false alarm a clip and finds nothing. Thresholds tried are spread evenly over the
    ranks of the scores.
    """
    levels = np.quantile(data.scores, np.linspace(0, 1, LEVELS), method="nearest")
    tried = [score_events(data, float(level), criterion, anew=True) for level in np.unique(levels)]
    # nothing is above the highest, so one at least is kept
    return max((each for each in tried if each.false_alarms <= false_alarms), key=lambda each: each.detected)


def latency_aware_ap(data: Pool, points: Curve) -> float:
    """Precision of frames averaged over latency-aware recall of events (LaAP, after arXiv 2505.19022).

    As average precision, Σ (R_i − R_{i−1}) P_i from the highest threshold down, but R is the mean over true events of
    1 − l / L: L is how long the event lasts, and l how long after its start its first frame reaches the threshold;
    an event of which no frame does adds 0. So a score that rises late in every event cannot reach 1. The paper lets
    recall decay with latency too; this decay, straight over the event, is ours, so that its figures do not compare.
    """
    truth = _stretches(data.labels, data.signal.begins, data)
    total = 0.0
    for first, stop, start_s, end_s in zip(truth.first, truth.stop, truth.start_s, truth.end_s, strict=True):
        scores, times_s = data.scores[first:stop], data.tape_s[first:stop]
        higher = np.append(True, scores[1:] > np.maximum.accumulate(scores)[:-1])  # than all before in the event
        left = 1 - (times_s[higher] - start_s) / (end_s - start_s)
        gained = left - np.append(left[1:], 0.0)  # as the threshold falls to the score of each
        total += float(gained @ points.precision[np.searchsorted(-points.thresholds, -scores[higher])])
    return total / len(truth.first)


@dataclass(frozen=True, slots=True, eq=False)
class _Stretches:
    """(m,) stretches: frames, seconds on the pool's tape, and the bounds there of the clip that each is in."""

    first: Indices
    stop: Indices
    start_s: Floats
    end_s: Floats
    clip_start_s: Floats
    clip_end_s: Floats

    def widened(self, before_s: float, after_s: float) -> tuple[Floats, Floats]:
        """Starts and ends widened by some seconds, within their clips."""
        return (
            np.maximum(self.start_s - before_s, self.clip_start_s),
            np.minimum(self.end_s + after_s, self.clip_end_s),
        )


def _stretches(flags: Flags, cuts: Flags, data: Pool) -> _Stretches:
    """Maximal stretches of True.

    Args:
        flags: (n,), one a frame of `data`.
        cuts: (n,), True where a stretch ends and another may begin, as with every clip.
        data: the clips.
    """
    first = np.flatnonzero(flags & (cuts | ~np.append(False, flags[:-1])))
    last = np.flatnonzero(flags & (np.append(cuts[1:], True) | ~np.append(flags[1:], False)))
    begin, end = data.offsets[data.clip_of[first]], data.offsets[data.clip_of[first] + 1] - 1
    tape = data.tape_s
    ends = tape + data.signal.frame_s
    return _Stretches(first, last + 1, tape[first], ends[last], tape[begin], ends[end])


def _within(start: Indices, stop: Indices, data: Pool) -> Flags:
    """(n,), True for frames within any of the stretches, which may overlap."""
    edges = np.zeros(len(data.scores) + 1, dtype=np.int64)
    np.add.at(edges, start, 1)
    np.add.at(edges, stop, -1)
    flags: Flags = np.cumsum(edges)[:-1] > 0
    return flags
