"""Label files as data sets publish them: MATLAB ranges, arrays a clip or over all clips, CSV of frames or intervals."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from vadcli.errors import FootageError
from vadcli.files import encoding_of
from vadcli.footage.layouts.labels import MOST_FRAMES, FrameLabels, Intervals, LabelTrack, as_labels
from vadcli.footage.matlab import load_mat
from vadcli.footage.naming import natural, shorten

_RANGE = r"(?<![\d.])\d+(?:\s*:\s*\d+)?(?![\d.:])"
LABEL_SUFFIXES = (".m", ".mat", ".npy", ".csv", ".txt")


def labels_for(path: Path, clips: Mapping[str, int | None]) -> dict[str, LabelTrack]:
    """Labels of every clip that a file, or a folder of one file a clip, has labels for.

    Args:
        path: `.m` or `.mat` (1-based inclusive ranges, a clip after the other), `.npy` (one clip, or all clips end to
            end), `.csv` (see `read_csv`), `.txt` (a number a frame), or a folder of such files named as the clips.
        clips: names in the data set's order, with their number of frames where it is known already.

    Raises:
        FootageError: when the file cannot be read or does not fit the clips.
    """
    names, suffix = list(clips), path.suffix.lower()
    if path.is_dir():
        return _folder(path, names)
    if not path.is_file():
        raise FootageError(f"{path}: not found. Give a label file or a folder of them.")
    if suffix == ".csv" and _has_columns(path):
        return read_csv(path, names)
    match suffix:
        case ".m":
            found: list[LabelTrack] | npt.NDArray[Any] = read_m(path)
        case ".mat":
            found = read_mat(path)
        case ".npy":
            found = read_npy(path)
        case ".csv" | ".txt":
            found = _read_numbers(path)
        case _:
            raise FootageError(f"{path}: labels are read from {', '.join(LABEL_SUFFIXES)} files and folders of them.")
    if isinstance(found, np.ndarray):
        return _split_array(path, clips, found)
    if len(found) != len(names):
        raise FootageError(f"{path}: labels of {len(found)} clips for {len(names)} here. Use the matching file.")
    return dict(zip(names, found, strict=True))


def set_names(files: Sequence[Path]) -> dict[str, Path]:
    """Files of label sets by what the sets are called: the stem, or the whole name where files share a stem.

    >>> list(set_names([Path("gt/mine.m"), Path("gt/mine.mat"), Path("gt/official.mat")]))
    ['mine.m', 'mine.mat', 'official']
    """
    stems = [file.stem for file in files]
    return {file.name if stems.count(file.stem) > 1 else file.stem: file for file in files}


def read_m(path: Path) -> list[LabelTrack]:
    """Ranges of a UCSD `.m` file, as in `TestVideoFile{end+1}.gt_frame = [60:152, 160:180];`.

    Raises:
        FootageError: naming the line, for anything in the brackets that is no range.
    """
    text = re.sub(r"%[^\n]*", "", path.read_text(encoding=encoding_of(path), errors="replace"))
    clips: list[LabelTrack] = []
    for found in re.finditer(r"(?:\{\s*(\d+)\s*\}\s*\.\s*)?gt_frame\s*=\s*([^\n\[]*)\[([^\]]*)\]?([^\n;,]*)", text):
        number, before, inside, after = found.groups()
        where = f"{path}:{text.count(chr(10), 0, found.start()) + 1}"
        if number and int(number) != len(clips) + 1:
            raise FootageError(f"{where}: clip {number} after {len(clips)} clips. Put them in the order of the clips.")
        if before.strip() or after.strip():
            what = f"{before}[{inside}]{after}".strip()[:40]
            raise FootageError(f"{where}: gt_frame is {what}, which has to be computed. Write the ranges out.")
        residue = re.sub(_RANGE, "", inside).replace("...", "").strip(" \t\r\n,;")
        if residue or "]" not in found[0]:
            raise FootageError(f"{where}: gt_frame is [{inside.strip()[:40]}], no ranges such as [60:152, 160:180].")
        ranges = [[_frame(number, where) for number in each.split(":")] for each in re.findall(_RANGE, inside)]
        clips.append(Intervals(path.name, tuple((each[0] - 1, each[-1] - 1) for each in ranges)))
    if not clips:
        raise FootageError(f"{path}: no line `gt_frame = [first:last]` in it. Use the label file of the data set.")
    return clips


def _frame(text: str, where: str) -> int:
    digits = text.strip()
    if len(digits) > len(str(MOST_FRAMES)) or not 1 <= int(digits) <= MOST_FRAMES:
        raise FootageError(f"{where}: frame {digits[:20]}; frames are from 1 to {MOST_FRAMES:,}. Mend the file.")
    return int(digits)


def read_mat(path: Path) -> list[LabelTrack] | npt.NDArray[Any]:
    """Labels of a `.mat` file's `gt`, or of its only variable.

    Returns:
        of a cell a clip, each 2 x n first and last frames counted from 1, or 1 x n labels: labels of each clip; of one
        vector of labels, that vector.
    """
    content = load_mat(path)
    if "gt" not in content and len(content) != 1:
        raise FootageError(
            f"{path}: no variable `gt` in it, only {shorten(list(content))}. Use the label file of the data set."
        )
    labels = content["gt"] if "gt" in content else next(iter(content.values()))
    if labels.dtype != object and labels.size > 2 and max(labels.shape, default=0) == labels.size:
        return labels.reshape(-1)
    clips: list[LabelTrack] = []
    for cell in labels if labels.dtype == object else [labels]:
        where = f"{path}: clip {len(clips) + 1} of `gt`"
        ranges = _frame_numbers(np.asarray(cell), where)
        if ranges.size > 2 and 1 in ranges.shape and ranges.max() <= 1:  # a label a frame instead of ranges
            clips.append(as_labels(ranges, path.name))
            continue
        if ranges.size % 2 or (ranges.ndim == 2 and ranges.size and ranges.shape[0] != 2):
            raise FootageError(f"{where} is {ranges.shape}; expected 2 x n ranges.")
        pairs = ranges.reshape(2, -1).T.tolist()
        clips.append(Intervals(path.name, tuple((first - 1, last - 1) for first, last in pairs)))
    return clips


def _frame_numbers(values: npt.NDArray[Any], where: str) -> npt.NDArray[np.int64]:
    if values.dtype.kind not in "biuf":
        what = values.item() if values.dtype.kind == "U" and not values.ndim else values.dtype
        raise FootageError(f"{where} is {what}, no numbers of frames. Use the label file of the data set.")
    if not (fits := np.abs(values.astype(np.float64)) <= MOST_FRAMES).all():  # neither NaN nor infinity is
        raise FootageError(f"{where} has {values[~fits][0]}, no number of a frame. Use the label file of the data set.")
    return values.astype(np.int64)


def read_npy(path: Path) -> npt.NDArray[Any]:
    """The array of a `.npy` file; Python objects in it are refused, since reading them can run code."""
    with path.open("rb") as file:
        head = file.read(6)
    try:
        return np.array(npy.open_memmap(path, mode="r"))  # which compares what the file claims with its length
    except Exception as error:  # numpy has no error of its own for damage
        if (head == b"\x93NUMPY" and "objects" in str(error)) or head[:1] == b"\x80":
            raise FootageError(
                f"{path}: no plain array; pickled objects are not read, since they can run code. "
                "Save one .npy of numbers a clip."
            ) from error
        raise FootageError(f"{path}: no .npy file that can be read. Save it again.") from error


def read_csv(path: Path, names: Sequence[str]) -> dict[str, LabelTrack]:
    """Labels of a CSV file; frames are counted from 0.

    Columns `clip,start_frame,end_frame` (abnormal stretches, both ends included; clips without one are normal),
    or `frame,label` for one clip, or `clip,frame,label`.

    Raises:
        FootageError: naming the line.
    """
    rows = _rows(path)
    columns = next(rows)[1].keys()
    if {"clip", "start_frame", "end_frame"} <= columns:
        intervals: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
        for where, row in rows:
            first, last = (_number(row, column, where) for column in ("start_frame", "end_frame"))
            intervals[match_clip(row.get("clip", ""), names, where)].append((first, last))
        return {name: Intervals(path.name, tuple(found)) for name, found in intervals.items()}
    if not {"frame", "label"} <= columns:
        got = ", ".join(columns) or "missing"
        raise FootageError(f"{path}: columns are {got}; expected clip,start_frame,end_frame or frame,label.")
    values: dict[str, dict[int, int]] = {}
    for where, row in rows:
        if not row.get("clip") and len(names) != 1:
            raise FootageError(f"{where}: which of {len(names)} clips? Add a column `clip`, or give one file a clip.")
        name = match_clip(row["clip"], names, where) if row.get("clip") else names[0]
        frame = _number(row, "frame", where)
        if frame in values.setdefault(name, {}):
            raise FootageError(f"{where}: frame {frame} of {name} is labelled twice. Keep one.")
        values[name][frame] = _number(row, "label", where)
    tracks: dict[str, LabelTrack] = {}
    for name, labels in values.items():
        if missing := set(range(len(labels))) - labels.keys():
            raise FootageError(f"{path}: frame {min(missing)} of {name} has no label. Label every frame, from 0.")
        tracks[name] = as_labels([labels[frame] for frame in range(len(labels))], path.name)
    return tracks


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a CSV file by its columns, the head first, each with its place for messages."""
    with path.open(newline="", encoding=encoding_of(path), errors="replace") as file:
        rows = csv.reader(file, skipinitialspace=True)
        try:
            columns = [column.strip() for column in next(rows, [])]
            if len(set(columns)) < len(columns):
                raise FootageError(f"{path}:1: two columns of one name in {', '.join(columns)[:80]}. Keep one.")
            yield f"{path}:1", dict(zip(columns, columns, strict=True))
            for row in filter(None, rows):
                where = f"{path}:{rows.line_num}"
                if len(row) > len(columns):
                    raise FootageError(f"{where}: {len(row)} values for {len(columns)} columns. Save the table again.")
                yield where, dict(zip(columns, row, strict=False))
        except csv.Error as error:
            raise FootageError(f"{path}:{rows.line_num}: no table ({error}). Save it as CSV again.") from error


