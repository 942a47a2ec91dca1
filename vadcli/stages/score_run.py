"""The loop of `vad score`: what the engine gives becomes records, events and pictures."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from vadcli.errors import FootageError, GateFailed, VadError
from vadcli.progress import Progress
from vadcli.rendering.sink import Scorer, Sink
from vadcli.scoring.engine import Engine, Scored, Timing
from vadcli.scoring.events import Finding
from vadcli.scoring.lanes import Begun, Ended, Opener
from vadcli.scoring.measuring import Measurer
from vadcli.scoring.records import Records
from vadcli.scoring.watch import Assessed, Watch
from vadcli.scoring.writers import RecordWriter, clock, shorten
from vadcli.settings import ScoreSettings
from vadcli.stages.ready import Ready
from vadcli.stages.sparkline import Sparkline

# Recordings decoded side by side on a GPU, where one decoder cannot keep it busy.
_SIDE_BY_SIDE_ON_GPU = 4


@dataclass
class Tally:
    """What came of scoring.

    Attributes:
        sources: scored to their end.
        frames: scored.
        events: found.
        first: the first event, for the gate's message.
        failed: what went wrong, an error a source.
        unlearned: names of sources of which too little was seen to know what is normal.
        interrupted: whether the user stopped it.
        timing: where the engine's time went.
    """

    sources: int = 0
    frames: int = 0
    events: int = 0
    first: str = ""
    failed: list[VadError] = field(default_factory=list)
    unlearned: list[str] = field(default_factory=list)
    interrupted: bool = False
    timing: Timing = field(default_factory=Timing)

    def require_no_anomaly(self) -> None:
        """Raise GateFailed if there was an event, FootageError if nobody can say whether there was one."""
        if self.events:
            plural = "s" * (self.events > 1)
            raise GateFailed(f"--fail-on-anomaly: {self.events} event{plural}, the first in {self.first}.")
        if self.unlearned:
            raise FootageError(
                f"--fail-on-anomaly: nothing was learned of {', '.join(self.unlearned)}, so no event proves nothing. "
                "Use a shorter --warmup, or calibrate first: vad adapt NORMAL-VIDEO."
            )

    def require_all_scored(self) -> None:
        """Raise what went wrong with the only source, or say how many could not be scored."""
        if len(self.failed) == 1 and not self.sources:
            raise self.failed[0]
        if self.failed:
            total = self.sources + len(self.failed)
            raise FootageError(f"{len(self.failed)} of {total} sources could not be scored; see above.")


@dataclass(frozen=True)
class Part:
    """Sources that one model scores.

    Attributes:
        ready: the model.
        names: of the sources, as records have them.
        openers: of the sources.
        alone: whether this is the only part.
    """

    ready: Ready
    names: Sequence[str]
    openers: list[Opener]
    alone: bool = True


class Run:
    """One run of `vad score`.

    Args:
        settings: threshold, events, batch size.
        records: which are written.
        writer: of records.
        sinks: of pictures.
        progress: told of every frame.
        notes: for people, told when the first source has begun.
        opening: also tell when events begin.
    """

    def __init__(
        self,
        settings: ScoreSettings,
        records: Records,
        writer: RecordWriter,
        sinks: Sequence[Sink],
        progress: Progress,
        notes: Sequence[str] = (),
        *,
        opening: bool,
    ) -> None:
        self.settings, self.records, self.writer, self.sinks = settings, records, writer, sinks
        self.progress, self.opening = progress, opening
        self._notes = list(notes)
        self.tally = Tally()
        self._watches: dict[int, Watch] = {}
        self._spark = Sparkline()

    def score(self, part: Part) -> None:
        """Score the sources of a part; those that fail are in the tally."""
        ready = part.ready
        engine = Engine(
            Measurer(
                ready.predict,
                ready.device,
                pool=ready.calibration.pool if ready.calibration else self.settings.pool,
                maps=bool(self.sinks),
            ),
            ready.model.input_frames,
            batch_size=self.settings.batch_size,
            side_by_side=_SIDE_BY_SIDE_ON_GPU if ready.device.type == "cuda" else 1,
        )
        side_by_side = engine.side_by_side + sum(opener.live for opener in part.openers)
        together = min(side_by_side, len(part.openers)) > 1
        if together:
            self.progress.start(f"scoring {len(part.openers)} sources")
        alone = part.alone and len(part.openers) == 1
        try:
            with closing(engine.run(part.openers)) as outputs:
                for item in outputs:
                    if isinstance(item, Scored):
                        self._frame(self._watches[item.source], item)
                    elif isinstance(item, Begun):
                        self._begin(part, item, together=together)
                    else:
                        self._end(part, item, alone=alone)
        finally:
            for source in list(self._watches):
                self._finish(source)
            self.tally.timing.add(engine.timing)

    def fail(self, error: Exception, *, alone: bool) -> None:
        """Keep a source's failure for the end and go on with the others; a defect of ours stops everything."""
        if not isinstance(error, VadError):
            raise error
        self.tally.failed.append(error)
        if not alone:
            self.progress.warn(str(error))

    def _begin(self, part: Part, item: Begun, *, together: bool) -> None:
        name, ready = part.names[item.source], part.ready
        while self._notes:
            self.progress.note(self._notes.pop(0))
        watch = Watch(
            name,
            item.info,
            self.settings,
            ready.calibration,
            ready.kind,
            opening=self.opening,
            relearn=ready.relearns,
        )
        self._watches[item.source] = watch
        if not together:
            self.progress.start(f"scoring {shorten(name, 32)}", item.info.frames)
        if watch.calibration is None:
            self.progress.note(f"{name}: learning what is normal for {watch.warm_up_s:.3g} s (--warmup); scores follow")
        for sink in self.sinks:
            sink.begin(watch, Scorer(ready.network, ready.lineage))

    def _frame(self, watch: Watch, item: Scored) -> None:
        assessed, found = watch.add(item.frame, item.measured)
        if assessed is not None:
            self.tally.frames += 1
            if self.records == "frames":
                self.writer.write(assessed.record.to_json())
            self._spark.add(assessed.record.score, watch.threshold)
        for sink in self.sinks:
            sink.frame(watch, item.frame, assessed)
        self._tell(watch, found)
        self.progress.advance(1, **self._spark.figures())

    def _tell(self, watch: Watch, found: Sequence[Finding[Assessed]]) -> None:
        for finding in found:
            event = finding.event
            if self.records == "events":
                self.writer.write(event.to_json())
            if event.state == "closed":
                self.tally.events += 1
                self.tally.first = self.tally.first or f"{watch.name} at {clock(event.start_s)}"
                for sink in self.sinks:
                    sink.event(watch, finding)

    def _end(self, part: Part, item: Ended, *, alone: bool) -> None:
        name, watch = part.names[item.source], self._watches.get(item.source)
        for note in item.notes:
            self.progress.note(note)
        needed = part.ready.model.input_frames + 1
        if item.error is not None:
            self.fail(item.error, alone=alone)
        elif watch is None or not watch.frames:
            short = (
                f"{name}: {item.frames} frame{'s' * (item.frames != 1)}; a window needs {needed}. Use a longer clip."
            )
            self.fail(FootageError(short), alone=alone)
        else:
            self.tally.sources += 1
            if watch.calibration is None or (part.ready.relearns and watch.kind != "warmup"):
                self.tally.unlearned.append(name)
                scores = "there are no scores" if watch.calibration is None else "scores go by the model's own footage"
                self.progress.note(
                    f"{name}: over before enough was seen to know what is normal, so {scores}. "
                    "Use a shorter --warmup, or calibrate first: vad adapt NORMAL-VIDEO."
                )
        if watch is not None:
            self._finish(item.source)

    def _finish(self, source: int) -> None:
        watch = self._watches.pop(source)
        self._tell(watch, watch.finish())
        for sink in self.sinks:
            sink.end(watch)
