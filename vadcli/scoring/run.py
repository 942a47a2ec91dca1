"""Sources scored side by side: what is read, measured and scored of each, as it becomes known."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from vadcli.scoring.calibration import Calibration
from vadcli.scoring.engine import Begun, Ended, Engine, Opener, Scored, Timing
from vadcli.scoring.measuring import FrameErrors, Measurer
from vadcli.scoring.observing import Observation
from vadcli.scoring.scorer import Outcome, SourceScorer
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
class Finished:
    """A source is over, by itself or by an error; `scorer` is None where it could not be opened."""

    source: int
    scorer: SourceScorer | None
    ended: Ended


class ScoringRun:
    """Scores sources with one model.

    Args:
        measurer: of the network's errors; None without a network.
        input_frames: frames that the network reads (T).
        calibration: what is normal; None to learn it from each source.
        settings: of scores and alarms.
        opening: also tell when events begin.
        side_by_side: recordings read at a time.
    """

    def __init__(
        self,
        measurer: Measurer | None,
        input_frames: int,
        calibration: Calibration | None,
        settings: ScoreSettings,
        *,
        opening: bool = False,
        side_by_side: int = 1,
    ) -> None:
        self._calibration, self._settings, self._opening = calibration, settings, opening
        self._has_network = measurer is not None
        self._engine = Engine[Observation, FrameErrors](
            measurer, input_frames, batch_size=settings.batch_size, side_by_side=side_by_side
        )

    @property
    def timing(self) -> Timing:
        """Where the time went."""
        return self._engine.timing

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Notes of sources that were not at their end when the iterator was closed."""
        return self._engine.unsaid

    def run(
        self, openers: list[Opener[Observation]], names: Sequence[str]
    ) -> Generator[Started | Stepped | Finished, None, None]:
        """Everything about the sources as it becomes known.

        Close the iterator, or use it to its end.

        Args:
            openers: of the sources.
            names: of the sources, for records.
        """
        scorers: dict[int, SourceScorer] = {}
        with closing(self._engine.run(openers)) as outputs:
            for output in outputs:
                if isinstance(output, Begun):
                    scorers[output.source] = SourceScorer(
                        names[output.source],
                        output.info,
                        self._settings,
                        self._calibration,
                        opening=self._opening,
                        live=openers[output.source].live,
                    )
                    yield Started(output.source, scorers[output.source])
                elif isinstance(output, Scored):
                    scorer = scorers[output.source]
                    for outcome in self._outcomes(scorer, output):
                        yield Stepped(scorer, outcome)
                else:
                    scorer_ = scorers.pop(output.source, None)
                    yield from self._finished(output.source, scorer_, output)

    def _outcomes(self, scorer: SourceScorer, output: "Scored[Observation, FrameErrors]") -> Generator[Outcome]:
        measured = output.item.cues is not None and (output.errors is not None or not self._has_network)
        yield from scorer.add(output.item, output.errors, measured=measured)

    def _finished(
        self, source: int, scorer: SourceScorer | None, ended: Ended
    ) -> Generator[Stepped | Finished, None, None]:
        if scorer is not None:
            for outcome in scorer.finish():
                yield Stepped(scorer, outcome)
        yield Finished(source, scorer, ended)
