"""Curves and timelines of an evaluation, as PNG and SVG."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vadcli.evaluation.against import gated
from vadcli.evaluation.metrics import curve
from vadcli.evaluation.pool import Floats, Pool
from vadcli.evaluation.results import Result
from vadcli.files import whole
from vadcli.terminal import shortened

# Okabe and Ito's colours, told apart without colour vision, and dashes for print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_SHADE = "#000000"
_MOST_POINTS = 2000
_CLIPS_A_FIGURE = 12
Named = tuple[str, Figure]


def write_plots(results: Sequence[Result], pools: Sequence[Pool], folder: Path) -> list[Path]:
    """ROC and precision-recall curves and a timeline of every clip, one data set after the other.

    Returns:
        the files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in figures(results, pools):
        for suffix in (".png", ".svg"):
            path = folder / f"{name}{suffix}"
            save(figure, path)
            written.append(path)
    return written


def save(figure: Figure, path: Path) -> None:
    """Write a figure whole; the same figure gives the same bytes."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with whole(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "vad", "svg.fonttype": "none"}):
        figure.savefig(temporary, format=path.suffix[1:], dpi=150, metadata=metadata)


def figures(results: Sequence[Result], pools: Sequence[Pool]) -> Iterator[Named]:
    """Every figure with the name of its file."""
    wanted = {id(result) for result in gated(results)}
    pairs = [(result, data) for result, data in zip(results, pools, strict=True) if id(result) in wanted]
    sets = list(dict.fromkeys(result.setting.data for result, _ in pairs))
    for name in sets:
        mine = [(result, data) for result, data in pairs if result.setting.data == name]
        prefix = f"{_file_name(name)}-" if len(sets) > 1 else ""
        yield f"{prefix}roc", _curves(mine, name, "roc")
        yield f"{prefix}pr", _curves(mine, name, "pr")
        last = max((r.setting.shots or 0 for r, _ in mine), default=0)
        shown = [pair for pair in mine if (pair[0].setting.shots or 0) == last]
        clips = len(mine[0][1].names)
        pages = -(-clips // _CLIPS_A_FIGURE)
        for page in range(pages):
            chosen = range(page * _CLIPS_A_FIGURE, min((page + 1) * _CLIPS_A_FIGURE, clips))
            number = f"-{page + 1}" if pages > 1 else ""
            yield f"{prefix}timelines{number}", timelines(shown, chosen)


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text)


def _curves(pairs: Sequence[tuple[Result, Pool]], data: str, kind: str) -> Figure:
    """One panel a protocol, one line a K."""
    protocols = list(dict.fromkeys(result.protocol for result, _ in pairs))
    figure = Figure(figsize=(1 + 3.6 * len(protocols), 4.4), layout="constrained")
    panels = figure.subplots(1, len(protocols), squeeze=False)[0]
    for panel, protocol in zip(panels, protocols, strict=True):
        own = [(result, pool) for result, pool in pairs if result.protocol == protocol]
        for number, (result, pool) in enumerate(own):
            points = curve(pool.labels, pool.scores)
            x, y = (
                (points.false_positive_rate, points.recall)
                if kind == "roc"
                else (points.recall[1:], points.precision[1:])
            )
            x, y = _thinned(x, y)
            value = result.micro_auc if kind == "roc" else result.ap
            label = f"{_label(result)}  {100 * value:.1f}"
            panel.plot(x, y, label=label, linewidth=1.6, **_style(number))
        _finish_panel(panel, own[0][0], kind)
    what = "micro AUC" if kind == "roc" else "average precision"
    first = pairs[0][0]
    figure.suptitle(
        f"{data}, {first.score} score, {first.frames:,} frames of {first.clips} clips; {what} in %", fontsize=10
    )
    return figure


def _finish_panel(panel: Axes, result: Result, kind: str) -> None:
    panel.set_title(result.protocol + (" (looks into the future)" if result.uses_future else ""), fontsize=10)
    if kind == "roc":
        panel.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle=":")
        panel.set(xlabel="false positive rate", ylabel="recall")
    else:
        share = result.abnormal_frames / result.frames
        panel.axhline(share, color="#999999", linewidth=0.8, linestyle=":")
        panel.set(xlabel="recall", ylabel="precision")
    panel.set(xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    panel.grid(color="#E5E5E5", linewidth=0.6)
    panel.legend(fontsize=8, loc="lower right" if kind == "roc" else "lower left", framealpha=0.9)


def _label(result: Result) -> str:
    setting = result.setting
    if setting.shots is None:
        return result.score
    return f"K={setting.shots}{_adaptation(result)}"


def _adaptation(result: Result) -> str:
    """The adaptation, where that is not the model's own."""
    return f" {result.setting.adaptation}" if result.setting.adaptation == "no-meta" else ""


def _style(number: int) -> dict[str, Any]:
    """Colour and dash of a line, different for the first 35."""
    return {"color": _COLOURS[number % len(_COLOURS)], "linestyle": _DASHES[number % len(_DASHES)]}


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= _MOST_POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _MOST_POINTS).astype(int))
    return x[kept], y[kept]


def timelines(pairs: Sequence[tuple[Result, Pool]], clips: Sequence[int]) -> Figure:
    """A row a clip: the scores of each protocol on its own scale, abnormal frames shaded."""
    figure = Figure(figsize=(10, 1.1 + 0.95 * len(clips)), layout="constrained")
    panels = figure.subplots(len(clips), 1, squeeze=False)[:, 0]
    for panel, number in zip(panels, clips, strict=True):
        data = pairs[0][1]
        start, stop = data.offsets[number : number + 2]
        seconds = np.arange(stop - start) / data.fps[number]
        _shade(panel, data.labels[start:stop], data.fps[number])
        for line, (result, scored) in enumerate(pairs):
            low, high = np.quantile(scored.scores, [0.01, 0.99])
            shown = (scored.scores[start:stop] - low) / max(high - low, 1e-12)
            x, y = _peaks(seconds, shown)
            label = result.protocol + ("*" if result.uses_future else "") + _adaptation(result)
            panel.plot(x, y, linewidth=1.1, label=label, **_style(line))
        panel.set(xlim=(0, max(seconds[-1], 1e-9)), ylim=(-0.2, 1.3), yticks=[])
        panel.set_ylabel(shortened(data.names[number], 24, end=True), rotation=0, ha="right", va="center", fontsize=8)
        panel.tick_params(labelsize=7)
        for side in ("top", "right", "left"):
            panel.spines[side].set_visible(False)
    panels[-1].set_xlabel("seconds after the first scored frame", fontsize=8)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(names), fontsize=8, frameon=False)
    first = pairs[0][0]
    what = "" if first.setting.shots is None else f", {_label(first)}"
    title = f"{first.setting.data}, {first.score} score{what}: 1 to 99 % of each protocol; abnormal shaded"
    figure.suptitle(title, x=0.01, ha="left", fontsize=9)
    return figure


def _shade(panel: Axes, labels: np.ndarray, fps: float) -> None:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], labels, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        panel.axvspan((start - 0.5) / fps, (stop - 0.5) / fps, facecolor=_SHADE, alpha=0.11, linewidth=0)


def _peaks(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """A long line as the lowest and highest value of each of a bounded number of stretches, so that no peak is lost."""
    if len(x) <= _MOST_POINTS:
        return x, y
    cuts = np.linspace(0, len(x), _MOST_POINTS // 2, endpoint=False).astype(int)
    both = np.stack([np.minimum.reduceat(y, cuts), np.maximum.reduceat(y, cuts)], axis=1)
    return np.repeat(x[cuts], 2), both.ravel()
