"""One source as it is scored: observations and errors in, scored frames and events out, in constant memory."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from vadcli.errors import CheckpointError, InputError
from vadcli.footage.frames import Change, SourceInfo
from vadcli.scoring.alarms import Alarm, AlarmRule, AlarmStream
from vadcli.scoring.beginning import Beginning, Held, warm_up_seconds
from vadcli.scoring.calibration import Calibration
from vadcli.scoring.camera import SUDDEN_S, CameraAlarm, CameraWatch
from vadcli.scoring.cues import Map
from vadcli.scoring.errors import FEATURE_ERROR, FEATURE_PEAK, FRAME_ERROR, FRAME_PEAK, psnr_db
from vadcli.scoring.events import Event, Finding, State
from vadcli.scoring.fusion import CUES, Floats, Fusion
from vadcli.scoring.habit import Habit
from vadcli.scoring.incidents import Incidents
from vadcli.scoring.measuring import FrameErrors
from vadcli.scoring.observing import Observation
from vadcli.scoring.places import REASONS, Places
from vadcli.scoring.records import TERMS, CalibrationKind, ScoreRecord
from vadcli.scoring.regions import Region, regions
from vadcli.scoring.smoothing import CueSmoother, Smoother
from vadcli.settings import ScoreSettings


@dataclass(frozen=True, eq=False)
class ScoredFrame:
    """A frame and all that is known of it."""

    record: ScoreRecord | None  # what is written of it; None where it could not be measured, as the first of a source
    observation: Observation  # the frame as it was measured
    errors: FrameErrors | None  # the network's; None without one
    info: SourceInfo  # of its source
    terms: Floats | None = None  # (5,), what each cue adds to the sum; None without a score, as the next two
    places: Places | None = None  # its cues by place
    fusion: Fusion | None = None  # that scored it

    @property
    def cue(self) -> int | None:
        """The cue that is named as the reason."""
        return None if self.terms is None or self.places is None else self.places.main_cue(self.terms)

    @cached_property
    def heat(self) -> Map | None:
        """(32, w), the score of every cell: 1 is the level of alarms."""
        return None if self.places is None or self.fusion is None else self.places.heat(self.fusion)

    @cached_property
    def regions(self) -> list[Region]:
        """Where it does not fit, the worst first; none without a score."""
        if self.places is None or self.fusion is None or self.cue is None:
            return []
        return regions(self.places, self.fusion, self.cue, self.info)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A frame, scored or without a score, and the events that ended or began with it."""

    frame: ScoredFrame
    findings: Sequence[Finding[ScoredFrame]] = ()


