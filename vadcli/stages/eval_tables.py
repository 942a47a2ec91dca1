"""The paper's tables and figures by one command each, as far as data is present."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vadcli.errors import InputError
from vadcli.evaluation.earlier import read_document
from vadcli.evaluation.published import TABLES, beside, measured_of
from vadcli.evaluation.tables import Table
from vadcli.progress import Progress
from vadcli.settings import Settings
from vadcli.stages.evaluate import evaluate_stage
from vadcli.trials.trial import Options

FIGURES = ("fig3", "fig4")


def table_stage(
    number: str,
    caches: Sequence[Path],
    earlier: Sequence[Path],
    model: Path | None,
    options: Options,
    settings: Settings,
    progress: Progress,
) -> Table:
    """One of the paper's tables, with what this run and earlier ones measured beside it.

    Args:
        number: one of TABLES.
        caches: to evaluate on now.
        earlier: outputs of `vad eval --json`, such as of other models.
        model: checkpoint; the model in the package if None.
        options: of the evaluation; K = 0 alone by default, except for table 2.
        settings: of sections `eval`, `score` and `adapt`.
        progress: told of every window.

    Raises:
        InputError: for an unknown table or a file that is no evaluation.
    """
    if number not in TABLES:
        raise InputError(f"--table {number}: unknown. Use {', '.join((*TABLES, *FIGURES))}.")
    measured = [one for path in earlier for one in measured_of(read_document(path))]
    if caches:
        if options.shots is None and number != "2":
            options = replace(options, shots=(0,))
        measured += measured_of(evaluate_stage(caches, model, options, settings, progress).to_json())
    return beside(number, measured)


def figure_stage(name: str, cache: Path, model: Path | None, folder: Path, settings: Settings) -> list[Path]:
    """Figure 3 or 4 of the paper, as PNG and SVG in a folder.

    Args:
        name: "fig3" or "fig4".
        cache: with labels.
        model: checkpoint; the model in the package if None.
        folder: made if it is missing.
        settings: of section `score`.

    Returns:
        the files written.
    """
    from vadcli.rendering.paper_figures import figure_3, figure_4
    from vadcli.rendering.plots import save
    from vadcli.trials.figures import figures_stage

    shown = figures_stage(cache, model, settings)
    figure = (figure_3 if name == "fig3" else figure_4)(shown)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}{suffix}" for suffix in (".png", ".svg")]
    for path in paths:
        save(figure, path)
    return paths
