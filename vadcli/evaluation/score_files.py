"""Score files of other programs, and of `vad score`: NDJSON, CSV, .npy and .mat, read without running anything."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np

from vadcli.errors import InputError
from vadcli.evaluation.pool import Floats, Indices
from vadcli.files import encoding_of
from vadcli.footage.layouts.label_files import read_npy
from vadcli.footage.layouts.labels import MOST_FRAMES
from vadcli.footage.matlab import load_mat
from vadcli.footage.naming import natural
from vadcli.terminal import shortened

SUFFIXES = (".ndjson", ".jsonl", ".csv", ".npy", ".mat")
_CLIP_KEYS = ("clip", "source", "video", "name")
_SCORE_KEYS = ("score", "anomaly_score")

Row = tuple[int, Mapping[str, Any]]  # line and values by column


@dataclass(frozen=True, eq=False)
class ScoredClip:
    """Scores of one clip as they were read."""

    name: str  # clip or source, as the file names it
    origin: str  # the file, for messages
    scores: Floats  # (n,)
    frames: Indices | None = None  # (n,), index of each score's frame; None where scores are simply in order
    calibrated: bool = False  # the scores are those of `vad score`: smoothed and calibrated already
    times_s: Floats | None = None  # (n,), time of each score's frame; None where the file has none


def read_scores(arguments: Sequence[str]) -> list[ScoredClip]:
    """All clips of score files; raises InputError for a file that is missing, of another kind, or holds no scores."""
    clips = [clip for path in _files(arguments) for clip in _READERS[path.suffix.lower()](path)]
    if not clips:
        raise InputError(f"{', '.join(arguments)}: no scores in it.")
    return clips


def _files(arguments: Sequence[str]) -> list[Path]:
    files: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found = sorted((p for p in path.iterdir() if p.suffix.lower() in SUFFIXES), key=lambda p: natural(p.name))
        elif path.is_file():
            found = [path]
        else:
            found = sorted(map(Path, glob(argument)), key=natural)  # noqa: PTH207 (a pattern may be absolute)
        if not found:
            raise InputError(f"{argument}: no such scores. Give {', '.join(SUFFIXES)} files or a folder of them.")
        files.extend(found)
    wrong = next((path for path in files if path.suffix.lower() not in SUFFIXES), None)
    if wrong is not None:
        raise InputError(f"{wrong}: scores are {', '.join(SUFFIXES)}, got {wrong.suffix or 'no suffix'}.")
    return files


def _from_npy(path: Path) -> Iterator[ScoredClip]:
    yield ScoredClip(path.stem, str(path), _vector(read_npy(path), str(path)))


def _from_mat(path: Path) -> Iterator[ScoredClip]:
    content = load_mat(path)
    if len(content) != 1:
        raise InputError(f"{path}: holds {', '.join(content) or 'nothing'}; one variable with the scores is expected.")
    (array,) = map(np.asarray, content.values())
    if array.dtype != object:
        yield ScoredClip(path.stem, str(path), _vector(array, str(path)))
        return
    for number, cell in enumerate(array.reshape(-1), start=1):
        where = f"{path}: clip {number}"
        yield ScoredClip(f"{number:02d}", where, _vector(np.asarray(cell), where))


def _vector(array: np.ndarray, origin: str) -> Floats:
    if array.dtype.kind not in "biuf" or array.ndim > 2 or 1 not in (array.ndim, *array.shape):
        raise InputError(f"{origin}: shape {array.shape} of {array.dtype}; one number a frame is expected.")
    return array.reshape(-1).astype(np.float64)


def _from_ndjson(path: Path) -> Iterator[ScoredClip]:
    rows: list[Row] = []
    try:
        for line, text in enumerate(path.read_text(encoding=encoding_of(path)).split("\n"), start=1):
            if text.strip():
                row = json.loads(text)
                if not isinstance(row, dict):
                    shown = text.strip()[:40]
                    raise InputError(f"{path}:{line}: a JSON object a line is expected, got {shown!r}.")
                rows.append((line, row))
    except (ValueError, RecursionError) as error:  # beside bad JSON: numbers and nesting beyond what Python reads
        raise InputError(f"{path}: not NDJSON ({error}).") from error
    yield from _from_rows(path, rows)


def _from_csv(path: Path) -> Iterator[ScoredClip]:
    try:
        with path.open(newline="", encoding=encoding_of(path)) as file:
            first = file.readline()
            file.seek(0)
            if first.strip() and _is_number(first.split(",")[-1]):
                values = [row[-1] for row in csv.reader(file) if row]
                yield ScoredClip(path.stem, str(path), _numbers(path, values))
                return
            rows: list[Row] = list(enumerate(csv.DictReader(file, skipinitialspace=True), start=2))
    except (UnicodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file ({error}).") from error
    yield from _from_rows(path, rows)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _numbers(path: Path, texts: Sequence[str]) -> Floats:
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path}: {error}; one number a line, or columns with a header, are expected.") from error


def _from_rows(path: Path, rows: Sequence[Row]) -> Iterator[ScoredClip]:
    """Clips of rows that name clip, frame and score."""
    clips: dict[str, list[Row]] = {}
    for line, row in rows:
        if more := row.get(None):  # type: ignore[call-overload]  # where csv puts what has no column
            raise InputError(f"{path}:{line}: {len(more)} values more than columns. Save the table again.")
        score = next((key for key in _SCORE_KEYS if key in row), None)
        if score is None:
            raise InputError(f"{path}:{line}: no score in {', '.join(map(str, row)) or 'an empty row'}.")
        name = next((str(row[key]) for key in _CLIP_KEYS if row.get(key) not in (None, "")), path.stem)
        clips.setdefault(name, []).append((line, {**row, "score": row[score]}))
    calibrated = any(row.get("calibration") is not None for _, row in rows)
    for name, own in clips.items():
        scores = _column(path, name, "score", own)
        if scores is None:
            raise InputError(
                f"{path}: clip {name}: every score is missing (a calibration's warm-up?). Score with an adapter."
            )
        yield ScoredClip(name, str(path), scores, _frames(path, name, own), calibrated, _times(own))


def _frames(path: Path, name: str, rows: Sequence[Row]) -> Indices | None:
    frames = _column(path, name, "frame", rows)
    if frames is None:
        return None
    wrong = np.flatnonzero((frames != np.round(frames)) | ~(np.abs(frames) <= MOST_FRAMES))
    if len(wrong):
        raise InputError(
            f"{path}:{rows[wrong[0]][0]}: clip {name}: frame {frames[wrong[0]]:g}; "
            f"frames are whole numbers from 0 to {MOST_FRAMES:,}."
        )
    return frames.astype(np.int64)


def _times(rows: Sequence[Row]) -> Floats | None:
    """(n,), or None where a row has no finite time: frames are then taken to come evenly."""
    values = [row.get("time_s") for _, row in rows]
    times = np.array([float(value) if _is_number(value) else np.nan for value in values])  # type: ignore[arg-type]
    return times if np.isfinite(times).all() else None


def _column(path: Path, name: str, column: str, rows: Sequence[Row]) -> Floats | None:
    """(n,), or None where no row has the value; a row that lacks it where others have it is an error."""
    values = [(line, row.get(column)) for line, row in rows]
    absent = [line for line, value in values if value is None or value == ""]
    if len(absent) == len(values):
        return None
    if absent:
        why = " (a calibration's warm-up has no score: score with an adapter)" if column == "score" else ""
        raise InputError(f"{path}:{absent[0]}: clip {name}: {len(absent)} of {len(values)} rows have no {column}{why}.")
    for line, value in values:
        if not _is_number(value):
            raise InputError(f"{path}:{line}: {column} is {shortened(repr(value), 41)}; a number is expected.")
    return np.array([value for _, value in values], dtype=np.float64)


_READERS = {".ndjson": _from_ndjson, ".jsonl": _from_ndjson, ".csv": _from_csv, ".npy": _from_npy, ".mat": _from_mat}
