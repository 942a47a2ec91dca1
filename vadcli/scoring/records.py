"""What is written of a frame, and the formats it is written in."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, get_args

SCORE_SCHEMA = "vad.score/1"
Format = Literal["ndjson", "csv", "json", "table", "srt", "vtt"]
Records = Literal["frames", "events"]
CalibrationKind = Literal["adapter", "warmup"]

_SUFFIXES: dict[str, Format] = {
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".json": "json", ".txt": "table", ".srt": "srt",
    ".vtt": "vtt",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """What is known of one frame.

    Attributes:
        source: the recording or stream.
        frame: index in the source, from 0.
        time_s: time in the source.
        psnr_db: of the predicted frame; None without a network.
        feature_error: mean squared distance to prototypes (L_c); None for a model without a unit.
        frame_peak: largest mean squared error of a patch, on frames in [-1, 1].
        feature_peak: the same of the distance to prototypes.
        score: 0 is a typical normal frame, 1 the level of the reference rate of alarms; None until enough was seen.
        area: what the moving area adds to the sum that the score is made of, in nats.
        speed: what the speed of what moves adds.
        crowd: what wide movement adds.
        look: what the look of the place adds.
        error: what the network's error adds; None without one.
        anomaly: whether an event is going on: above the threshold, or not yet below release since.
        calibration: whose normality: "adapter" or "warmup".
        at: the time of day, RFC 3339; None where the source does not say.
    """

    source: str
    frame: int
    time_s: float
    psnr_db: float | None
    feature_error: float | None
    frame_peak: float | None
    feature_peak: float | None
    score: float | None
    area: float | None
    speed: float | None
    crowd: float | None
    look: float | None
    error: float | None
    anomaly: bool
    calibration: CalibrationKind
    at: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The record of schema vad.score/1."""
        values: dict[str, Any] = {"schema": SCORE_SCHEMA} | {name: getattr(self, name) for name in self.__slots__}
        for name in ("time_s", "psnr_db", "score", "area", "speed", "crowd", "look", "error"):
            values[name] = None if values[name] is None else round(values[name], 4)
        for name in ("feature_error", "frame_peak", "feature_peak"):
            values[name] = None if values[name] is None else float(f"{values[name]:.6g}")
        return values


def format_of(name: str) -> Format | None:
    """The format that a file's name asks for; None if it does not say."""
    return _SUFFIXES.get(PurePath(name).suffix.lower())


def format_names() -> tuple[str, ...]:
    """All formats, for help and completions."""
    return get_args(Format)
