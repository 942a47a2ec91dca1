"""Results as tables on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vadcli.evaluation.against import Difference
from vadcli.evaluation.tables import Table


def print_tables(tables: Sequence[Table], console: Console) -> None:
    """Tables with their footnotes; 80 columns are enough."""
    for table in tables:
        shown = RichTable(title=Text(table.title), title_justify="left", title_style="bold", box=None, pad_edge=False)
        for name in table.columns:
            shown.add_column(name, justify="left" if name in ("protocol", "score") else "right", no_wrap=True)
        previous = ""
        for row in table.rows:
            if previous and row[0] != previous:
                shown.add_section()
            shown.add_row(
                *(Text(cell, style="bold" if i == 3 and row[2] == "fused" else "") for i, cell in enumerate(row))
            )
            previous = row[0]
        console.print(shown)
        for note in table.footnotes:
            console.print(Text(note, style="dim"))
        console.print()


def print_differences(differences: Sequence[Difference], origin: str, console: Console) -> None:
    """Micro AUC now and before, with the interval of the difference."""
    shown = RichTable(
        title=Text(f"against {origin}"), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for name in ("result", "micro AUC", "before", "change", "95 %"):
        shown.add_column(name, justify="left" if name == "result" else "right", overflow="fold")
    for one in differences:
        half = "–" if one.half_width is None else f"±{100 * one.half_width:.2f}" + ("" if one.paired else " unpaired")
        style = ("green" if one.change > 0 else "red") if one.clear else ""
        label = one.label + ("" if one.same_frames else " (other frames)")
        change = Text(f"{100 * one.change:+.2f}", style=style)
        shown.add_row(Text(label), f"{100 * one.micro_auc:.2f}", f"{100 * one.before:.2f}", change, half)
    console.print(shown)
