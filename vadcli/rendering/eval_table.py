"""Results as tables on a terminal."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vadcli.evaluation.against import Difference
from vadcli.evaluation.evidence import LIVE, WORDS
from vadcli.evaluation.tables import TEXT_COLUMNS, Table, markdown
from vadcli.terminal import printable, printable_lines


def print_tables(tables: Sequence[Table], style: str) -> None:
    """Tables with their footnotes on stdout."""
    if style != "terminal":
        plain = markdown(tables)
        print(printable_lines(plain) if sys.stdout.isatty() else plain, end="")
        return
    console = Console(highlight=False, emoji=False)
    for table in tables:
        shown = RichTable(
            title=Text(printable(table.title)),
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        for number, name in enumerate(table.columns):
            text = name in TEXT_COLUMNS or number == 0
            shown.add_column(name, justify="left" if text else "right", no_wrap=not text)
        for row in table.rows:
            emphasis = "bold" if WORDS[LIVE] in row else ""
            shown.add_row(*(Text(printable(cell), style=emphasis) for cell in row))
        console.print(shown)
        for note in table.footnotes:
            console.print(Text(printable(note), style="dim"))
        console.print()


def print_differences(differences: Sequence[Difference], origin: str) -> None:
    """Micro AUC now and before, with the interval of the each."""
    shown = RichTable(
        title=Text(printable(f"against {origin}")), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for name in ("result", "micro AUC", "before", "change", "95 %"):
        shown.add_column(name, justify="left" if name == "result" else "right", overflow="fold")
    for each in differences:
        half = (
            "–" if each.half_width is None else f"±{100 * each.half_width:.2f}" + ("" if each.paired else " unpaired")
        )
        style = ("green" if each.change > 0 else "red") if each.clear else ""
        label = each.label + ("" if each.same_frames else " (other frames)")
        change = Text(f"{100 * each.change:+.2f}", style=style)
        shown.add_row(Text(printable(label)), f"{100 * each.micro_auc:.2f}", f"{100 * each.before:.2f}", change, half)
    Console(highlight=False, emoji=False).print(shown)
