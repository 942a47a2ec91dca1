"""One source as it is scored: observations and errors in, scored frames and events out, in constant memory."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from vadcli.errors import CheckpointError, InputError
from vadcli.footage.frames import SourceInfo
from vadcli.footage.opencv import cv2
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.baseline import LookFollower
from vadcli.scoring.calibration import LEAST_FRAMES, Calibration, NormalFootage
from vadcli.scoring.cues import Map
from vadcli.scoring.errors import FEATURE_ERROR, FEATURE_PEAK, FRAME_ERROR, FRAME_PEAK, psnr_db
from vadcli.scoring.events import EventFinder, Finding
from vadcli.scoring.fusion import CUES, Floats, Fusion
from vadcli.scoring.measuring import FrameErrors
from vadcli.scoring.observing import Observation
from vadcli.scoring.places import REASONS, MotionTrail, Places
from vadcli.scoring.records import CalibrationKind, ScoreRecord
from vadcli.scoring.regions import Region, regions
from vadcli.scoring.smoothing import Smoother
from vadcli.settings import ScoreSettings

_PARTS = 10  # of a recording's beginning; each is scored by what the others taught
_HOLE_S = 1.0  # between frames; what is longer teaches nothing
_CUT = 0.5  # share of the picture that moves at once where another shot begins
_BLACK = 20.0  # mean grey level of a picture that shows nothing yet
_SHARPENS_S = 1.0  # after a cut, until an encoder has made a picture what it stays


@dataclass(frozen=True, eq=False)
class ScoredFrame:
    """A frame and all that is known of it.

    Attributes:
        record: what is written of it; None where it could not be measured, as the first of a source.
        observation: the frame as it was measured.
        errors: the network's; None without one.
        terms: (5,), what each cue adds to the sum; None without a score.
        places: its cues by place; None without a score.
        fusion: that scored it; None without a score.
        info: of its source.
    """

    record: ScoreRecord | None
    observation: Observation
    errors: FrameErrors | None
    info: SourceInfo
    terms: Floats | None = None
    places: Places | None = None
    fusion: Fusion | None = None

    @property
    def cue(self) -> int | None:
        """The cue with the largest term."""
        return None if self.terms is None else int(self.terms.argmax())

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
    """What came of an observation.

    Attributes:
        frame: scored, or without a score.
        findings: events that ended or began with it.
    """

    frame: ScoredFrame
    findings: Sequence[Finding[ScoredFrame]] = ()


class SourceScorer:
    """Scores one source.

    With a calibration every frame is scored as it comes. Without, the source's beginning teaches what is normal: of a
    recording it is scored afterwards, each tenth by what the other nine taught; of a stream it has no score.

    Args:
        name: of the source, for records.
        info: of the source.
        settings: threshold, events and warm-up.
        calibration: what is normal there; None to learn it.
        opening: also tell when an event has begun.
        live: hand every frame on at once.
    """

    def __init__(
        self,
        name: str,
        info: SourceInfo,
        settings: ScoreSettings,
        calibration: Calibration | None,
        *,
        opening: bool = False,
        live: bool = False,
    ) -> None:
        self.name, self.info = name, info
        self.kind: CalibrationKind = "adapter" if calibration else "warmup"
        self.calibration = calibration
        self.warm_up_s = warm_up_seconds(settings, info)
        self.frames, self.events = 0, 0
        self._settings, self._live = settings, live
        self._held: list[_Held] = []
        self._seen_s, self._before_s, self._begins_s = 0.0, math.inf, -math.inf
        self._trail, self._smoother = MotionTrail(settings.smooth_seconds), Smoother[Floats](settings.smooth_seconds)
        self._follower = LookFollower(calibration.baseline.look) if calibration else None
        self._finder = EventFinder[ScoredFrame](
            name, self.threshold or 1.0, AlarmRule.of(settings), 1 / info.fps, opening=opening
        )

    @property
    def threshold(self) -> float | None:
        """The score above which events begin; None while learning."""
        return None if self.calibration is None else self._threshold(self.calibration)

    def _threshold(self, calibration: Calibration) -> float:
        asked = self._settings.threshold
        return calibration.fusion.threshold(self._settings.false_alarms_per_hour) if asked is None else asked

    def add(self, observation: Observation, errors: FrameErrors | None, *, measured: bool) -> Iterator[Outcome]:
        """Take the next frame.

        Args:
            observation: of the source.
            errors: the network's; None without one.
            measured: everything that is to be measured of it was.

        Returns:
            what came of it, and of frames that had to wait for it.

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
        held = _Held(observation, errors, measured)
        if self.calibration is not None:
            yield self._outcome(held, self.calibration)
        elif self._live:
            yield self._outcome(held, None)
            yield from self._learn(held)
        else:
            yield from self._learn(held.packed())

    def finish(self) -> Iterator[Outcome]:
        """What was held back when the source ended."""
        if self.calibration is None:
            yield from self._settle()

    def last(self) -> list[Finding[ScoredFrame]]:
        """The event that was going on when the source ended."""
        return [self._located(finding) for finding in self._finder.finish()]

    def _learn(self, held: "_Held") -> Iterator[Outcome]:
        observation = held.observation
        if held.measured:
            step_s = max(0.0, observation.time_s - self._before_s)
            self._before_s = observation.time_s
            if _shows_nothing_yet(observation):
                self._begins_s = observation.time_s + _SHARPENS_S
            if observation.time_s < self._begins_s:
                yield from self._released()
                self._seen_s = 0.0
            elif step_s <= max(_HOLE_S, 2 / self.info.fps):
                self._seen_s += step_s
        self._held.append(held)
        if self._seen_s >= self.warm_up_s and sum(one.measured for one in self._held) >= LEAST_FRAMES:
            yield from self._settle()

    def _released(self) -> Iterator[Outcome]:
        """Frames that teach nothing, such as a title before the first picture."""
        held, self._held = self._held, []
        if not self._live:
            yield from (self._outcome(one.unpacked(), None) for one in held)

    def _settle(self) -> Iterator[Outcome]:
        """Learn from what is held, and score it."""
        if sum(one.measured for one in self._held) < LEAST_FRAMES:
            yield from self._released()
            return
        held, self._held = self._held, []
        bounds = np.linspace(0, len(held), min(_PARTS, len(held)) + 1).astype(int).tolist()
        parts = [held[first:stop] for first, stop in pairwise(bounds)]
        taught = [self._normal(part) for part in parts]
        if not self._live:
            for number, part in enumerate(parts):
                others = NormalFootage.of([*taught[:number], *taught[number + 1 :]])
                calibration = others.calibrate(self._settings.fusion) if others.frames >= LEAST_FRAMES else None
                self._follower = LookFollower(calibration.baseline.look) if calibration else None
                yield from (self._outcome(one.unpacked(), calibration) for one in part)
        self.calibration = NormalFootage.of(taught).calibrate(self._settings.fusion)
        self._follower = LookFollower(self.calibration.baseline.look)

    def _outcome(self, held: "_Held", calibration: Calibration | None) -> Outcome:
        observation, errors = held.observation, held.errors
        if not held.measured:
            return Outcome(ScoredFrame(None, observation, errors, self.info))
        record = self._record(observation, errors)
        if calibration is None:
            return Outcome(ScoredFrame(record, observation, errors, self.info))
        return self._scored(record, observation, errors, calibration)

    def _normal(self, part: Sequence["_Held"]) -> NormalFootage:
        normal = NormalFootage(self.info.fps)
        for held in part:
            if held.measured and held.observation.cues is not None:
                normal.add(0, held.observation.time_s, held.observation.cues, peak_of(held.errors))
        return normal

    def _scored(
        self, record: ScoreRecord, observation: Observation, errors: FrameErrors | None, calibration: Calibration
    ) -> Outcome:
        cues, time_s, fusion = observation.cues, observation.time_s, calibration.fusion
        assert cues is not None and self._follower is not None
        if cues.look.shape != calibration.baseline.look.mean.shape:
            got, made = (f"{shape[0]}x{shape[1]}" for shape in (cues.look.shape, calibration.baseline.look.mean.shape))
            raise CheckpointError(
                f"{self.name}: a picture of {got} places; the adapter was made for one of {made}, of another shape. "
                "Adapt to this camera: vad adapt NORMAL-VIDEO."
            )
        distances = self._follower(cues.look, time_s)
        places = Places.of(
            cues, distances, None if errors is None else errors.patches, calibration.baseline, self._trail(cues, time_s)
        )
        terms = fusion.terms(self._smoother(places.values(), time_s))
        score = float(fusion.score(terms))
        by_name = {name: float(term) for name, term in zip(_TERMS, terms, strict=True)}
        record = replace(record, score=score, **(by_name | ({} if errors else {"error": None})))  # type: ignore[arg-type]
        frame = ScoredFrame(record, observation, errors, self.info, terms, places, fusion)
        self._finder.threshold = self._threshold(calibration)
        found = self._finder.add(observation.index, time_s, score, frame)
        if self._finder.active:
            frame = replace(frame, record=replace(record, anomaly=True))
        return Outcome(frame, [self._located(one) for one in found])

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
            score=None,
            area=None,
            speed=None,
            crowd=None,
            look=None,
            error=None,
            anomaly=False,
            calibration=self.kind,
            at=self.info.at(observation.time_s),
        )

    def _located(self, finding: Finding[ScoredFrame]) -> Finding[ScoredFrame]:
        """The event with its reason and region, counted if it is over."""
        peak, event = finding.evidence, finding.event
        self.events += event.state == "closed"
        cue = peak.cue
        if cue is None or peak.terms is None:
            raise ValueError("an event of a frame without a score")
        return Finding(
            replace(
                event,
                region=peak.regions[0].box,
                cue=CUES[cue],
                reason=REASONS[CUES[cue]],
                share=float(peak.terms[cue] / max(peak.terms.sum(), 1e-9)),
                calibration=self.kind,
                at=self.info.at(event.start_s),
            ),
            peak,
        )