class SourceScorer:
    """Scores one source.

    With a calibration every frame is scored as it comes. Without, the source's beginning teaches what is normal: of a
    recording it is scored afterwards, each tenth by what the other nine taught; of a stream it has no score. A stream
    goes on being learned from; a recording where that is asked for.

    Args:
        name: for records.
        info: of the source.
        settings: threshold, events and warm-up.
        calibration: what is normal there; None to learn it.
        live: hand every frame on at once.
    """

    def __init__(
        self,
        name: str,
        info: SourceInfo,
        settings: ScoreSettings,
        calibration: Calibration | None,
        *,
        live: bool = False,
    ) -> None:
        self.name, self.info = name, info
        self.kind: CalibrationKind = "adapter" if calibration else "warmup"
        self.calibration = calibration
        self.warm_up_s = warm_up_seconds(settings, info)
        self.frames = 0
        self._settings, self._live = settings, live
        self._beginning = Beginning(info.fps, self.warm_up_s)
        self._smooth_anew()
        self._camera = CameraWatch()
        self._blind: tuple[CameraAlarm, ScoredFrame] | None = None  # what is wrong now, and the frame that showed it
        self._incidents = Incidents()
        self._latest: ScoredFrame | None = None
        self._learns = live or settings.learn
        self._habit: Habit | None = None
        self._fusion: Fusion | None = None
        if calibration is not None:
            self._begin(calibration)
        self._alarms = AlarmStream[ScoredFrame](self.threshold or 1.0, AlarmRule.of(settings), 1 / info.fps)

    @property
    def threshold(self) -> float | None:
        """The score above which events begin; None while learning."""
        return None if self.calibration is None else self._threshold(self._fusion or self.calibration.fusion)

    def _threshold(self, fusion: Fusion) -> float:
        asked = self._settings.threshold
        return fusion.threshold(self._settings.false_alarms_per_hour) if asked is None else asked

    def add(self, observation: Observation, errors: FrameErrors | None, *, measured: bool) -> Iterator[Outcome]:
        """Take the next frame; gives what came of it, and of frames that had to wait for it.

        Args:
            observation: of the source.
            errors: the network's; None without one.
            measured: everything that is to be measured of it was.

        Raises:
            InputError: if the network's output is not finite.
            CheckpointError: if the calibration is of pictures of another shape.
        """
        if errors is not None and not all(map(math.isfinite, errors.numbers.values())):
            raise InputError(
                f"{self.name}: frame {observation.index}: the model's output is not finite. "
                "Use --precision float32 or another model."
            )
        self.frames += measured
        self._latest = ScoredFrame(None, observation, errors, self.info) if self._live else None
        held = Held(observation, errors, measured)
        if self.calibration is not None:
            yield self._outcome(held, self.calibration)
        elif self._live:
            yield self._outcome(held, None)
            yield from self._learn(held)
        else:
            yield from self._learn(held.packed())

    def finish(self) -> Iterator[Outcome]:
        """What was held back when the source ended."""
        if self.calibration is not None or self._live:
            return
        if self._beginning.teaches:
            yield from self._settle()
        else:
            yield from (self._outcome(held.unpacked(), None) for held in self._beginning.let_go())

    def last(self) -> list[Finding[ScoredFrame]]:
        """The events that were going on when the source ended."""
        alarm, latest = self._alarms.finish(), self._latest
        found = [self._finding(alarm, "closed")] if alarm else []
        if self._blind is not None:
            found.append(self._camera_finding(*self._blind, "closed"))
        ended = self._incidents.end(latest.observation.time_s) if latest else ()
        return found + [self._camera_finding(incident, latest, state) for incident, state in ended if latest]

    def changed(self, change: Change) -> list[Finding[ScoredFrame]]:
        """The events that end or begin with an incident of a stream."""
        if (latest := self._latest) is None:
            return []
        over = self._alarms.finish() if change.kind == "lost" else None
        found = [self._finding(over, "closed")] if over else []
        told = self._incidents.add(change, latest.observation.index)
        return found + [self._camera_finding(incident, latest, state) for incident, state in told]

    def _learn(self, held: Held) -> Iterator[Outcome]:
        released = self._beginning.add(held)
        if not self._live:
            yield from (self._outcome(frame.unpacked(), None) for frame in released)
        if self._beginning.is_enough:
            yield from self._settle()

    def _settle(self) -> Iterator[Outcome]:
        """Learn from the beginning, and score it."""
        learned = self._beginning.learned(self._settings.fusion, apart=not self._live)
        for part, calibration in zip(learned.parts, learned.others, strict=False):
            if calibration:
                self._camera.learn(calibration.baseline.look, calibration.facts.camera)
            yield from (self._outcome(held.unpacked(), calibration) for held in part)
        self.calibration = learned.calibration
        self._begin(learned.calibration)

    def _begin(self, calibration: Calibration) -> None:
        """Score by a calibration from now on, and go on learning where that is asked for."""
        self._camera.learn(calibration.baseline.look, calibration.facts.camera)
        self._fusion = None
        self._habit = Habit(calibration) if self._learns else None

    def _smooth_anew(self) -> None:
        seconds = self._settings.smooth_seconds
        self._trail, self._smoother = Smoother[Map](seconds), CueSmoother(seconds)

    def _outcome(self, held: Held, calibration: Calibration | None) -> Outcome:
        observation, errors = held.observation, held.errors
        if not held.measured:
            if observation.cues is not None and calibration is not None:
                self._seen(observation, None, calibration)  # what follows is smoothed from here on
            return Outcome(ScoredFrame(None, observation, errors, self.info))
        record = self._record(observation, errors)
        if calibration is None:
            if self._live and observation.cues is not None:
                self._camera.add(observation.index, observation.time_s, observation.cues.look)
            return self._without_score(ScoredFrame(record, observation, errors, self.info))
        places, values = self._seen(observation, errors, calibration)
        if self._camera.alarm:
            return self._without_score(ScoredFrame(record, observation, errors, self.info))
        fusion = self._fusion or calibration.fusion
        terms = fusion.terms(values)
        score = float(fusion.score(terms))
        by_name = {name: float(term) for name, term in zip(TERMS, terms, strict=True)}
        record = replace(record, score=score, **(by_name | ({} if errors else {"error": None})))  # type: ignore[arg-type]
        frame = ScoredFrame(record, observation, errors, self.info, terms, places, fusion)
        alarms = self._alarms
        alarms.threshold = self._threshold(fusion)
        heard, strange_s = score, self._camera.strange_s
        if alarms.now and strange_s is not None and alarms.now.start_s < strange_s - SUDDEN_S:
            heard = min(score, alarms.now.peak_score)  # what may be the camera's is no peak of the scene's alarm
        over = alarms.add(observation.index, observation.time_s, heard, frame)
        found = self._camera_findings(frame)
        found += [self._finding(over, "closed")] if over else []
        if not self._camera.wonders and (begun := alarms.begun()):
            found.append(self._finding(begun, "open"))
        if self._habit is not None and not self._camera.wonders:
            self._fusion = self._habit.add(values, observation.time_s, sounding=alarms.sounding) or self._fusion
        if alarms.sounding:
            frame = replace(frame, record=replace(record, anomaly=True))
        return Outcome(frame, found)

    def _seen(
        self, observation: Observation, errors: FrameErrors | None, calibration: Calibration
    ) -> tuple[Places, Floats]:
        """Cues by place and their smoothed values, (5,)."""
        cues, time_s = observation.cues, observation.time_s
        assert cues is not None
        if cues.look.shape != calibration.baseline.look.mean.shape:
            got, made = (f"{shape[0]}x{shape[1]}" for shape in (cues.look.shape, calibration.baseline.look.mean.shape))
            raise CheckpointError(
                f"{self.name}: a picture of {got} places; the adapter was made for one of {made}, of another shape. "
                "Adapt to this camera: vad adapt NORMAL-VIDEO."
            )
        distances = self._camera.add(observation.index, time_s, cues.look)
        assert distances is not None
        if self._camera.alarm:
            self._smooth_anew()
        patches = None if errors is None else errors.relative
        places = Places.of(cues, distances, patches, calibration.baseline, self._trail(cues.motion, time_s))
        return places, self._smoother(places.values(), time_s)

    def _record(self, observation: Observation, errors: FrameErrors | None) -> ScoreRecord:
        numbers = errors.numbers if errors else {}
        return ScoreRecord(
            source=self.name,
            frame=observation.index,
            time_s=observation.time_s,
            psnr_db=psnr_db(numbers[FRAME_ERROR]) if numbers else None,
            feature_error=numbers.get(FEATURE_ERROR),
            frame_peak=numbers.get(FRAME_PEAK),
            feature_peak=numbers.get(FEATURE_PEAK),
            calibration=self.kind,
            at=self.info.at(observation.time_s),
        )

    def _without_score(self, frame: ScoredFrame) -> Outcome:
        """A frame of a source of which too little was seen, or whose camera does not see what it should."""
        found = self._camera_findings(frame)
        alarm, record = self._camera.alarm, frame.record
        if record is not None and alarm:
            frame = replace(frame, record=replace(record, camera=alarm.reason, anomaly=True))
        return Outcome(frame, found)

    def _camera_findings(self, frame: ScoredFrame) -> list[Finding[ScoredFrame]]:
        """Events of the camera that end or begin with a frame, and those that cannot go on without it."""
        found, alarm, blind = [], self._camera.alarm, self._blind
        if blind and (alarm is None or alarm.frame != blind[0].frame):
            found.append(self._camera_finding(*blind, "closed"))
            self._blind = blind = None
        if alarm:
            self._blind = alarm, blind[1] if blind else frame
            if not blind:
                over = self._alarms.finish()
                found += [self._finding(over, "closed")] if over and over.start_s < alarm.start_s - SUDDEN_S else []
                found.append(self._camera_finding(alarm, frame, "open"))
        return found

    def _camera_finding(self, alarm: CameraAlarm, shown: ScoredFrame, state: State) -> Finding[ScoredFrame]:
        shown_s, at = shown.observation.time_s, self.info.at(alarm.start_s)
        return Finding(alarm.event(self.name, state, shown_s, self.threshold or 1.0, self.kind, at), shown)

    def _finding(self, alarm: Alarm[ScoredFrame], state: State) -> Finding[ScoredFrame]:
        """The event of an alarm."""
        peak = alarm.kept
        if peak.cue is None or peak.terms is None:
            raise ValueError("an event of a frame without a score")
        event = Event(
            source=self.name,
            id=f"{self.name}#{alarm.first}",
            state=state,
            start_s=alarm.start_s,
            end_s=alarm.end_s,
            peak_s=alarm.peak_s,
            peak_score=alarm.peak_score,
            threshold=alarm.threshold,
            region=peak.regions[0].box,
            cue=CUES[peak.cue],
            reason=REASONS[CUES[peak.cue]],
            share=float(peak.terms[peak.cue] / max(peak.terms.sum(), 1e-9)),
            calibration=self.kind,
            at=self.info.at(alarm.start_s),
        )
        return Finding(event, peak)