def match_clip(text: str, names: Sequence[str], where: str) -> str:
    """The clip that a label file means by its full name, its last part, or its file name.

    Raises:
        FootageError: when there is none, or more than one.
    """
    wanted = text.strip().strip("/")
    if not Path(wanted).name:
        raise FootageError(f"{where}: clip is {text.strip() or 'missing'}, no name. Say which clip is meant.")
    for form in (wanted, str(Path(wanted).with_suffix(""))):
        hits = [name for name in names if name == form] or [name for name in names if name.endswith("/" + form)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise FootageError(f"{where}: {wanted} may be {' or '.join(hits[:3])}. Give the whole name.")
    raise FootageError(f"{where}: no clip {wanted}. Clips here: {shorten(names, 5)}.")


def _folder(path: Path, names: Sequence[str]) -> dict[str, LabelTrack]:
    tracks: dict[str, LabelTrack] = {}
    for file in sorted(path.iterdir(), key=natural):
        if file.suffix.lower() in LABEL_SUFFIXES:
            tracks |= labels_for(file, {match_clip(file.stem, names, str(file)): None})
    if not tracks:
        raise FootageError(f"{path}: no label files in this folder. They are named as the clips, as in 01.npy.")
    return tracks


def _split_array(path: Path, clips: Mapping[str, int | None], values: npt.NDArray[Any]) -> dict[str, LabelTrack]:
    """An array a clip, or one over all clips in their order."""
    flat = as_labels(values, path.name)
    if len(clips) == 1:
        return {next(iter(clips)): flat}
    counts = [count for count in clips.values() if count is not None]
    if len(counts) != len(clips):
        raise FootageError(f"{path}: one array over {len(clips)} videos, whose lengths are not known. Give one a clip.")
    if off := len(flat.values) - sum(counts):
        raise FootageError(
            f"{path}: {len(flat.values)} labels for {sum(counts)} frames of {len(clips)} clips, "
            f"{abs(off)} too {'many' if off > 0 else 'few'}. Use the labels of this footage."
        )
    parts = np.split(flat.values, np.cumsum(counts)[:-1])
    return {name: FrameLabels(path.name, part) for name, part in zip(clips, parts, strict=True)}


def _has_columns(path: Path) -> bool:
    """Whether a CSV file is more than one number a line, with a name above them or not."""
    first = path.read_text(encoding=encoding_of(path), errors="replace")[:1000].partition("\n")[0].strip()
    return not re.fullmatch(r"[-+.\deE]+|label", first)


def _read_numbers(path: Path) -> npt.NDArray[Any]:
    try:
        words = path.read_text(encoding=encoding_of(path)).removeprefix("label").replace(",", " ").split()
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise FootageError(f"{path}: not a list of numbers, one a frame. 0 is normal, 1 abnormal.") from error


def _number(row: Mapping[str, str], column: str, where: str) -> int:
    text = row.get(column, "").strip()
    try:
        value = float(text)
        if not 0 <= value <= MOST_FRAMES or value != int(value):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise FootageError(
            f"{where}: {column} is {text[:40] or 'missing'}, no whole number from 0 to {MOST_FRAMES:,}."
        ) from error
    return int(value)
