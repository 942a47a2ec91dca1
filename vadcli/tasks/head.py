"""A model fitted to the head of a source (the paper's few shots), and the rest of the source."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Self

from vadcli.errors import FootageError
from vadcli.scoring.observing import Observation, Observed
from vadcli.settings import Settings
from vadcli.tasks.ready import Ready, adapted_ready, settings_of_model


class Rest(Observed):
    """A source of which the first observations are gone."""

    def __init__(self, observed: Observed, observations: Iterator[Observation]) -> None:
        self.info, self._observed, self._observations = observed.info, observed, observations

    @property
    def notes(self) -> tuple[str, ...]:
        """Of the source."""
        return self._observed.notes

    def __iter__(self) -> Iterator[Observation]:
        return self._observations

    def open(self) -> Self:
        """Itself: it is open."""
        return self

    def close(self) -> None:
        """Let go of the source."""
        self._observed.close()


def fitted_on_head(
    observed: Observed, name: str, model: Path | None, shots: int, settings: Settings
) -> tuple[Rest, Ready]:
    """The source without its first K observations, and a model fitted to its first K windows.

    Raises:
        FootageError: for a source without a frame after those windows; it is closed.
    """
    from vadcli.footage.windows import windows_of

    reads = settings_of_model(model).model.input_frames
    needed, observations = shots + reads, iter(observed)
    head = list(islice(observations, needed + 1))
    if len(head) <= needed:
        observed.close()
        raise FootageError(
            f"{name}: {len(head)} frames; {shots} shots need {needed} and one to score. "
            "Use a longer clip, or fewer --shots."
        )
    support = windows_of([each.image for each in head[:needed] if each.image is not None], reads)
    return Rest(observed, chain(head[shots:], observations)), adapted_ready(model, support, settings)
