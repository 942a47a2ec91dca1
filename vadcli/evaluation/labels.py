"""Frame labels from whatever a data set publishes them in: .npy, .mat, .m, CSV, folders of these, or a cache."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import FootageError, InputError
from vadcli.evaluation.pool import Flags
from vadcli.footage.naming import natural

SUFFIXES = (".npy", ".mat", ".m", ".csv")


@dataclass(frozen=True, eq=False)
class Marks:
    """Which frames of one clip are abnormal.

    Attributes:
        frames: (n,), True where abnormal; None where only ranges are published.
        ranges: (k, 2), first frame and one past the last, counted from 0; used where `frames` is None.
    """

    frames: Flags | None = None
    ranges: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))

    def over(self, clip: str, length: int) -> Flags:
        """(length,), the labels of a clip of that many frames.

        Raises:
            InputError: when published labels are of another length, or a range begins beyond the end.
        """
        if self.frames is not None:
            if len(self.frames) != length:
                difference = length - len(self.frames)
                raise InputError(
                    f"clip {clip}: scores (with --drop-head and --drop-tail) make {length} frames, labels "
                    f"{len(self.frames)}: {abs(difference)} too {'many' if difference > 0 else 'few'} scores."
                )
            return self.frames
        beyond = self.ranges[self.ranges[:, 1] > length]
        if len(beyond):
            raise InputError(
                f"clip {clip}: abnormal up to frame {beyond[0, 1] - 1} (from 0), but scores end at frame "
                f"{length - 1}: {beyond[0, 1] - length} too few. Say what was left out with --drop-tail."
            )
        flags = np.zeros(length, dtype=np.bool_)
        for start, stop in self.ranges:
            flags[start:stop] = True
        return flags


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of a set of clips.

    Attributes:
        origin: the file, for messages.
        named: by clip name, where the file names clips.
        ordered: in natural order of clip names, where it does not.
        flat: one array over all clips in natural order, where nothing says where a clip ends.
        fps: frames a second by clip name, where the file says.
    """

    origin: str
    named: Mapping[str, Marks] | None = None
    ordered: Sequence[Marks] | None = None
    flat: Flags | None = None
    fps: Mapping[str, float] = field(default_factory=dict)


def read_labels(path: Path, variant: str | None = None) -> Labels:
    """Labels of a file or folder.

    Args:
        path: a .npy, .mat, .m or .csv file, a vad cache, or a folder with one .npy or .csv a clip.
        variant: of a cache, the label variant; of a .mat with several variables, the one to take.

    Raises:
        InputError: for anything else, or a file that does not hold labels.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise InputError(f"{path}: no such labels. Give a .npy, .mat, .m, .csv file, a folder of them, or a cache.")
    match path.suffix.lower():
        case ".npy":
            return Labels(str(path), flat=as_flags(load_array(path), str(path)))
        case ".mat":
            return Labels(str(path), ordered=_from_cells(load_mat(path, variant), str(path)))
        case ".m":
            return Labels(str(path), ordered=_from_matlab_text(path))
        case ".csv":
            return _from_csv(path)
        case ".h5" | ".hdf5":
            return _from_cache(path, variant)
    raise InputError(f"{path}: labels are .npy, .mat, .m, .csv or a vad cache, got {path.suffix or 'no suffix'}.")


def load_array(path: Path) -> NDArray[Any]:
    """A plain array of a .npy file; never unpickles.

    Raises:
        InputError: if it is not one, or holds Python objects.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        reason = (
            "holds Python objects (a pickle), which vad never loads" if "pickle" in str(error) else "not a .npy array"
        )
        raise InputError(f"{path}: {reason}. Save one plain array of numbers a clip with numpy.save.") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise InputError(f"{path}: not an array of numbers. Save one plain array a clip with numpy.save.")
    return array


