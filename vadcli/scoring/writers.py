"""Records as NDJSON, CSV, a JSON array, a table, or subtitles that a player shows."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, TextIO

from vadcli.errors import InputError
from vadcli.files import naming
from vadcli.scoring.events import Event
from vadcli.scoring.records import Format, Records, ScoreRecord


class RecordWriter(Protocol):
    """Writes records of one kind, in order, and keeps none of them."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one record and hand it on at once."""

    def close(self) -> None:
        """Write what the format needs at its end; the stream stays open."""


class NamedWriter:
    """A writer whose errors name the file that it writes."""

    def __init__(self, writer: RecordWriter, path: Path) -> None:
        self._writer, self._path = writer, path

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one record."""
        with naming(self._path):
            self._writer.write(record)

    def close(self) -> None:
        """Write what the format needs at its end."""
        with naming(self._path):
            self._writer.close()


def record_writer(form: Format, records: Records, stream: TextIO) -> RecordWriter:
    """A writer of `records` to `stream`.

    Raises:
        InputError: for subtitles of frames.
    """
    if form in ("srt", "vtt") and records == "frames":
        raise InputError(f"--format {form}: subtitles show events. Use --records events with it.")
    makers: dict[str, Callable[[], RecordWriter]] = {
        "ndjson": lambda: NdjsonWriter(stream),
        "csv": lambda: CsvWriter(stream, _names(ScoreRecord) if records == "frames" else _names(Event)),
        "json": lambda: JsonWriter(stream),
        "table": lambda: TableWriter(stream, FRAME_COLUMNS if records == "frames" else EVENT_COLUMNS),
        "srt": lambda: SubtitleWriter(stream, web=False),
        "vtt": lambda: SubtitleWriter(stream, web=True),
    }
    return makers[form]()


def _names(record: type[ScoreRecord] | type[Event]) -> list[str]:
    """Keys of a kind's records, in order."""
    return ["schema", *(field.name for field in fields(record))]


class NdjsonWriter:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a line."""
        self._stream.write(json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing ends the format."""


class JsonWriter:
    """One JSON array, written as it grows."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._before = stream, "[\n"

    def write(self, record: Mapping[str, Any]) -> None:
        """Write an element."""
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        self._stream.write(f"{self._before}  {text}")
        self._stream.flush()
        self._before = ",\n"

    def close(self) -> None:
        """Close the array."""
        self._stream.write("[]\n" if self._before == "[\n" else "\n]\n")
        self._stream.flush()


class CsvWriter:
    """Comma-separated values with a header; lists are joined by spaces, and what is not known is empty."""

    def __init__(self, stream: TextIO, fields: list[str]) -> None:
        self._stream, self._fields = stream, fields
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow(fields)

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a row."""
        self._rows.writerow([_cell(record.get(name)) for name in self._fields])
        self._stream.flush()

    def close(self) -> None:
        """Hand on the header even if no row followed."""
        self._stream.flush()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return " ".join(map(str, value)) if isinstance(value, list) else value


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, width (negative: left-aligned), and text for a record."""

    title: str
    width: int
    text: Callable[[Mapping[str, Any]], str]


def _number(name: str, digits: int) -> Callable[[Mapping[str, Any]], str]:
    return lambda record: "–" if record.get(name) is None else f"{record[name]:.{digits}f}"


def _strongest(record: Mapping[str, Any]) -> str:
    """The cue that adds most to a frame's score."""
    terms = {name: record[name] for name in ("area", "speed", "crowd", "look", "error") if record[name] is not None}
    return max(terms, key=lambda name: float(terms[name])) if terms else "–"


EVENT_COLUMNS = (
    Column("source", -23, lambda r: shorten(printable(str(r["source"])), 23)),
    Column("start", 10, lambda r: clock(r["start_s"])),
    Column("end", 10, lambda r: clock(r["end_s"]) if r["state"] == "closed" else "…"),
    Column("score", 6, _number("peak_score", 2)),
    Column("reason", -26, lambda r: r["reason"] or "–"),
)
FRAME_COLUMNS = (
    Column("source", -24, lambda r: shorten(printable(str(r["source"])), 24)),
    Column("frame", 8, lambda r: str(r["frame"])),
    Column("time", 10, lambda r: clock(r["time_s"])),
    Column("score", 6, _number("score", 2)),
    Column("cue", -6, _strongest),
    Column("", -1, lambda r: "!" if r["anomaly"] else " "),
)


class TableWriter:
    """Aligned columns in 80 characters, a row as soon as it is known."""

    def __init__(self, stream: TextIO, columns: tuple[Column, ...]) -> None:
        self._stream, self._columns, self._begun = stream, columns, False

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a row, and the header before the first."""
        if not self._begun:
            self._row([column.title for column in self._columns])
            self._begun = True
        self._row([column.text(record) for column in self._columns])

    def close(self) -> None:
        """Nothing ends the format."""

    def _row(self, cells: list[str]) -> None:
        padded = [
            cell.ljust(-column.width) if column.width < 0 else cell.rjust(column.width)
            for cell, column in zip(cells, self._columns, strict=True)
        ]
        self._stream.write(" ".join(padded).rstrip() + "\n")
        self._stream.flush()


class SubtitleWriter:
    """SubRip, or WebVTT if `web`: a cue an event, which a player shows over the recording."""

    def __init__(self, stream: TextIO, *, web: bool) -> None:
        self._stream, self._web, self._count = stream, web, 0
        if web:
            stream.write("WEBVTT\n\n")

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a cue; events that are still going on have none."""
        if record["state"] != "closed":
            return
        self._count += 1
        mark = "." if self._web else ","
        begin, end = clock(record["start_s"], 3, mark), clock(record["end_s"], 3, mark)
        self._stream.write(
            f"{self._count}\n{begin} --> {end}\n{record['reason'] or 'anomaly'}, score {record['peak_score']:.2f}\n\n"
        )
        self._stream.flush()

    def close(self) -> None:
        """Hand on the header even if no cue followed."""
        self._stream.flush()


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


def shorten(text: str, width: int) -> str:
    """The end of a text that is too long, where the names of files differ.

    >>> shorten("recordings/gate/monday.mp4", 12)
    '…/monday.mp4'
    """
    return text if len(text) <= width else "…" + text[-(width - 1) :]


def printable(text: str) -> str:
    """A file's name without characters that move a terminal's cursor.

    >>> printable("a" + chr(27) + "[2Jb.mp4")
    'a�[2Jb.mp4'
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
