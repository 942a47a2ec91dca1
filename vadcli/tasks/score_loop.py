"""The loop of `vad score`: what scoring gives becomes records, events and pictures."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from vadcli.errors import FootageError, GateFailed, VadError
from vadcli.progress import Progress
from vadcli.rendering.sink import Sink
from vadcli.scoring.engine import Opener, Timing
from vadcli.scoring.events import Event, Finding
from vadcli.scoring.records import Records
from vadcli.scoring.run import Finished, Started, Told
from vadcli.scoring.scorer import Outcome, ScoredFrame, SourceScorer
from vadcli.scoring.writers import RecordWriter, clock
from vadcli.settings import ScoreSettings
from vadcli.tasks.scoring_model import ScoringModel
from vadcli.terminal import shortened

_AGAIN = "If it stays so, adapt again: vad adapt NORMAL-VIDEO."
_EARLY_S = 15.0  # a view that differs from the beginning is another camera's


@dataclass
class Tally:
    """Counts, failures and the highest score of a run."""

    sources: int = 0  # scored to their end
    frames: int = 0  # scored
    events: int = 0  # found
    first: str = ""  # the first event, for the gate's message
    highest: tuple[float, str, float] | None = None  # the highest score and its source and time; None without a score
    threshold: float = 1.0  # of the source of the highest score
    failed: list[VadError] = field(default_factory=list)  # an error a source
    # names of sources of which too little was seen to know what is normal
    unlearned: list[str] = field(default_factory=list)
    interrupted: bool = False  # whether the user stopped it
    timing: Timing = field(default_factory=Timing)  # where the time went

    def require_no_anomaly(self) -> None:
        """Raise GateFailed if there was an event, FootageError if nobody can say whether there was one."""
        if self.events:
            plural = "s" * (self.events > 1)
            raise GateFailed(f"--fail-on-anomaly: {self.events} event{plural}, the first in {self.first}.")
        if self.unlearned:
            raise FootageError(
                f"--fail-on-anomaly: nothing was learned of {', '.join(self.unlearned)}, so no event proves nothing. "
                "Use a longer recording, or calibrate first: vad adapt NORMAL-VIDEO."
            )

    def require_all_scored(self) -> None:
        """Raise what went wrong with the only source, or say how many could not be scored."""
        if len(self.failed) == 1 and not self.sources:
            raise self.failed[0]
        if self.failed:
            total = self.sources + len(self.failed)
            raise FootageError(f"{len(self.failed)} of {total} sources could not be scored; see above.")

    def summary(self, rate: float) -> str:
        """The result in a line; where no event was found, with the option that shows more."""
        events = f"{self.events} event{'s' * (self.events != 1)} in {self.frames:,} frames"
        if self.highest is None or self.events:
            return events
        score, name, time_s = self.highest
        where = f" of {shortened(name, 32, end=True)}" if self.sources > 1 else ""
        return (
            f"{events}; highest score {score:.2f} at {clock(time_s)}{where}, alarms above {self.threshold:.2f}. "
            f"Lower: --false-alarms-per-hour {rate * 5:g}"
        )


@dataclass(frozen=True)
class SourceGroup:
    """Sources that one model scores."""

    model: ScoringModel
    names: Sequence[str]  # of the sources, as records have them
    openers: list[Opener]  # of the sources


@dataclass
class ScoreLoop:
    """The loop of `vad score` over groups of sources."""

    settings: ScoreSettings
    records: Records  # which are written
    opening: bool  # events are also written when they begin
    writer: RecordWriter
    sinks: Sequence[Sink]
    progress: Progress
    notes: list[str]  # said when the first source was opened
    alone: bool  # there is one source, whose failure is that of the command
    tally: Tally = field(default_factory=Tally)
    _open: list[SourceScorer] = field(default_factory=list)

    def score(self, group: SourceGroup) -> None:
        """Score the sources of a group; those that fail are in the tally."""
        run = group.model.run(self.settings)
        count, live = len(group.openers), sum(opener.live for opener in group.openers)
        together = min(group.model.side_by_side + live, count) > 1
        if together:
            self.progress.start(f"scoring {count} sources")
        try:
            with closing(run.run(group.openers, group.names)) as steps:
                for step in steps:
                    if isinstance(step, Started):
                        self._begin(group, step.scorer, together=together)
                    elif isinstance(step, Finished):
                        self._end(group, step)
                    elif isinstance(step, Told):
                        (self.progress.warn if step.change.kind == "lost" else self.progress.note)(step.change.text)
                        self._tell(step.scorer, step.findings, said=True)
                    else:
                        self._take(step.scorer, step.outcome)
        finally:
            for scorer in list(self._open):
                for outcome in scorer.finish():
                    self._take(scorer, outcome)
                self._close(scorer)
            for note in run.engine.unsaid:
                self.progress.note(note)
            self.tally.timing.add(run.engine.timing)

    def fail(self, error: Exception) -> None:
        """Keep a source's failure for the end and go on with the others; a defect of ours stops everything."""
        if not isinstance(error, VadError):
            raise error
        self.tally.failed.append(error)
        if not self.alone:
            self.progress.warn(str(error))

    def _begin(self, group: SourceGroup, scorer: SourceScorer, *, together: bool) -> None:
        while self.notes:
            self.progress.note(self.notes.pop(0))
        self._open.append(scorer)
        if not together:
            self.progress.start(f"scoring {shortened(scorer.name, 32, end=True)}", scorer.info.frames)
        if scorer.calibration is None:
            then = "scores follow" if scorer.info.frames is None else "scores of all of it follow"
            self.progress.note(
                f"{scorer.name}: learning what is normal from {scorer.warm_up_s:.3g} s of it (--warmup); {then}"
            )
        for sink in self.sinks:
            sink.begin(scorer, group.model.lineage)

    def _take(self, scorer: SourceScorer, outcome: Outcome) -> None:
        frame, figures = outcome.frame, {}
        record = frame.record
        if record is not None:
            self.tally.frames += 1
            if self.records == "frames":
                self.writer.write(record.to_json())
            if record.score is not None:
                figures = {"score": f"{record.score:.2f}"}
                if self.tally.highest is None or record.score > self.tally.highest[0]:
                    self.tally.highest = (record.score, scorer.name, record.time_s)
                    self.tally.threshold = scorer.threshold or 1.0
        for sink in self.sinks:
            sink.frame(scorer, frame)
        self._tell(scorer, outcome.findings)
        self.progress.advance(1, **figures)

    def _tell_camera(self, scorer: SourceScorer, event: Event) -> None:
        at = f"{scorer.name}: {clock(event.start_s)}: "
        if scorer.kind == "adapter" and event.start_s < _EARLY_S and event.reason in ("moved", "mirrored", "light"):
            self.progress.warn(f"{at}does not look like the camera of its adapter. {_AGAIN}")
        elif event.reason in ("moved", "mirrored"):
            self.progress.warn(f"{at}the camera: {event.reason}; other events wait for a minute. {_AGAIN}")
        else:
            passing = event.reason in ("light", "infrared")
            self.progress.warn(f"{at}the camera: {event.reason}" + ("" if passing else "; no other events meanwhile"))

    def _tell(self, scorer: SourceScorer, found: Sequence[Finding[ScoredFrame]], *, said: bool = False) -> None:
        for finding in found:
            event, over = finding.event, finding.event.state == "closed"
            if event.kind != "stream":
                files: Any = dict(chain.from_iterable(sink.paths(event).items() for sink in self.sinks))
                event = replace(event, **files)
                for sink in self.sinks:
                    (sink.event if over else sink.begun)(scorer, Finding(event, finding.evidence))
                if over:
                    self.tally.events += 1
                    self.tally.first = self.tally.first or f"{scorer.name} at {clock(event.start_s)}"
            if self.records == "events" and (self.opening or over):
                self.writer.write(event.to_json())
            if event.kind == "camera" and not over and not said:
                self._tell_camera(scorer, event)

    def _end(self, group: SourceGroup, finished: Finished) -> None:
        name, scorer, ended = group.names[finished.source], finished.scorer, finished.ended
        for note in ended.notes:
            self.progress.note(note)
        if (error := group.model.failure(name, finished)) is not None:
            self.fail(error)
        else:
            self.tally.sources += 1
            if scorer is not None and scorer.calibration is None:
                self.tally.unlearned.append(name)
                self.progress.note(
                    f"{name}: over before enough was seen to know what is normal, so there are no scores. "
                    "Use a longer recording, or calibrate first: vad adapt NORMAL-VIDEO."
                )
        if scorer is not None:
            self._close(scorer)

    def _close(self, scorer: SourceScorer) -> None:
        self._open.remove(scorer)
        self._tell(scorer, scorer.last())
        for sink in self.sinks:
            sink.end(scorer)