def load_mat(path: Path, variable: str | None = None) -> NDArray[Any]:
    """One variable of a MATLAB file.

    Args:
        path: of the file, up to version 7.2.
        variable: its name; the only one of the file by default.

    Raises:
        InputError: if it cannot be read, or does not say which variable is meant.
    """
    import scipy.io

    try:
        content = scipy.io.loadmat(path, appendmat=False)
    except Exception as error:  # scipy raises a different one for every kind of damage
        why = (
            "version 7.3, save it with -v7"
            if isinstance(error, NotImplementedError)
            else "not a MATLAB file, or damaged"
        )
        raise InputError(f"{path}: {why}.") from error
    names = [name for name in content if not name.startswith("__")]
    if variable is None and len(names) != 1:
        variable = "gt" if "gt" in names else None
        if variable is None:
            raise InputError(f"{path}: holds {', '.join(names) or 'nothing'}; one variable is expected, or gt.")
    name = variable or names[0]
    if name not in names:
        raise InputError(f"{path}: no variable {name}; it holds {', '.join(names)}.")
    return np.asarray(content[name])


def as_flags(array: NDArray[Any], origin: str) -> Flags:
    """(n,), True where abnormal, from a vector of 0 and 1.

    Raises:
        InputError: for another shape, or values that are neither.
    """
    flat = array.reshape(-1) if array.ndim <= 2 and 1 in (array.ndim, *array.shape) else None
    if flat is None:
        raise InputError(f"{origin}: labels of shape {array.shape}; one number a frame is expected.")
    strange = flat[(flat != 0) & (flat != 1)]
    if len(strange):
        raise InputError(f"{origin}: a label is {strange[0]}; 0 (normal) and 1 (abnormal) are expected.")
    flags: Flags = flat == 1
    return flags


def _from_cells(array: NDArray[Any], origin: str) -> list[Marks]:
    """Marks of a cell array with a cell a clip: 2 × k ranges, counted from 1 and inclusive, or a vector of labels."""
    if array.dtype != object:
        return [Marks(as_flags(array, origin))]
    marks = []
    for number, cell in enumerate(array.reshape(-1), start=1):
        values = np.atleast_1d(np.asarray(cell))
        where = f"{origin}: clip {number}"
        if values.dtype.kind not in "biuf":
            raise InputError(f"{where}: not numbers.")
        if values.size == 0:
            marks.append(Marks())
        elif values.shape == (2, 1) or (values.ndim == 2 and values.shape[0] == 2 and values.max() > 1):
            marks.append(_ranges(values.T, where))
        elif values.ndim == 2 and values.shape[1] == 2 and values.max() > 1:
            marks.append(_ranges(values, where))
        else:
            marks.append(Marks(as_flags(values, where)))
    return marks


def _ranges(inclusive: NDArray[Any], where: str) -> Marks:
    """Marks of (k, 2) ranges that count from 1 and include their ends."""
    pairs = np.asarray(inclusive, dtype=np.int64).reshape(-1, 2)
    wrong = pairs[(pairs[:, 0] < 1) | (pairs[:, 1] < pairs[:, 0])]
    if len(wrong):
        raise InputError(f"{where}: range {wrong[0, 0]}:{wrong[0, 1]}; frames count from 1 and end after they start.")
    return Marks(ranges=np.stack([pairs[:, 0] - 1, pairs[:, 1]], axis=1))


def _from_matlab_text(path: Path) -> list[Marks]:
    """Marks of the UCSD sets' text: `TestVideoFile{end+1}.gt_frame = [61:180, 190:200];` a clip."""
    text = path.read_text(encoding="utf-8", errors="replace")
    marks = []
    for number, body in enumerate(re.findall(r"gt_frame\s*=\s*\[([^\]]*)\]", text), start=1):
        pairs = [(int(a), int(b or a)) for a, b in re.findall(r"(\d+)(?:\s*:\s*(\d+))?", body)]
        marks.append(_ranges(np.array(pairs).reshape(-1, 2), f"{path}: clip {number}"))
    if not marks:
        raise InputError(f"{path}: no line of the form `gt_frame = [61:180];`.")
    return marks


def _from_csv(path: Path) -> Labels:
    """Labels of rows `clip,frame,label`, `clip,start,end` (both inclusive, from 0), or the same for a single clip."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows, columns = list(reader), [name.strip() for name in reader.fieldnames or ()]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file ({error}).") from error
    if {"frame", "label"} <= set(columns):
        read = _frame_rows
    elif {"start", "end"} <= set(columns):
        read = _interval_rows
    else:
        raise InputError(f"{path}: columns {', '.join(columns)}; clip,frame,label or clip,start,end are expected.")
    by_clip: dict[str, list[tuple[int, int, int]]] = {}
    first, second = ("frame", "label") if read is _frame_rows else ("start", "end")
    for line, row in enumerate(rows, start=2):
        try:
            entry = (line, int(row[first]), int(row[second]))
        except (TypeError, ValueError):
            raise InputError(
                f"{path}:{line}: {first} and {second} are whole numbers, got {row[first]!r}, {row[second]!r}."
            ) from None
        by_clip.setdefault(row.get("clip") or path.stem, []).append(entry)
    marks = {clip: read(entries, path, clip) for clip, entries in by_clip.items()}
    return Labels(str(path), named=marks) if "clip" in columns else Labels(str(path), ordered=list(marks.values()))


def _frame_rows(entries: list[tuple[int, int, int]], path: Path, clip: str) -> Marks:
    frames = np.array([frame for _, frame, _ in entries])
    wrong = sorted(set(range(len(frames))) ^ set(frames.tolist()))
    if wrong:
        raise InputError(
            f"{path}: clip {clip}: frame {wrong[0]} is missing, twice or out of order; each frame from 0 has one label."
        )
    labels = np.array([label for _, _, label in entries])[np.argsort(frames)]
    return Marks(as_flags(labels, f"{path}: clip {clip}"))


def _interval_rows(entries: list[tuple[int, int, int]], path: Path, clip: str) -> Marks:
    for line, start, end in entries:
        if start < 0 or end < start:
            raise InputError(
                f"{path}:{line}: clip {clip} abnormal from {start} to {end}; 0 ≤ start ≤ end is expected."
            )
    return Marks(ranges=np.array([(start, end + 1) for _, start, end in entries], dtype=np.int64))


def _read_folder(folder: Path) -> Labels:
    files = sorted(
        (p for p in folder.iterdir() if p.suffix.lower() in (".npy", ".csv")), key=lambda p: natural(p.name)
    )
    if not files:
        raise InputError(f"{folder}: no .npy or .csv labels in it.")
    named: dict[str, Marks] = {}
    for path in files:
        if path.stem in named:
            raise InputError(f"{folder}: clip {path.stem} has two label files. Keep one.")
        one = read_labels(path)
        named[path.stem] = Marks(one.flat) if one.flat is not None else _single(one)
    return Labels(str(folder), named=named)


def _single(labels: Labels) -> Marks:
    marks = [*(labels.named or {}).values(), *(labels.ordered or ())]
    if len(marks) != 1:
        raise InputError(f"{labels.origin}: labels of {len(marks)} clips in a folder that has one file a clip.")
    return marks[0]


def _from_cache(path: Path, variant: str | None) -> Labels:
    from vadcli.footage.cache import open_cache

    with open_cache(path) as cache:
        named, fps = {}, {}
        for clip in (clip for clip in cache.clips if clip.split == "test"):
            values = cache.labels(clip.name, variant) if clip.has_labels else None
            if values is not None:
                named[clip.name], fps[clip.name] = (
                    Marks(as_flags(np.asarray(values), f"{path}: {clip.name}")),
                    clip.fps,
                )
    if not named:
        raise FootageError(f"{path}: no test clip of this cache has labels. Prepare it with --labels.")
    return Labels(str(path), named=named, fps=fps)
