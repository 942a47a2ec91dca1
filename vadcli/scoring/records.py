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


TERMS = ("area", "speed", "crowd", "look", "error")  # of the sum, as a record names them


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """What is known of one frame."""

    source: str  # the recording or stream
    frame: int  # index in the source, from 0
    time_s: float  # time in the source
    psnr_db: float | None  # of the predicted frame; None without a network
    feature_error: float | None  # mean squared distance to prototypes (L_c); None for a model without a unit
    frame_peak: float | None  # largest mean squared error of a patch, on frames in [-1, 1]
    feature_peak: float | None  # the same of the distance to prototypes
    score: float | None = (
        None  # 0 is a typical normal frame, 1 the reference rate of alarms; None until enough was seen
    )
    # what each cue adds to the sum that the score is made of, in nats: moving area, speed of what moves, wide movement,
    # look of the place, and the network's error (None without one)
    area: float | None = None
    speed: float | None = None
    crowd: float | None = None
    look: float | None = None
    error: float | None = None
    anomaly: bool = False  # an event is going on: above the threshold, or not yet below release since
    calibration: CalibrationKind = "warmup"  # whose normality: "adapter" or "warmup"
    at: str | None = None  # the time of day, RFC 3339; None where the source does not say
    camera: str | None = None  # what is wrong with the view, which raises no other event meanwhile; None where nothing

    def to_json(self) -> dict[str, Any]:
        """The record of schema vad.score/1."""
        values: dict[str, Any] = {"schema": SCORE_SCHEMA} | {name: getattr(self, name) for name in self.__slots__}
        for name in ("time_s", "psnr_db", "score", *TERMS):
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
