"""The interface of renderings: calls for every source, frame and event that is scored."""

from collections.abc import Sequence

from vadcli.scoring.events import Event, Finding
from vadcli.scoring.scorer import ScoredFrame, SourceScorer

Lineage = Sequence[tuple[str, str]]  # of a model: its files and what they came from, as labels and texts


class Sink:
    """Draws what is scored, in bounded memory; by itself nothing."""

    def begin(self, scorer: SourceScorer, lineage: Lineage) -> None:
        """A source was opened."""

    def frame(self, scorer: SourceScorer, frame: ScoredFrame) -> None:
        """A frame is done; frames come in their order."""

    def paths(self, event: Event) -> dict[str, str]:
        """Files that are written of an event, by the field of it that names them."""
        return {}

    def begun(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        """An event began and goes on; its peak is the highest score so far."""

    def event(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        """An event ended."""

    def end(self, scorer: SourceScorer) -> None:
        """A source ended."""
