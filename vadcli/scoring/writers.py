"""Records as NDJSON, CSV, a JSON array, a table, or subtitles that a player shows."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from vadcli.errors import InputError
from vadcli.files import naming
from vadcli.scoring.events import Event
from vadcli.scoring.records import TERMS, Format, Records, ScoreRecord
from vadcli.terminal import printable, shortened

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Form:
    """A format: the text of a record, which may be none, and what stands around all."""

    text: Callable[[Values, int], str]  # of a record, and how many were written before it
    begin: str = ""
    end: str = ""


class RecordWriter:
    """Writes records of one kind, in order, each at once, and keeps none of them.

    Args:
        form: of the text.
        stream: to write to; it stays open.
        path: that an error of writing names; None where the stream is no file of the user's.
    """

    def __init__(self, form: Form, stream: TextIO, path: Path | None = None) -> None:
        self._form, self._stream, self._path, self._count = form, stream, path, 0
        self._begin = form.begin  # goes out with the first text, so that a run that fails writes nothing

    def write(self, record: Values) -> None:
        """Write a record."""
        if text := self._form.text(record, self._count):
            self._count += 1
            self._put(text)

    def close(self) -> None:
        """Write what the format needs at its end."""
        self._put(self._form.end)

    def _put(self, text: str) -> None:
        with naming(self._path) if self._path else nullcontext():
            self._stream.write(self._begin + text)
            self._stream.flush()
        self._begin = ""


def record_writer(form: Format, records: Records, stream: TextIO, path: Path | None = None) -> RecordWriter:
    """A writer of `records`; see RecordWriter.

    Raises:
        InputError: for subtitles of frames.
    """
    if form in ("srt", "vtt") and records == "frames":
        raise InputError(f"--format {form}: subtitles show events. Use --records events with it.")
    names = ["schema", *(field.name for field in fields(ScoreRecord if records == "frames" else Event))]
    columns = FRAME_COLUMNS if records == "frames" else EVENT_COLUMNS
    forms: dict[Format, Form] = {
        "ndjson": Form(lambda record, _: f"{_json(record)}\n"),
        "json": Form(lambda record, count: f"{',' if count else ''}\n  {_json(record)}", "[", "\n]\n"),
        "csv": Form(lambda record, _: _csv(_cell(record.get(name)) for name in names), _csv(names)),
        "table": Form(lambda record, count: _table(record, columns, header=not count)),
        "srt": Form(lambda record, count: _subtitle(record, count, ",")),
        "vtt": Form(lambda record, count: _subtitle(record, count, "."), "WEBVTT\n\n"),
    }
    return RecordWriter(forms[form], stream, path)


def _json(record: Values) -> str:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _csv(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> Any:
    """As CSV has it: lists are joined by spaces, and what is not known is empty."""
    if isinstance(value, bool):
        return int(value)
    return " ".join(map(str, value)) if isinstance(value, list) else value


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, width (negative: left-aligned), and text for a record."""

    title: str
    width: int
    text: Callable[[Values], str]


def _number(name: str, digits: int) -> Callable[[Values], str]:
    return lambda record: "–" if record.get(name) is None else f"{record[name]:.{digits}f}"


def _strongest(record: Values) -> str:
    """The cue that adds most to a frame's score."""
    terms = {name: record[name] for name in TERMS if record[name] is not None}
    return max(terms, key=lambda name: float(terms[name])) if terms else "–"


def reason_of(kind: str, reason: str | None) -> str:
    """The reason of an event in a word or a few."""
    return "–" if reason is None else reason if kind == "scene" else f"{kind}: {reason}"


def _lasts(record: Values) -> str:
    """The length of an event that is over."""
    lasts_s = record["end_s"] - record["start_s"]
    return "…" if record["state"] != "closed" else f"{lasts_s:.1f} s" if lasts_s < 1000 else f"{lasts_s / 3600:.1f} h"


def _time_of_day(record: Values) -> str:
    """Hours, minutes and seconds of `at`, RFC 3339, which has them after its T."""
    return record["at"][11:19] if record["at"] else "–"


EVENT_COLUMNS = (
    Column("source", -17, lambda r: shortened(printable(r["source"]), 17, end=True)),
    Column("start", 10, lambda r: clock(r["start_s"])),
    Column("at", 8, _time_of_day),
    Column("lasts", 7, _lasts),
    Column("score", 5, lambda r: "–" if r["kind"] != "scene" else f"{r['peak_score']:.2f}"),
    Column("alarm", 5, _number("threshold", 2)),
    Column("reason", -22, lambda r: reason_of(r["kind"], r["reason"])),
)
FRAME_COLUMNS = (
    Column("source", -24, lambda r: shortened(printable(r["source"]), 24, end=True)),
    Column("frame", 8, lambda r: str(r["frame"])),
    Column("time", 10, lambda r: clock(r["time_s"])),
    Column("at", 8, _time_of_day),
    Column("score", 6, _number("score", 2)),
    Column("cue", -6, _strongest),
    Column("event", -5, lambda r: "!" if r["anomaly"] else ""),
)


def _table(record: Values, columns: tuple[Column, ...], *, header: bool) -> str:
    """A row in 80 characters, after the header if that is wanted."""
    rows = [[column.title for column in columns]] * header + [[column.text(record) for column in columns]]
    lines = []
    for row in rows:
        cells = zip(row, columns, strict=True)
        aligned = (cell.ljust(-c.width) if c.width < 0 else cell.rjust(c.width) for cell, c in cells)
        lines.append(" ".join(aligned).rstrip() + "\n")
    return "".join(lines)


def _subtitle(record: Values, count: int, mark: str) -> str:
    """A cue of SubRip or WebVTT, which a player shows over the recording; none for events that still go on."""
    if record["state"] != "closed":
        return ""
    begin, end = clock(record["start_s"], 3, mark), clock(record["end_s"], 3, mark)
    at = f", at {_time_of_day(record)}" if record["at"] else ""
    text = f"{record['reason'] or 'anomaly'}, score {record['peak_score']:.2f}{at}"
    return f"{count + 1}\n{begin} --> {end}\n{text}\n\n"


def clock(seconds: float, digits: int = 1, mark: str = ".") -> str:
    """Hours, minutes and seconds.

    >>> clock(3723.46)
    '01:02:03.5'
    >>> clock(59.9996, 3, ",")
    '00:01:00,000'
    >>> clock(60, 0)
    '00:01:00'
    """
    ticks = round(max(seconds, 0) * 10**digits)
    whole, part = divmod(ticks, 10**digits)
    fraction = f"{mark}{part:0{digits}d}" if digits else ""
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{fraction}"
