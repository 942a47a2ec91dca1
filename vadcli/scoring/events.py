"""From scores to events: when something abnormal began, peaked and ended."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from vadcli.settings import ScoreSettings

EVENT_SCHEMA = "vad.event/1"
Evidence = TypeVar("Evidence")
Region = tuple[int, int, int, int]


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
        calibration: whose normality it was measured by: "adapter", "model" or "warmup".
    """

    source: str
    id: str
    state: Literal["open", "closed"]
    start_s: float
    end_s: float
    peak_s: float
    peak_score: float
    threshold: float
    region: Region | None = None
    calibration: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The record of schema vad.event/1."""
        values = asdict(self)
        for name in ("start_s", "end_s", "peak_s", "peak_score", "threshold"):
            values[name] = round(values[name], 4)
        return {"schema": EVENT_SCHEMA, **values, "region": list(self.region) if self.region else None}


@dataclass(frozen=True, slots=True)
class Finding(Generic[Evidence]):
    """An event and what the caller wanted kept of its peak."""

    event: Event
    evidence: Evidence


class EventFinder(Generic[Evidence]):
    """Finds events in the scores of one source, a frame at a time, in constant memory.

    An event begins above `threshold` and falls silent below `release · threshold`; one that rises again within
    `merge_gap_seconds` goes on, and one shorter than `min_event_seconds` is dropped. It is told of once it cannot
    go on any more, so `merge_gap_seconds` after its end.

    Args:
        source: name for events.
        threshold: score above which an event begins.
        settings: release, gap and shortest event.
        frame_seconds: how long a frame lasts.
        opening: also tell when an event has begun.
    """

    def __init__(
        self, source: str, threshold: float, settings: ScoreSettings, frame_seconds: float, *, opening: bool = False
    ) -> None:
        self._source, self._threshold, self._opening = source, threshold, opening
        self._release = min(settings.release * threshold, threshold)
        self._gap_s, self._min_s = settings.merge_gap_seconds, settings.min_event_seconds
        self._frame_s = frame_seconds
        self._now: tuple[Event, Evidence] | None = None
        self._silent, self._told = False, False
        self._last_s = 0.0

    @property
    def active(self) -> bool:
        """Whether an event is going on: above the threshold, or not yet below release since."""
        return self._now is not None and not self._silent

    def add(self, frame: int, time_s: float, score: float, evidence: Evidence) -> Iterator[Finding[Evidence]]:
        """Take the next frame's score.

        Args:
            frame: its index.
            time_s: its time; a jump of more than the merging gap (and a second) ends an event before it.
            score: a finite number.
            evidence: kept if this is the peak of an event.

        Returns:
            the event that ended, if one did, and with `opening` the one that began.
        """
        if self._now and not self._silent and time_s - self._last_s > max(self._gap_s, 1.0):
            self._fall(self._last_s + self._frame_s)
        if self._now and self._silent and time_s - self._now[0].end_s >= self._gap_s - 1e-6:
            yield from self._close()
        self._last_s = time_s
        if score > self._threshold:
            self._rise(frame, time_s, score, evidence)
        elif self._now and not self._silent:
            if score < self._release:
                self._fall(time_s)
            else:
                self._extend(time_s)
        if self._now and self._opening and not self._told and self._lasts(self._now[0]):
            self._told = True
            yield Finding(*self._now)

    def finish(self) -> Iterator[Finding[Evidence]]:
        """The event that was going on when the source ended."""
        if self._now and not self._silent:
            self._fall(self._last_s + self._frame_s)
        yield from self._close()

    def _rise(self, frame: int, time_s: float, score: float, evidence: Evidence) -> None:
        end_s = time_s + self._frame_s
        if self._now is None:
            event = Event(
                self._source, f"{self._source}#{frame}", "open", time_s, end_s, time_s, score, self._threshold
            )
            self._now, self._told = (event, evidence), False
        elif score > self._now[0].peak_score:
            self._now = replace(self._now[0], end_s=end_s, peak_s=time_s, peak_score=score), evidence
        else:
            self._extend(time_s)
        self._silent = False

    def _extend(self, time_s: float) -> None:
        if self._now:
            self._now = replace(self._now[0], end_s=time_s + self._frame_s), self._now[1]

    def _fall(self, time_s: float) -> None:
        if self._now:
            self._now = replace(self._now[0], end_s=time_s), self._now[1]
            self._silent = True

    def _close(self) -> Iterator[Finding[Evidence]]:
        if self._now and self._lasts(self._now[0]):
            yield Finding(replace(self._now[0], state="closed"), self._now[1])
        self._now, self._silent = None, False

    def _lasts(self, event: Event) -> bool:
        return event.end_s - event.start_s >= self._min_s - 1e-6
