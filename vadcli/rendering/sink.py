"""The interface of renderings: calls for every source, frame and event that is scored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vadcli.footage.frames import Frame
from vadcli.model.network import Network
from vadcli.scoring.events import Finding
from vadcli.scoring.watch import Assessed, Watch


@dataclass(frozen=True)
class Scorer:
    """The model that scores a source.

    Attributes:
        network: in torch, for maps of its prototypes; None for an exported model.
        lineage: what it is and came from, as labels and texts.
    """

    network: Network | None = None
    lineage: Sequence[tuple[str, str]] = field(default=())


class Sink(Protocol):
    """Draws what is scored, in bounded memory."""

    def begin(self, watch: Watch, scorer: Scorer) -> None:
        """A source was opened."""

    def frame(self, watch: Watch, frame: Frame, assessed: Assessed | None) -> None:
        """A frame was read; None is made of a source's first T."""

    def event(self, watch: Watch, finding: Finding[Assessed]) -> None:
        """An event ended."""

    def end(self, watch: Watch) -> None:
        """A source ended."""
