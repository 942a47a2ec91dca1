"""Progress on stderr while a stage runs: live bars on a terminal, plain lines elsewhere, nothing with --quiet."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from vadcli.progress import Progress
from vadcli.terminal import printable, printable_lines, shortened

PLAIN_EVERY_SECONDS, _BAR_WIDTH = 10.0, 12
_FIRST_MARK_SECONDS, _MARKS_APART = 2.0, 1.5  # a mark of the recent rate lies so much later than the one before it


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """Progress for a stage: rich on a terminal, one line every ten seconds elsewhere, silent when `quiet`."""
    if quiet:
        yield Quiet()
    elif sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR_WIDTH),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[figures]}", markup=False, table_column=Column(no_wrap=True, overflow="crop")),
        )
        console = Console(stderr=True, highlight=False, emoji=False)
        with RichProgress(*columns, console=console, transient=True) as bars:
            live = Live(bars)
            yield live
        live.finish()
    else:
        plain = Plain()
        yield plain
        plain.finish()


def hint(text: str, quiet: bool) -> None:
    """One line on stderr after a stage: its result and the command to run next."""
    if not quiet:
        say(text)


def say(text: str) -> None:
    """One line on stderr, whatever names stand in it."""
    print(printable(text), file=sys.stderr, flush=True)


def tell(text: object) -> None:
    """Lines of data on stdout: as they are in a pipe or file, printable on a terminal."""
    print(printable_lines(str(text)) if sys.stdout.isatty() else text)


def tell_made(made: Path, run: Mapping[str, object]) -> None:
    """A file that a command made, on stdout, as `vad info --json` describes it, and under `run` figures of the run."""
    from vadcli.tasks.info import describe_file

    tell_json(describe_file(made) | {"run": run})


def tell_json(told: object) -> None:
    """One JSON object on stdout."""
    import json

    print(json.dumps(told, indent=2))


class Quiet(Progress):
    """Nothing but failures."""

    def warn(self, text: str) -> None:
        """Write one line."""
        say(text)


class Plain(Progress):
    """Lines in a log: every ten seconds where things stand, and in the end what each piece of work came to."""

    def __init__(self) -> None:
        self.what, self.unit, self.total = "", "frames", 0.0
        self.done, self.began, self.said = 0.0, 0.0, 0.0
        self._marks = [(0.0, 0.0)] * 2  # time and units done, of two moments that the recent rate is measured from

    def start(self, what: str, total: float | None = None, unit: str = "frames") -> None:
        """Begin a new piece of work."""
        self.finish()
        self.what, self.unit, self.total, self.done, self.began = what, unit, total or 0.0, 0.0, time.perf_counter()
        self._marks = [(self.began, 0.0)] * 2

    def advance(self, amount: float = 1, **figures: float | str) -> None:
        """Say where things stand, every ten seconds."""
        left = self._advanced(amount)
        now = time.perf_counter()
        if now - max(self.said, self.began) >= PLAIN_EVERY_SECONDS:
            self.said = now
            of = f" of {self.total:,.0f}" if self.total else ""
            shown = "".join(f", {figure}" for figure in _described(figures))
            self.note(f"{self.what}: {self.done:,.0f}{of} {self.unit} ({self.rate()}{left and f', {left}'}){shown}")

    def _advanced(self, amount: float) -> str:
        """Count units; the time left at the rate of the last third to half of the time, as a job's rate may change."""
        self.done += amount
        now, (last_s, _) = time.perf_counter(), self._marks[1]
        if now - self.began >= max(_FIRST_MARK_SECONDS, _MARKS_APART * (last_s - self.began)):
            self._marks = [self._marks[1], (now, self.done)]
        since_s, before = self._marks[0]
        if not 0 < self.done < self.total or self.done == before or now == since_s:
            return ""
        left_s = (self.total - self.done) * (now - since_s) / (self.done - before)
        return f"{left_s:,.0f} s left" if left_s < 600 else f"{left_s / 60:,.0f} min left"

    def rate(self) -> str:
        """Units a second so far."""
        return f"{self.done / max(time.perf_counter() - self.began, 1e-9):,.1f} {self.unit}/s"

    def finish(self) -> None:
        """Say what the finished piece of work came to."""
        if self.what and self.done:
            seconds = time.perf_counter() - self.began
            self.note(f"{self.what}: {self.done:,.0f} {self.unit} in {seconds:,.1f} s ({self.rate()})")
        self.what = ""

    def note(self, text: str) -> None:
        """Write one line."""
        say(text)

    def warn(self, text: str) -> None:
        """Write one line."""
        self.note(text)


class Live(Plain):
    """Bars on a terminal."""

    def __init__(self, bars: RichProgress) -> None:
        super().__init__()
        self.bars, self.task, self.shown = bars, TaskID(-1), ""

    def start(self, what: str, total: float | None = None, unit: str = "frames") -> None:
        """Begin a new bar."""
        super().start(what, total, unit)
        self.shown = shortened(printable(what), 22, end=True)
        self.task = self.bars.add_task(self.shown, total=total, count="", rate="", left="", figures="")

    def advance(self, amount: float = 1, **figures: float | str) -> None:
        """Move the bar."""
        left = self._advanced(amount)
        count = f"{self.done:,.0f}" + (f"/{self.total:,.0f}" if self.total else "")
        rate = self.rate()
        if figures:  # as many as there is room for
            room = self.bars.console.width - _BAR_WIDTH - sum(len(text) + 1 for text in (self.shown, count, rate, left))
            described = [text for text in _described(figures) if (room := room - len(text) - 2) >= 0]
            self.bars.update(self.task, figures=printable("  ".join(described)))
        self.bars.update(self.task, advance=amount, count=count, rate=rate, left=left)

    def finish(self) -> None:
        """Take the bar away and leave its sum."""
        if self.what:
            self.bars.remove_task(self.task)
        super().finish()

    def note(self, text: str) -> None:
        """Write one line above the bars."""
        self.bars.console.print(printable(text), markup=False)


def _described(figures: Mapping[str, float | str]) -> list[str]:
    return [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items()]
