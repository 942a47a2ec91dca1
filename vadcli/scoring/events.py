"""What is told of an alarm: when something abnormal began, peaked and ended, where, and why."""

from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, TypeVar

EVENT_SCHEMA = "vad.event/1"
Evidence = TypeVar("Evidence")
Box = tuple[int, int, int, int]
State = Literal["open", "closed"]
Kind = Literal["scene", "camera", "stream"]


@dataclass(frozen=True, slots=True)
class Event:
    """A stretch of a source that does not fit what is normal there."""

    source: str  # the recording or stream
    id: str  # source and first frame; its beginning and its end carry the same
    state: State  # "open" when it has begun and goes on (its end and peak so far), "closed" when it is over
    start_s: float  # time of the first frame above the threshold
    end_s: float  # time of the frame that fell below release, or just after the last frame
    peak_s: float  # time of the highest score
    peak_score: float
    threshold: float  # what it began above
    region: Box | None = None  # x, y, width, height in the source's pixels, at the peak; None if not known
    cue: str | None = None  # with the largest term at the peak
    reason: str | None = None  # that cue in words
    share: float | None = None  # of that term in the sum of all
    calibration: str | None = None  # whose normality it was measured by: "adapter" or "warmup"
    at: str | None = None  # the time of day when it began, RFC 3339; None where the source does not say
    clip: str | None = None  # file with the seconds around it; None where none was asked for, as the next
    snapshot: str | None = None  # file with its picture
    kind: Kind = "scene"  # "camera" where it does not see what it should; "stream" where frames are left out

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
    """An event and what was kept of its peak."""

    event: Event
    evidence: Evidence
