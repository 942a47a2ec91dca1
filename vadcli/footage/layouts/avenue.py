"""CUHK Avenue as published: `training_videos/01.avi`, `testing_videos/01.avi`, `testing_label_mask/1_label.mat`.

Two label sets are in circulation, of 25.23 % and 24.22 % abnormal frames. Those of the masks that come with the data
set are the clips' labels; a file of ranges that lies beside the videos (a `.mat` with `gt`) becomes a variant by its
name, as in `vad eval --labels-variant avenue`. Masks go with the videos by their number, ranges by their order.
"""

import re
from pathlib import Path

from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.label_files import labels_for, set_names
from vadcli.footage.layouts.labels import LabelTrack
from vadcli.footage.matlab import load_mat
from vadcli.footage.naming import videos_in

_PARTS: tuple[tuple[str, Split], ...] = (("training_videos", "train"), ("testing_videos", "test"))


def detect(path: Path) -> bool:
    """Whether there are `training_videos` or `testing_videos`."""
    return path.is_dir() and any((path / part).is_dir() and videos_in(path / part) for part, _ in _PARTS)


def find(path: Path) -> list[ClipSource]:
    """Clips of both splits, all of one scene.

    Raises:
        FootageError: when the ranges in a file are not of as many clips as there are.
    """
    masks = {_number(file): file for file in sorted(path.rglob("testing_label_mask/*_label.mat"))}
    videos = {part: videos_in(path / part) if (path / part).is_dir() else [] for part, _ in _PARTS}
    tests = [_name(video, "test") for video in videos["testing_videos"]]
    variants = _range_files(path, tests) if tests else {}
    found = []
    for part, split in _PARTS:
        for video in videos[part]:
            name = _name(video, split)
            mask = masks.get(_number(video)) if split == "test" else None
            others = {key: tracks[name] for key, tracks in variants.items()} if split == "test" else {}
            found.append(
                ClipSource(
                    name,
                    "avenue",
                    split,
                    video,
                    labels=None if mask else next(iter(others.values()), None),
                    variants=others,
                    masks=mask,
                )
            )
    return found


def _name(video: Path, split: Split) -> str:
    return f"avenue/{split}/{video.stem}"


def _number(file: Path) -> int:
    """The clip's number: `01.avi` goes with `1_label.mat`."""
    digits = re.search(r"\d+", file.stem)
    return int(digits.group()) if digits else -1


def _range_files(path: Path, tests: list[str]) -> dict[str, dict[str, LabelTrack]]:
    """Files of frame ranges beside the videos, by name, with the labels of every test clip."""
    files = [*sorted(path.glob("*.m")), *(file for file in sorted(path.glob("*.mat")) if "gt" in load_mat(file))]
    return {name: labels_for(file, dict.fromkeys(tests)) for name, file in set_names(files).items()}
