"""One line of an evaluation: the model, the footage and every figure; the JSON schema `vad.eval/1`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from vadcli.evaluation.events import Criterion, EventScores, events_within, just_below, latency_aware_ap, score_events
from vadcli.evaluation.evidence import Evidence
from vadcli.evaluation.intervals import influences, interval
from vadcli.evaluation.metrics import FALSE_POSITIVE_RATES, clip_aucs, curve, mean_or_none, scene_aucs
from vadcli.evaluation.pool import Pool, pool
from vadcli.evaluation.protocols import Protocol, Request
from vadcli.settings import EvalSettings

SCHEMA = "vad.eval/1"


@dataclass(frozen=True, slots=True)
class Setting:
    """The setting of a result: everything two results must share to be compared."""

    data: str  # name of the cache or score files
    labels: str = "own"  # variant of the labels, "own" for those of the data set itself
    shots: int | None = None  # windows adapted on (K); None for scores that came from elsewhere
    # where they came from: "none", "clip" (head of the test clip) or "scene" (its scene's normal footage)
    support: str = "none"
    counting: str = "common"  # "common": frames that the largest K leaves; "paper": those that this K leaves
    # "meta" (learned step sizes), "no-meta" (a model that was not meta-trained), "none" (K = 0) or "foreign"
    adaptation: str = "none"


@dataclass(frozen=True, slots=True)
class Result:
    """Every figure of one protocol and score; alarms by thresholds of recall and EER are chosen on test labels."""

    setting: Setting  # data, labels, shots and support
    protocol: str  # name of the protocol
    score: str  # "live" (the program's), one of SCORES, CUES or CONTROLS, or "given"
    uses_future: bool  # the protocol looks ahead in the test clip, so the figure cannot be had live
    frames: int  # frames counted
    abnormal_frames: int  # those of them that are abnormal
    clips: int  # clips counted
    micro_auc: float  # AUC of all frames pooled
    micro_auc_interval: tuple[float, float] | None  # its 95 % interval over clips; None for a single clip
    interval_method: str | None  # how the interval was made
    macro_auc: float | None  # mean over clips that have both kinds of frames; None when no clip does
    macro_clips: int  # how many those are; the others have no AUC and are left out
    ap: float  # average precision of pooled frames
    latency_aware_ap: float  # the same over events, each worth what is left of it when it is found (`latency_aware_ap`)
    eer: float  # equal error rate of pooled frames
    tpr_at_fpr: dict[str, float]  # recall at 1, 5 and 10 % false positive rate
    false_alarms_per_hour: dict[str, float]  # for an hour of normal footage, where the threshold reaches a recall
    fpr_at_recall: dict[str, float]  # share of normal frames above the same thresholds
    events: EventScores  # alarms against true events at one threshold
    events_threshold: str  # "calibration" (the program's, for the rate of false alarms asked for) or "equal error rate"
    # most events found by alarms that begin anew, with no more false alarms than there are clips
    events_at_one_false_alarm_a_clip: EventScores
    per_clip: tuple[Mapping[str, Any], ...]  # "influence" is for the interval of a later comparison
    scene_auc: dict[str, float | None]  # micro AUC of each scene by its name; None for frames of one kind only
    notes: tuple[str, ...] = field(default=())  # for the reader

    def to_json(self) -> dict[str, Any]:
        """Plain values, the setting's beside the figures; no NaN."""
        plain = asdict(self)
        return {**plain.pop("setting"), **plain}


def score(clips: Sequence[Evidence], protocol: Protocol, request: Request) -> Pool:
    """Scores of one protocol with their labels, pooled.

    Raises:
        InputError: when nothing can be ranked (`pool` says why).
    """
    return pool(
        [clip.name for clip in clips],
        protocol.scores(clips, request),
        [clip.labels for clip in clips],
        [clip.fps for clip in clips],
        [clip.scene for clip in clips],
        [clip.times_s for clip in clips],
        request.thresholds(clips) if protocol.live else None,
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
    """Figures of one protocol and score."""
    calibrated = data.thresholds is not None
    rule = request.rule if calibrated else replace(request.rule, release=1.0)
    criterion = Criterion(rule, settings.tolerance_seconds, settings.linger_seconds)
    spread = interval(data, settings.bootstrap, settings.seed)
    return Result(
        setting=setting,
        protocol=protocol.name,
        score=request.score,
        uses_future=protocol.uses_future,
        frames=len(data.scores),
        abnormal_frames=int(data.labels.sum()),
        clips=len(data.names),
        micro_auc_interval=None if spread is None else (spread.low, spread.high),
        interval_method=None if spread is None else spread.method,
        macro_clips=int(np.count_nonzero((data.abnormal > 0) & (data.abnormal < data.lengths))),
        events_threshold="calibration" if calibrated else "equal error rate",
        per_clip=tuple(_per_clip(data)),
        notes=tuple(notes),
        **_figures(data, criterion, settings.recalls),
    )


def _figures(data: Pool, criterion: Criterion, recalls: Sequence[float]) -> dict[str, Any]:
    """Figures by the names of `Result`."""
    points = curve(data.labels, data.scores)
    alarms = {
        str(recall): score_events(data, just_below(points.threshold_at(recall)), criterion).false_alarms_per_hour
        for recall in recalls
    }
    threshold = just_below(points.equal_error_threshold) if data.thresholds is None else data.thresholds
    return {
        "micro_auc": points.auc,
        "scene_auc": scene_aucs(data),
        "macro_auc": mean_or_none(clip_aucs(data)),
        "ap": points.average_precision,
        "latency_aware_ap": latency_aware_ap(data, points),
        "eer": points.equal_error_rate,
        "tpr_at_fpr": {str(rate): points.recall_at(rate) for rate in FALSE_POSITIVE_RATES},
        "false_alarms_per_hour": alarms,
        "fpr_at_recall": {str(recall): points.false_positive_rate_at(recall) for recall in recalls},
        "events_at_one_false_alarm_a_clip": events_within(data, len(data.names), criterion),
        "events": score_events(data, threshold, criterion),
    }


def _per_clip(data: Pool) -> Iterable[Mapping[str, Any]]:
    aucs, effects = clip_aucs(data).tolist(), influences(data).tolist()
    rows = zip(data.names, data.lengths.tolist(), data.abnormal.tolist(), aucs, effects, strict=True)
    for name, frames, abnormal, auc, effect in rows:
        known = None if np.isnan(auc) else auc
        yield {"clip": name, "frames": frames, "abnormal": abnormal, "auc": known, "influence": effect}


def document(results: Sequence[Result], **about: Any) -> dict[str, Any]:
    """The whole evaluation as JSON values."""
    return {"schema": SCHEMA, **about, "results": [result.to_json() for result in results]}
