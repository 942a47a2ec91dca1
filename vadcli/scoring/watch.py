"""One source under watch: its errors become calibrated scores, records and events, in constant memory."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import InputError
from vadcli.footage.frames import Frame, SourceInfo
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.calibration import LEAST_FRAMES, Calibration, fit_calibration
from vadcli.scoring.errors import (
    FEATURE_ERROR,
    FEATURE_PEAK,
    FRAME_ERROR,
    FRAME_PEAK,
    SCENE_ERROR,
    SCENE_FAR,
    psnr_db,
)
from vadcli.scoring.events import Event, EventFinder, Finding
from vadcli.scoring.measuring import Maps, Measured
from vadcli.scoring.records import CalibrationKind, ScoreRecord
from vadcli.scoring.regions import Scales, fuse, region
from vadcli.scoring.smoothing import SmoothingState
from vadcli.scoring.usual import NormalErrors, Usual, above, relative
from vadcli.settings import ScoreSettings

# False alarms an hour where a source's own beginning is all that is known of it.
WARM_UP_RATE = 12.0
LONGEST_STEP_S = 1.0  # between frames; what is longer is a hole in the source


@dataclass(frozen=True)
class Assessed:
    """What is made of one frame.

    Attributes:
        record: what is written of it.
        frame: the frame itself.
        measured: its errors and maps.
        scales: what makes its maps comparable.
        usual: what is usual at each place.
    """

    record: ScoreRecord
    frame: Frame
    measured: Measured
    scales: Scales
    usual: Usual

    @cached_property
    def heat(self) -> NDArray[np.float32]:
        """(h, w): how unusual each place is; 1 is what the worst patch of a typical frame reaches.

        As fine as the network's frame if maps were measured, else coarse.
        """
        return self._fuse(self.measured.maps or self.measured.blocks)

    @cached_property
    def coarse_heat(self) -> NDArray[np.float32]:
        """The same a block at a time."""
        return self._fuse(self.measured.blocks)

    def _fuse(self, maps: Maps) -> NDArray[np.float32]:
        return fuse(above(maps, self.usual)._replace(scene=self.measured.blocks.scene), self.scales)


class Watch:
    """Turns the errors of one source into records and events.

    Args:
        name: of the source, for records.
        info: of the source.
        settings: threshold, events and warm-up.
        calibration: what is normal there; None to learn it from the first `warmup` seconds.
        kind: whose calibration it is.
        opening: also tell when an event has begun.
        relearn: learn it all the same, and let the source's own replace what was given.

    Attributes:
        warm_up_s: seconds of the source that are learned from.
    """

    def __init__(
        self,
        name: str,
        info: SourceInfo,
        settings: ScoreSettings,
        calibration: Calibration | None,
        kind: CalibrationKind,
        *,
        opening: bool = False,
        relearn: bool = False,
    ) -> None:
        self.name, self.info, self.kind = name, info, kind
        self.warm_up_s = warm_up_seconds(settings, info)
        self.calibration = calibration
        self.frames, self.events = 0, 0
        self._settings, self._opening = settings, opening
        self._state: SmoothingState | None = None
        self._warming = NormalErrors() if calibration is None or relearn else None
        self._seen_s, self._before_s = 0.0, math.inf
        self._finder = self._make_finder() if calibration else None

    @property
    def threshold(self) -> float | None:
        """The score above which events begin; None while warming up."""
        if self.calibration is None:
            return None
        asked = self._settings.threshold
        return self.calibration.threshold(alarm_rate(self._settings, self.kind)) if asked is None else asked

    def add(self, frame: Frame, measured: Measured | None) -> tuple[Assessed | None, list[Finding[Assessed]]]:
        """Take the next frame.

        Args:
            frame: of the source.
            measured: its errors; None for the first T frames, and for those after a gap.

        Returns:
            what is made of it (None where it has no errors), and the events that ended or began.
        """
        if measured is None:
            self._state = None
            return None, []
        self.frames += 1
        given = measured
        if self.calibration is not None:
            measured = relative(measured, self.calibration.usual_maps, self.calibration.scene)
        errors = {name: np.array([value]) for name, value in measured.errors.items()}
        if not all(np.isfinite(value).all() for value in errors.values()):
            raise InputError(
                f"{self.name}: frame {frame.index}: the model's output is not finite. "
                "Use --precision float32 or another model."
            )
        score = None
        if self.calibration is not None:
            scores, self._state = self.calibration.step(errors, np.array([frame.time_s]), self._state)
            score = float(scores[0])
        assessed = self._assess(frame, measured, score)
        found: list[Finding[Assessed]] = []
        if score is not None and self._finder is not None:
            found = [self._located(f) for f in self._finder.add(frame.index, frame.time_s, score, assessed)]
            anomaly = self._finder.active
            if anomaly != assessed.record.anomaly:
                assessed = replace(assessed, record=replace(assessed.record, anomaly=anomaly))
        return assessed, found + self._warm_up(frame, given)

    def finish(self) -> list[Finding[Assessed]]:
        """The event that was going on when the source ended."""
        return [self._located(finding) for finding in self._finder.finish()] if self._finder else []

    def _assess(self, frame: Frame, measured: Measured, score: float | None) -> Assessed:
        errors = measured.errors
        record = ScoreRecord(
            source=self.name,
            frame=frame.index,
            time_s=frame.time_s,
            psnr_db=psnr_db(errors[FRAME_ERROR]),
            feature_error=errors.get(FEATURE_ERROR),
            frame_peak=errors[FRAME_PEAK],
            feature_peak=errors.get(FEATURE_PEAK),
            scene_far=errors.get(SCENE_FAR),
            score=score,
            anomaly=False,
            calibration=self.kind,
            at=self.info.at(frame.time_s),
        )
        usual = self.calibration.usual_maps if self.calibration else {}
        return Assessed(record, frame, measured, self._scales, usual)

    @property
    def _scales(self) -> Scales:
        """What a map of each kind counts for, relative to the worst patch, or the far ones, of a typical frame."""
        if self.calibration is None:
            return Scales(1.0)
        weights, centre = self.calibration.weights, self.calibration.centre

        def scale(mean: str, peak: str) -> float:
            return (weights.get(mean, 0.0) + weights.get(peak, 0.0)) / float(np.exp(centre.get(peak, 0.0)))

        return Scales(scale(FRAME_ERROR, FRAME_PEAK), scale(FEATURE_ERROR, FEATURE_PEAK), scale(SCENE_ERROR, SCENE_FAR))

    def _warm_up(self, frame: Frame, measured: Measured) -> list[Finding[Assessed]]:
        """Learn what is normal, and score by that once enough was seen; an event by what was given ends there."""
        if self._warming is None:
            return []
        step_s = max(0.0, frame.time_s - self._before_s)
        if step_s <= max(LONGEST_STEP_S, 2 / self.info.fps):  # a hole in the source teaches nothing
            self._seen_s += step_s
        self._before_s = frame.time_s
        self._warming.add(0, measured)
        if self._seen_s < self.warm_up_s or self.frames < LEAST_FRAMES:
            return []
        ended = self.finish()
        errors = self._warming.finish()
        self.calibration = fit_calibration(
            errors, self.info.fps, self._settings, self._warming.usual, self._warming.scene
        )
        self.kind, self._state, self._warming = "warmup", None, None
        self._finder = self._make_finder()
        return ended

    def _make_finder(self) -> EventFinder[Assessed]:
        threshold = self.threshold
        if threshold is None:
            raise ValueError("no threshold without a calibration")
        rule = AlarmRule.of(self._settings)
        return EventFinder(self.name, threshold, rule, 1 / self.info.fps, opening=self._opening)

    def _located(self, finding: Finding[Assessed]) -> Finding[Assessed]:
        """The event with its region, counted if it is over."""
        evidence = finding.evidence
        box = region(evidence.coarse_heat, self.info.height, self.info.width)
        self.events += finding.event.state == "closed"
        event: Event = replace(finding.event, region=box, calibration=self.kind, at=self.info.at(finding.event.start_s))
        return Finding(event, evidence)


def warm_up_seconds(settings: ScoreSettings, info: SourceInfo) -> float:
    """How long a source is learned from: as long as was asked for, else no more than a third of a recording."""
    if "warmup" in settings.model_fields_set or info.frames is None:
        return settings.warmup
    return min(settings.warmup, info.frames / info.fps / 3)


def alarm_rate(settings: ScoreSettings, kind: CalibrationKind) -> float:
    """False alarms an hour that are accepted: what was asked for, else more where half a minute is all that is known.

    README tells what 12 an hour find in UMN, each clip calibrated on its own first third.
    """
    if kind == "warmup" and "false_alarms_per_hour" not in settings.model_fields_set:
        return max(WARM_UP_RATE, settings.false_alarms_per_hour)
    return settings.false_alarms_per_hour
