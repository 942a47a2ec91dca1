"""The paper's tables by one command each, as far as data is present."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vadcli.evaluation.earlier import read_document
from vadcli.evaluation.published import beside, measured_of
from vadcli.evaluation.tables import Table
from vadcli.progress import Progress
from vadcli.settings import Settings
from vadcli.tasks.evaluate import evaluate_task
from vadcli.tasks.trial import Options


def table_task(
    number: str,
    sources: Sequence[str],
    earlier: Sequence[Path],
    model: Path | None,
    options: Options,
    settings: Settings,
    progress: Progress,
) -> Table:
    """One of the paper's tables, with what this run and earlier ones measured beside it.

    Raises:
        InputError: for an unknown table or a file that is no evaluation.
    """
    measured = [each for path in earlier for each in measured_of(read_document(path))]
    if sources:
        if options.shots is None and number != "2":
            options = replace(options, shots=(0,))
        measured += measured_of(evaluate_task(sources, model, options, settings, progress).to_json())
    return beside(number, measured)
