"""Progress of a stage: the command line draws it, tests and other callers ignore it."""

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one stage."""

    def start(self, what: str, total: float | None = None, unit: str = "frames") -> None:
        """Begin a new piece of work of `total` units (None: unknown)."""

    def advance(self, amount: float = 1, **figures: float | str) -> None:
        """Say that `amount` more units are done; `figures` are shown beside the bar."""

    def note(self, text: str) -> None:
        """Say one line worth keeping, such as what a stage took for granted."""

    def warn(self, text: str) -> None:
        """Say one line that is said with --quiet too: why a source failed."""


class Silent:
    """Progress that nobody watches."""

    def start(self, what: str, total: float | None = None, unit: str = "frames") -> None:
        """Ignore it."""

    def advance(self, amount: float = 1, **figures: float | str) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""

    def warn(self, text: str) -> None:
        """Ignore it."""
