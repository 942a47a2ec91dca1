"""The interface of renderings: calls for every source, frame and event that is scored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from vadcli.scoring.events import Finding
from vadcli.scoring.scorer import ScoredFrame, SourceScorer

if TYPE_CHECKING:
    from vadcli.model.network import Network


@dataclass(frozen=True)
class Lineage:
    """The model that scores a source."""

    network: "Network | None" = None  # in torch, for maps of its prototypes; None for an exported model, or without one
    lines: Sequence[tuple[str, str]] = field(default=())  # what it is and came from, as labels and texts


class Sink(Protocol):
    """Draws what is scored, in bounded memory."""

    def begin(self, scorer: SourceScorer, lineage: Lineage) -> None:
        """A source was opened."""

    def frame(self, scorer: SourceScorer, frame: ScoredFrame) -> None:
        """A frame is done; frames come in their order."""

    def event(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        """An event ended."""

    def end(self, scorer: SourceScorer) -> None:
        """A source ended."""
