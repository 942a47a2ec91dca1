"""Learning curves: the figures of a metrics log over the steps of a training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from vadcli.errors import InputError

_COLUMNS = 2
_HELD_OUT = "validation_"
_NOT_CURVES = ("step", "seconds")
_COLOURS = ("#0072B2", "#D55E00")


def read_log(path: Path) -> list[dict[str, float]]:
    """Lines of a metrics log; one that a kill cut short is left out.

    Raises:
        InputError: if there is no such log, or no step in it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such metrics log. Training writes one beside its checkpoint; keep them together.")
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            lines.append({str(name): float(value) for name, value in line.items()})
        except (ValueError, AttributeError, TypeError):
            continue
    lines = [line for line in lines if "step" in line]
    if not lines:
        raise InputError(f"{path}: holds no step of a training. Give the log of `vad pretrain` or `vad metatrain`.")
    return lines


def learning_curves(lines: Sequence[Mapping[str, float]], title: str) -> Figure:
    """A panel for every figure of a log; what was measured on held-out footage stands beside what it belongs to."""
    names = dict.fromkeys(
        name.removeprefix(_HELD_OUT) for line in lines for name in line if name not in _NOT_CURVES
    )  # in the log's order
    rows = -(-len(names) // _COLUMNS)
    figure = Figure(figsize=(9, 0.6 + 2.1 * max(rows, 1)), layout="constrained")
    panels = figure.subplots(max(rows, 1), _COLUMNS, squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
        for colour, key, label in zip(_COLOURS, (name, _HELD_OUT + name), ("training", "held out"), strict=True):
            points = [(line["step"], line[key]) for line in lines if key in line]
            if points:
                marker = "o" if len(points) <= 20 else None
                panel.plot(*zip(*points, strict=True), color=colour, label=label, linewidth=1.3, marker=marker, ms=3)
        values = [line[key] for line in lines for key in (name, _HELD_OUT + name) if key in line]
        if min(values) > 0 and max(values) > 20 * min(values):
            panel.set_yscale("log")
        panel.set_title(name, fontsize=9, loc="left")
        panel.tick_params(labelsize=7, which="both")
        panel.grid(color="#E5E5E5", linewidth=0.6)
        if _HELD_OUT + name in {key for line in lines for key in line}:
            panel.legend(fontsize=7, frameon=False)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    for panel in panels[max(0, len(names) - _COLUMNS) : len(names)]:
        panel.set_xlabel("step", fontsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure
