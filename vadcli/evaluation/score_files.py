"""Score files of other programs, and of `vad score`: NDJSON, CSV, .npy and .mat, read without running anything."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np

from vadcli.errors import InputError
from vadcli.evaluation.evidence import FEATURE, FRAME, GIVEN
from vadcli.evaluation.foreign import ForeignClip
from vadcli.evaluation.pool import Floats
from vadcli.files import encoding_of
from vadcli.footage.layouts.label_files import read_npy
from vadcli.footage.layouts.labels import MOST_FRAMES
from vadcli.footage.matlab import load_mat
from vadcli.footage.naming import natural
from vadcli.terminal import shortened

SUFFIXES = (".ndjson", ".jsonl", ".csv", ".npy", ".mat")
_CLIP_KEYS = ("clip", "source", "video", "name")
_SCORE_KEYS = ("score", "anomaly_score")
_COLUMNS = ("score", "frame", "time_s", "psnr_db", "feature_error")
_PEAK_OF_UNIT_FRAMES = 4.0  # squared range of frames in [-1, 1]


def read_scores(arguments: Sequence[str]) -> list[ForeignClip]:
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


def _from_npy(path: Path) -> Iterator[ForeignClip]:
    yield ForeignClip(path.stem, str(path), {GIVEN: _vector(read_npy(path), str(path))})


def _from_mat(path: Path) -> Iterator[ForeignClip]:
    content = load_mat(path)
    if len(content) != 1:
        raise InputError(f"{path}: holds {', '.join(content) or 'nothing'}; one variable with the scores is expected.")
    (array,) = map(np.asarray, content.values())
    if array.dtype != object:
        yield ForeignClip(path.stem, str(path), {GIVEN: _vector(array, str(path))})
        return
    for number, cell in enumerate(array.reshape(-1), start=1):
        where = f"{path}: clip {number}"
        yield ForeignClip(f"{number:02d}", where, {GIVEN: _vector(np.asarray(cell), where)})


def _vector(array: np.ndarray, origin: str) -> Floats:
    if array.dtype.kind not in "biuf" or array.ndim > 2 or 1 not in (array.ndim, *array.shape):
        raise InputError(f"{origin}: shape {array.shape} of {array.dtype}; one number a frame is expected.")
    return array.reshape(-1).astype(np.float64)


def _from_ndjson(path: Path) -> Iterator[ForeignClip]:
    def rows() -> Iterator[tuple[int, Mapping[str, Any]]]:
        try:
            with path.open(encoding=encoding_of(path)) as file:
                for line, text in enumerate(file, start=1):
                    if text.strip():
                        row = json.loads(text)
                        if not isinstance(row, dict):
                            raise InputError(
                                f"{path}:{line}: a JSON object a line is expected, got {text.strip()[:40]!r}."
                            )
                        yield line, row
        except (ValueError, RecursionError) as error:  # beside bad JSON: numbers and nesting beyond what Python reads
            raise InputError(f"{path}: not NDJSON ({error}).") from error

    yield from _from_rows(path, rows())


def _from_csv(path: Path) -> Iterator[ForeignClip]:
    try:
        with path.open(newline="", encoding=encoding_of(path)) as file:
            first = file.readline()
            file.seek(0)
            if first.strip() and _is_number(first.split(",")[-1]):
                values = [row[-1] for row in csv.reader(file) if row]
                yield ForeignClip(path.stem, str(path), {GIVEN: _numbers(path, values)})
                return
            reader = csv.DictReader(file, skipinitialspace=True)
            yield from _from_rows(path, enumerate(reader, start=2))
    except (UnicodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file ({error}).") from error


def _is_number(value: str | float) -> bool:
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True


def _numbers(path: Path, texts: Sequence[str]) -> Floats:
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path}: {error}; one number a line, or columns with a header, are expected.") from error


def _from_rows(path: Path, rows: Iterator[tuple[int, Mapping[str, Any]]]) -> Iterator[ForeignClip]:
    """Clips of rows that name clip, frame and score; `vad score` adds the raw errors."""
    collected: dict[str, dict[str, list[Any]]] = {}
    calibrated = False
    for line, row in rows:
        if more := row.get(None):  # type: ignore[call-overload]  # where csv puts what has no column
            raise InputError(f"{path}:{line}: {len(more)} values more than columns. Save the table again.")
        name = next((str(row[key]) for key in _CLIP_KEYS if row.get(key) not in (None, "")), path.stem)
        key = next((key for key in _SCORE_KEYS if key in row), None)
        if key is None and "psnr_db" not in row:
            raise InputError(f"{path}:{line}: no score in {', '.join(map(str, row)) or 'an empty row'}.")
        calibrated = calibrated or row.get("calibration") is not None
        columns = collected.setdefault(name, {kind: [] for kind in ("line", *_COLUMNS)})
        columns["line"].append(line)
        columns["score"].append(row.get(key) if key else None)
        for other in _COLUMNS[1:]:
            columns[other].append(row.get(other))
    for name, columns in collected.items():
        yield _clip(path, name, columns, calibrated)


def _clip(path: Path, name: str, columns: Mapping[str, list[Any]], calibrated: bool) -> ForeignClip:
    values = {kind: _column(path, name, kind, columns) for kind in _COLUMNS if kind != "time_s"}
    signals: dict[str, Floats] = {}
    if values["psnr_db"] is not None:
        signals[FRAME] = _PEAK_OF_UNIT_FRAMES * 10 ** (-values["psnr_db"] / 10)
        if values["feature_error"] is not None:
            signals[FEATURE] = values["feature_error"]
    if values["score"] is not None:
        signals[GIVEN] = values["score"]
    if not signals:
        raise InputError(
            f"{path}: clip {name}: every score is missing (a calibration's warm-up?). Score with an adapter."
        )
    frames = values["frame"]
    if frames is not None:
        wrong = np.flatnonzero((frames != np.round(frames)) | ~(np.abs(frames) <= MOST_FRAMES))
        if len(wrong):
            raise InputError(
                f"{path}:{columns['line'][wrong[0]]}: clip {name}: frame {frames[wrong[0]]:g}; "
                f"frames are whole numbers from 0 to {MOST_FRAMES:,}."
            )
    return ForeignClip(
        name,
        str(path),
        signals,
        None if frames is None else frames.astype(np.int64),
        calibrated and GIVEN in signals,
        _times(columns["time_s"]),
    )


def _times(values: Sequence[Any]) -> Floats | None:
    """(n,), or None where a row has no finite time: frames are then taken to come evenly."""
    if not all(isinstance(value, int | float | str) and _is_number(value) for value in values):
        return None
    times = np.array(values, dtype=np.float64)
    return times if np.isfinite(times).all() else None


def _column(path: Path, name: str, kind: str, columns: Mapping[str, list[Any]]) -> Floats | None:
    """(n,), or None where no row has the value; a row that lacks it where others have it is an error."""
    values = columns[kind]
    absent = [line for line, value in zip(columns["line"], values, strict=True) if value is None or value == ""]
    if len(absent) == len(values):
        return None
    if absent:
        why = " (a calibration's warm-up has no score: score with an adapter)" if kind == "score" else ""
        raise InputError(f"{path}:{absent[0]}: clip {name}: {len(absent)} of {len(values)} rows have no {kind}{why}.")
    for line, value in zip(columns["line"], values, strict=True):
        if not isinstance(value, int | float | str) or not _is_number(value):
            raise InputError(f"{path}:{line}: {kind} is {shortened(repr(value), 41)}; a number is expected.")
    return np.array(values, dtype=np.float64)


_READERS = {".ndjson": _from_ndjson, ".jsonl": _from_ndjson, ".csv": _from_csv, ".npy": _from_npy, ".mat": _from_mat}
