"""Progress of a stage: the command line draws it, tests and other callers ignore it."""


class Progress:
    """Receives the progress of one stage; by itself it ignores all."""

    def start(self, what: str, total: float | None = None, unit: str = "frames") -> None:
        """Begin a new piece of work of `total` units (None: unknown)."""

    def advance(self, amount: float = 1, **figures: float | str) -> None:
        """Say that `amount` more units are done; `figures` are shown beside the bar."""

    def note(self, text: str) -> None:
        """Say one line worth keeping, such as what a stage took for granted."""

    def warn(self, text: str) -> None:
        """Say one line that is said with --quiet too: why a source failed."""


class Silent(Progress):
    """Progress that nobody watches."""
