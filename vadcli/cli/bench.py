"""`vad bench`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vadcli.cli.console import progress, tell_json
from vadcli.cli.options import AsJson, Quiet, with_settings
from vadcli.settings import Settings


@with_settings("model.size", "model.width", "score.device", preset="edge")
def command(
    seconds: Annotated[float, typer.Option("--seconds", min=0.01, help="Time to spend on each measurement.")] = 2.0,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="FILE.json", help="Earlier --json output; shows how many times as fast."),
    ] = None,
    as_json: AsJson = False,
    *,
    settings: Settings,
    quiet: Quiet = False,
) -> None:
    """Measure the speed of every path on this machine.

    Measures a forward and a training step of a network with random weights,
    that of the preset edge unless --preset names another, and, from the start
    of the program, the way of a file to its records and to an adapter.

    Examples:
      vad bench

      vad bench --preset paper

      vad bench --json > before.json

      vad bench --compare before.json
    """
    from vadcli.bench.comparison import compared, read_earlier
    from vadcli.tasks.bench import SCHEMA, bench_task

    model, where = settings.model, settings.score.device
    earlier = read_earlier(compare, SCHEMA) if compare else None
    with progress(quiet) as shown:
        told = bench_task(model, device_name=where, budget_s=seconds, progress=shown)
    told = compared(told, earlier) if earlier else told
    if as_json or not sys.stdout.isatty():
        tell_json(told)
    else:
        _print_table(told)


def _print_table(told: dict[str, Any]) -> None:
    from vadcli.evaluation.tables import Table
    from vadcli.rendering.eval_table import print_tables

    machine, against = told["machine"], told.get("against")
    columns = ("path", "device", "precision", "batch", "a call", "rate", *(["× earlier"] if against else []))
    rows = []
    for line in told["measurements"]:
        earlier = line.get("against_earlier")
        rate = [f"{line['rate']:,.4g} {line['unit']}/s", *([f"{earlier:.2f}" if earlier else ""] if against else [])]
        where = line["path"], line["device"], line["precision"], str(line["batch"])
        rows.append((*where, f"{line['seconds']:.3g} s", *rate))
    notes = [f"earlier: {against['file']}, {', '.join(against['others']) or 'the same machine'}"] if against else []
    title = f"{machine['device']}, {machine['threads']} threads"
    print_tables([Table(title, columns, tuple(rows), tuple(notes))], "terminal")
