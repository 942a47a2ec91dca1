"""One line of an evaluation: what was measured, on what, every figure of it; the JSON schema `vad.eval/1`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from vadcli.evaluation.events import EventScores, score_events
from vadcli.evaluation.evidence import Evidence
from vadcli.evaluation.intervals import Interval, influences, interval
from vadcli.evaluation.metrics import FALSE_POSITIVE_RATES, clip_aucs, curve, mean_or_none, padded
from vadcli.evaluation.pool import Floats, Pool, pool
from vadcli.evaluation.protocols import Protocol, Request
from vadcli.settings import EvalSettings

SCHEMA = "vad.eval/1"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a result was measured on: everything two results must share to be compared.

    Attributes:
        data: name of the cache or score files.
        labels: variant of the labels, "own" where a data set has one only.
        shots: windows adapted on (K); None for scores that came from elsewhere.
        support: where they came from: "none", "clip" (head of the test clip) or "scene" (its scene's normal
            footage).
        draw: which draw of a random support; None where it is not random.
        counting: "common": frames that the largest K leaves; "paper": those that this K leaves.
        adaptation: "meta", "sgd", "no-meta", "none" (as it was learned) or "foreign".
    """

    data: str
    labels: str = "own"
    shots: int | None = None
    support: str = "none"
    draw: int | None = None
    counting: str = "common"
    adaptation: str = "none"


@dataclass(frozen=True, slots=True)
class Result:
    """Every figure of one protocol and score.

    Attributes:
        setting: what it was measured on.
        protocol: name of the protocol.
        score: "fp", "fr", "fused" or "given".
        uses_future: the protocol looks ahead in the test clip, so the figure cannot be had live.
        frames: frames counted.
        abnormal_frames: those of them that are abnormal.
        clips: clips counted.
        micro_auc: AUC of all frames pooled.
        micro_auc_interval: its 95 % interval over clips; None for a single clip.
        interval_method: how the interval was made.
        macro_auc: mean over clips that have both kinds of frames; None when no clip does.
        macro_clips: how many those are; the others have no AUC and are left out.
        macro_auc_padded: mean over all clips, each given a normal frame below and an abnormal one above all.
        ap: average precision of pooled frames.
        eer: equal error rate of pooled frames.
        tpr_at_fpr: recall at 1, 5 and 10 % false positive rate.
        false_alarms_per_hour: alarms that touch no abnormal frame, for an hour of normal footage, where the
            threshold reaches a recall (share of abnormal frames).
        events: alarms against true events at one threshold.
        events_threshold: where that came from: "calibration" (one false alarm an hour) or "equal error rate"
            (chosen on test labels: comparable between methods, not a forecast).
        per_clip: figures of each clip; "influence" is what a later comparison needs for its interval.
        notes: what a reader must know.
    """

    setting: Setting
    protocol: str
    score: str
    uses_future: bool
    frames: int
    abnormal_frames: int
    clips: int
    micro_auc: float
    micro_auc_interval: tuple[float, float] | None
    interval_method: str | None
    macro_auc: float | None
    macro_clips: int
    macro_auc_padded: float
    ap: float
    eer: float
    tpr_at_fpr: dict[str, float]
    false_alarms_per_hour: dict[str, float]
    events: EventScores
    events_threshold: str
    per_clip: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Plain values, the setting's beside the figures; no NaN."""
        fields = asdict(self)
        setting = fields.pop("setting")
        interval_ = fields.pop("micro_auc_interval")
        return {
            **setting,
            **fields,
            "micro_auc_interval": None if interval_ is None else list(interval_),
            "per_clip": [dict(one) for one in self.per_clip],
            "notes": list(self.notes),
        }

    @property
    def macro_excluded(self) -> int:
        """Clips of one kind only, which have no AUC."""
        return self.clips - self.macro_clips


def evaluate(
    clips: Sequence[Evidence],
    protocol: Protocol,
    request: Request,
    setting: Setting,
    settings: EvalSettings,
    *,
    notes: Iterable[str] = (),
) -> Result:
    """Figures of one protocol and score over clips.

    Args:
        clips: with labels.
        protocol: that scores them.
        request: what to score.
        setting: what is measured, for the record.
        settings: seeds, resamples, recalls, tolerance.
        notes: to pass on.

    Raises:
        InputError: when nothing can be ranked (`pool` says why).
    """
    return measure(score(clips, protocol, request), protocol, request, setting, settings, notes=notes)


def score(clips: Sequence[Evidence], protocol: Protocol, request: Request) -> Pool:
    """Scores of one protocol with their labels, pooled."""
    return pool(
        [clip.name for clip in clips],
        protocol.scores(clips, request),
        [clip.labels for clip in clips],
        [clip.fps for clip in clips],
    )


def measure(
    data: Pool,
    protocol: Protocol,
    request: Request,
    setting: Setting,
    settings: EvalSettings,
    *,
    notes: Iterable[str] = (),
) -> Result:
    """Figures of scores that are there already; arguments as of `evaluate`."""
    points = curve(data.labels, data.scores)
    aucs = clip_aucs(data)
    spread: Interval | None = interval(data, settings.bootstrap, settings.seed)
    calibrated = request.calibrations is not None and protocol.needs_calibration
    threshold = 1.0 if calibrated else points.equal_error_threshold
    alarms = {
        str(recall): _events(data, points.threshold_at(recall), settings).false_alarms_per_hour
        for recall in settings.recalls
    }
    return Result(
        setting=setting,
        protocol=protocol.name,
        score=request.score,
        uses_future=protocol.uses_future,
        frames=len(data.scores),
        abnormal_frames=int(data.labels.sum()),
        clips=len(data.names),
        micro_auc=points.auc,
        micro_auc_interval=None if spread is None else (spread.low, spread.high),
        interval_method=None if spread is None else spread.method,
        macro_auc=mean_or_none(aucs),
        macro_clips=int(np.count_nonzero(~np.isnan(aucs))),
        macro_auc_padded=float(padded(aucs, data).mean()),
        ap=points.average_precision,
        eer=points.equal_error_rate,
        tpr_at_fpr={str(rate): points.recall_at(rate) for rate in FALSE_POSITIVE_RATES},
        false_alarms_per_hour=alarms,
        events=_events(data, threshold, settings),
        events_threshold="calibration" if calibrated else "equal error rate",
        per_clip=tuple(_per_clip(data, aucs)),
        notes=tuple(notes),
    )


def _events(data: Pool, threshold: float, settings: EvalSettings) -> EventScores:
    return score_events(data, threshold, settings.tolerance_seconds, settings.merge_gap_seconds)


def _per_clip(data: Pool, aucs: Floats) -> Iterable[Mapping[str, Any]]:
    effect = influences(data)
    rows = zip(
        data.names,
        data.lengths.tolist(),
        data.abnormal.tolist(),
        aucs.tolist(),
        effect.tolist(),
        strict=True,
    )
    for name, frames, abnormal, auc, one in rows:
        yield {
            "clip": name,
            "frames": frames,
            "abnormal": abnormal,
            "auc": None if np.isnan(auc) else auc,
            "influence": one,
        }


def document(results: Sequence[Result], **about: Any) -> dict[str, Any]:
    """The whole evaluation as JSON values.

    Args:
        results: all of them.
        about: what holds for all: model, versions, contaminated supports, localisation.
    """
    return {"schema": SCHEMA, **about, "results": [result.to_json() for result in results]}
