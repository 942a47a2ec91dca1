"""What is written of a frame, and the formats it is written in."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, get_args

SCORE_SCHEMA = "vad.score/1"
Format = Literal["ndjson", "csv", "json", "table", "srt", "vtt"]
Records = Literal["frames", "events"]
CalibrationKind = Literal["adapter", "model", "warmup"]

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
        psnr_db: of the predicted frame.
        feature_error: mean squared distance to prototypes (L_c); None for a model without a unit.
        frame_peak: largest mean squared error of a patch above the usual of its place, on frames in [-1, 1].
        feature_peak: the same of the distance to prototypes.
        scene_far: mean distance of the patches whose features are farther from those usual at their place in this
            scene than normal footage's are on the average, which is the unit; None where a scene's are not known.
        score: 0 typical, 1 exceeded once an hour by normal footage; None until a warm-up has seen enough.
        anomaly: whether an event is going on: above the threshold, or not yet below release since.
        calibration: whose normality: "adapter", "model" or "warmup".
        at: the time of day, RFC 3339; None where the source does not say.
    """

    source: str
    frame: int
    time_s: float
    psnr_db: float
    feature_error: float | None
    frame_peak: float
    feature_peak: float | None
    scene_far: float | None
    score: float | None
    anomaly: bool
    calibration: CalibrationKind
    at: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The record of schema vad.score/1."""
        return {
            "schema": SCORE_SCHEMA,
            "source": self.source,
            "frame": self.frame,
            "time_s": round(self.time_s, 4),
            "psnr_db": round(self.psnr_db, 4),
            "feature_error": _significant(self.feature_error),
            "frame_peak": _significant(self.frame_peak),
            "feature_peak": _significant(self.feature_peak),
            "scene_far": _significant(self.scene_far),
            "score": None if self.score is None else round(self.score, 4),
            "anomaly": self.anomaly,
            "calibration": self.calibration,
            "at": self.at,
        }


def _significant(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def format_of(name: str) -> Format | None:
    """The format that a file's name asks for; None if it does not say."""
    return _SUFFIXES.get(PurePath(name).suffix.lower())


def format_names() -> tuple[str, ...]:
    """All formats, for help and completions."""
    return get_args(Format)
