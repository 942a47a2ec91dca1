"""Results of several models on the same footage, such as those of several seeds: mean, lowest and highest."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import Any

from vadcli.evaluation.results import Result
from vadcli.evaluation.tables import Table, tables_of

FIGURES = ("micro_auc", "macro_auc", "ap", "eer")
_COLUMNS = 8  # of a table of results, those of the figures
_NOTE = "from–to: the lowest and highest micro AUC of the models; intervals over clips are those of each model alone"


def together(models: Sequence[Sequence[Result]]) -> Iterator[tuple[Result, tuple[Result, ...]]]:
    """A result with the means of several models, and theirs, for each that all models have.

    Its interval of the micro AUC goes from the lowest to the highest; a figure that a model lacks is None.
    """
    found = [{(each.setting, each.protocol, each.score): each for each in own} for own in models]
    for key, first in found[0].items():
        if all(key in own for own in found):
            own = tuple(each[key] for each in found)
            values = {name: [getattr(each, name) for each in own] for name in FIGURES}
            means: dict[str, Any] = {name: None if None in of_all else fmean(of_all) for name, of_all in values.items()}
            between = min(values["micro_auc"]), max(values["micro_auc"])
            yield replace(first, micro_auc_interval=between, interval_method="models", notes=(), **means), own


def spread(models: Sequence[Sequence[Result]]) -> list[dict[str, Any]]:
    """Mean, lowest and highest of every figure, as JSON values."""
    rows = []
    for mean, own in together(models):
        row = {**asdict(mean.setting), "protocol": mean.protocol, "score": mean.score, "models": len(own)}
        for name in FIGURES:
            if (middle := getattr(mean, name)) is not None:
                values = [getattr(each, name) for each in own]
                row[name] = {"mean": middle, "lowest": min(values), "highest": max(values)}
        rows.append(row)
    return rows


def spread_tables(models: Sequence[Sequence[Result]]) -> list[Table]:
    """Tables of the means, as those of a single model."""
    tables = []
    for table in tables_of([mean for mean, _ in together(models)]):
        columns = tuple("from–to" if name == "95 %" else name for name in table.columns)[:_COLUMNS]
        rows = tuple(row[:_COLUMNS] for row in table.rows)
        tables.append(Table(f"{table.title}; mean of {len(models)} models", columns, rows, (_NOTE,)))
    return tables
