"""From scores to events: when something abnormal began, peaked and ended."""

from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, TypeVar

from vadcli.scoring.alarms import Alarm, AlarmRule, AlarmStream

EVENT_SCHEMA = "vad.event/1"
Evidence = TypeVar("Evidence")
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Event:
    """A stretch of a source that does not fit what is normal there.

    Attributes:
        source: the recording or stream.
        id: source and first frame; its beginning and its end carry the same.
        state: "open" when it has begun and goes on (its end and peak so far), "closed" when it is over.
        start_s: time of the first frame above the threshold.
        end_s: time of the frame that fell below release, or just after the last frame.
        peak_s: time of the highest score.
        peak_score: that score.
        threshold: what it began above.
        region: x, y, width, height in the source's pixels of where it is at its peak; None if not known.
        cue: the cue with the largest term at its peak.
        reason: that cue in words.
        share: of that term in the sum of all.
        calibration: whose normality it was measured by: "adapter" or "warmup".
        at: the time of day when it began, RFC 3339; None where the source does not say.
    """

    source: str
    id: str
    state: Literal["open", "closed"]
    start_s: float
    end_s: float
    peak_s: float
    peak_score: float
    threshold: float
    region: Box | None = None
    cue: str | None = None
    reason: str | None = None
    share: float | None = None
    calibration: str | None = None
    at: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The record of schema vad.event/1."""
        values = asdict(self)
        for name in ("start_s", "end_s", "peak_s", "peak_score", "threshold"):
            values[name] = round(values[name], 4)
        values["region"] = list(self.region) if self.region else None
        values["share"] = None if self.share is None else round(self.share, 3)
        return {"schema": EVENT_SCHEMA, **values}


@dataclass(frozen=True, slots=True)
class Finding(Generic[Evidence]):
    """An event and what the caller wanted kept of its peak."""

    event: Event
    evidence: Evidence


class EventFinder(Generic[Evidence]):
    """Finds events in the scores of one source, a frame at a time, in constant memory.

    Args:
        source: name for events.
        threshold: score above which an event begins.
        rule: of alarms; an alarm that counts is an event.
        frame_seconds: how long a frame lasts.
        opening: also give an event when it has begun.
    """

    def __init__(
        self, source: str, threshold: float, rule: AlarmRule, frame_seconds: float, *, opening: bool = False
    ) -> None:
        self._source, self._rule, self._opening = source, rule, opening
        self._alarms = AlarmStream[Evidence](threshold, rule, frame_seconds)
        self._told: int | None = None  # first frame of the event whose beginning was given

    @property
    def threshold(self) -> float:
        """Score above which an event begins; it may be set anew at any time."""
        return self._alarms.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._alarms.threshold = value

    @property
    def active(self) -> bool:
        """Whether an event is going on: above the threshold, or not yet below release since."""
        return self._alarms.sounding

    def add(self, frame: int, time_s: float, score: float, evidence: Evidence) -> list[Finding[Evidence]]:
        """Take the next frame's score.

        Args:
            frame: its index.
            time_s: its time.
            score: a finite number.
            evidence: kept if this is the peak of an event.

        Returns:
            the event that ended, if one did, and with `opening` the one that began.
        """
        found = self._closed(self._alarms.add(frame, time_s, score, evidence))
        now = self._alarms.now
        if self._opening and now and now.first != self._told and self._rule.counts(now.end_s - now.start_s):
            self._told = now.first
            found.append(self._finding(now, "open"))
        return found

    def finish(self) -> list[Finding[Evidence]]:
        """The event that was going on when the source ended."""
        return self._closed(self._alarms.finish())

    def _closed(self, alarm: Alarm[Evidence] | None) -> list[Finding[Evidence]]:
        return [] if alarm is None else [self._finding(alarm, "closed")]

    def _finding(self, alarm: Alarm[Evidence], state: Literal["open", "closed"]) -> Finding[Evidence]:
        event = Event(
            source=self._source,
            id=f"{self._source}#{alarm.first}",
            state=state,
            start_s=alarm.start_s,
            end_s=alarm.end_s,
            peak_s=alarm.peak_s,
            peak_score=alarm.peak_score,
            threshold=alarm.threshold,
        )
        return Finding(event, alarm.kept)