_TERMS = ("area", "speed", "crowd", "look", "error")


@dataclass(frozen=True, slots=True)
class _Held:
    """A frame that waits until enough was learned to score it; its picture is kept as a JPEG."""

    observation: Observation
    errors: FrameErrors | None
    measured: bool
    jpeg: bytes | None = None

    def packed(self) -> "_Held":
        picture = self.observation.picture
        if picture is None:
            return replace(self, observation=replace(self.observation, image=None))
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        return replace(self, observation=replace(self.observation, picture=None), jpeg=data.tobytes())

    def unpacked(self) -> "_Held":
        if self.jpeg is None:
            return self
        picture = np.asarray(cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
        return replace(self, observation=replace(self.observation, picture=picture))


def peak_of(errors: FrameErrors | None) -> float:
    """The network's cue; NaN without a network."""
    return math.nan if errors is None else errors.numbers[FRAME_PEAK]


def _shows_nothing_yet(observation: Observation) -> bool:
    """Whether a picture is black, or another shot begins with it."""
    cues = observation.cues
    if cues is None:
        return False
    return bool(cues.look[..., 0].mean(dtype=np.float32) < _BLACK or cues.area.mean(dtype=np.float32) > _CUT)


def warm_up_seconds(settings: ScoreSettings, info: SourceInfo) -> float:
    """How long a source teaches: as long as was asked for, of a recording a third at most."""
    return settings.warmup if info.frames is None else min(settings.warmup, info.frames / info.fps / 3)
