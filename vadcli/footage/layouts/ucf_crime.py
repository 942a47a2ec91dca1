"""UCF-Crime: normal videos of `Anomaly_Train.txt` to train on, and those with temporal annotations to test on.

Every video is of another camera, so each is a scene of its own. Videos may lie in any folder below; those of the
lists that are not there (the data set comes in many parts) are left out, and counted.
"""

from dataclasses import replace
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.files import VIDEO_SUFFIXES
from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.labels import Intervals
from vadcli.footage.naming import natural

TRAIN_LIST = "Anomaly_Train.txt"
ANNOTATIONS = ("Temporal_Anomaly_Annotation_for_Testing_Videos.txt", "Temporal_Anomaly_Annotation.txt")
_NORMAL = "Normal_Videos"


def detect(path: Path) -> bool:
    """Whether one of the lists is there."""
    return path.is_dir() and bool(_list(path, TRAIN_LIST) or _list(path, *ANNOTATIONS))


def find(path: Path) -> list[ClipSource]:
    """Normal training videos, and annotated test videos with their abnormal frames.

    Raises:
        FootageError: when a line of the annotations cannot be read, or none of the videos is there.
    """
    videos = {file.name: file for file in sorted(path.rglob("*"), key=natural) if file.suffix.lower() in VIDEO_SUFFIXES}
    named: list[tuple[str, Split, Intervals | None]] = []
    if train := _list(path, TRAIN_LIST):
        names = [Path(line).name for line in train.read_text(encoding="utf-8", errors="replace").split()]
        named += [(name, "train", None) for name in names if name.startswith(_NORMAL)]
    if annotations := _list(path, *ANNOTATIONS):
        for number, line in enumerate(annotations.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if words := line.split():
                intervals = _intervals(words, f"{annotations}:{number}") if words[0] in videos else ()
                named.append((words[0], "test", Intervals(annotations.name, intervals, may_overrun=True)))
    found = []
    for name, split, labels in named:
        if name in videos:
            stem = Path(name).stem
            found.append(ClipSource(f"{stem}/{split}", stem, split, videos[name], labels=labels))
    if not found:
        raise FootageError(f"{path}: none of the videos in the lists is here. Put them in folders below the lists.")
    if absent := len(named) - len(found):
        note = f"{path}: {absent} videos of the lists are not in any folder here and are left out"
        found[0] = replace(found[0], note=note)
    return found


def _list(path: Path, *names: str) -> Path | None:
    places = (path, path / "Anomaly_Detection_splits", path / "UCF_Crimes")
    return next((place / name for place in places for name in names if (place / name).is_file()), None)


def _intervals(words: list[str], where: str) -> tuple[tuple[int, int], ...]:
    """Of a line such as `Abuse028_x264.mp4 Abuse 165 240 -1 -1`: frames from 1, both ends included, -1 for none."""
    try:
        numbers = [int(word) for word in words[2:]]
    except ValueError as error:
        raise FootageError(f"{where}: expected VIDEO CLASS FIRST LAST FIRST LAST. Fetch the list again.") from error
    pairs = zip(numbers[::2], numbers[1::2], strict=False)
    return tuple((max(first, 1) - 1, last - 1) for first, last in pairs if first >= 0 and last >= first)
