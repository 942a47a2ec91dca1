"""Sources scored side by side: what is read, measured and scored of each, as it becomes known."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from vadcli.footage.frames import Change, SourceInfo
from vadcli.scoring.calibration import Calibration
from vadcli.scoring.engine import Begun, Changed, Ended, Engine, Opener, Scored
from vadcli.scoring.events import Finding
from vadcli.scoring.measuring import Measurer
from vadcli.scoring.scorer import Outcome, ScoredFrame, SourceScorer
from vadcli.settings import ScoreSettings


@dataclass(frozen=True)
class Started:
    """A source was opened."""

    source: int
    scorer: SourceScorer


@dataclass(frozen=True)
class Stepped:
    """What came of one frame of a source; its frames come in their order."""

    scorer: SourceScorer
    outcome: Outcome


@dataclass(frozen=True)
class Told:
    """An incident of a live stream, and the events that end or begin with it."""

    scorer: SourceScorer
    change: Change
    findings: Sequence[Finding[ScoredFrame]]


@dataclass(frozen=True)
class Finished:
    """A source is over, by itself or by an error; `scorer` is None where it could not be opened."""

    source: int
    scorer: SourceScorer | None
    ended: Ended


Step = Started | Stepped | Told | Finished


class ScoringRun:
    """Scores sources with one model.

    Args:
        measurer: of the network's errors; None without a network.
        input_frames: frames that the network reads (T).
        calibration: None to learn what is normal from each source.
        settings: of scores and alarms.
        side_by_side: recordings read at a time.
    """

    def __init__(
        self,
        measurer: Measurer | None,
        input_frames: int,
        calibration: Calibration | None,
        settings: ScoreSettings,
        *,
        side_by_side: int = 1,
    ) -> None:
        self._calibration, self._settings = calibration, settings
        self._has_network = measurer is not None
        self.engine = Engine(measurer, input_frames, batch_size=settings.batch_size, side_by_side=side_by_side)

    def run(self, openers: list[Opener], names: Sequence[str]) -> Generator[Step, None, None]:
        """Everything about the sources as it becomes known; `names` are theirs, for records.

        Close the iterator, or use it to its end.
        """
        scorers: dict[int, SourceScorer] = {}
        with closing(self.engine.run(openers)) as outputs:
            for output in outputs:
                source = output.source
                if isinstance(output, Begun):
                    scorers[source] = self._scorer(names[source], output.info, live=openers[source].live)
                    yield Started(source, scorers[source])
                elif isinstance(output, Scored):
                    observation, errors = output.observation, output.errors
                    measured = observation.cues is not None and (errors is not None or not self._has_network)
                    for outcome in scorers[source].add(observation, errors, measured=measured):
                        yield Stepped(scorers[source], outcome)
                elif isinstance(output, Changed):
                    yield Told(scorers[source], output.change, scorers[source].changed(output.change))
                else:
                    scorer = scorers.pop(source, None)
                    if scorer is not None:
                        for outcome in scorer.finish():
                            yield Stepped(scorer, outcome)
                    yield Finished(source, scorer, output)

    def _scorer(self, name: str, info: SourceInfo, *, live: bool) -> SourceScorer:
        return SourceScorer(name, info, self._settings, self._calibration, live=live)
