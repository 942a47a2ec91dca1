"""CUHK Avenue as published: `training_videos/01.avi`, `testing_videos/01.avi`, `testing_label_mask/1_label.mat`.

Two label sets are in circulation, of 25.23 % and 24.22 % abnormal frames. Those of the masks that come with the data
set are the clips' labels; a file of ranges that lies beside the videos (a `.mat` with `gt`) becomes a variant by its
name, as in `vad eval --labels-variant avenue`.
"""

import re
from pathlib import Path

from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.label_files import load_mat, read_m, read_mat
from vadcli.footage.layouts.labels import LabelTrack
from vadcli.footage.layouts.masks import MaskMatlab
from vadcli.footage.naming import videos_in

_PARTS: tuple[tuple[str, Split], ...] = (("training_videos", "train"), ("testing_videos", "test"))


def detect(path: Path) -> bool:
    """Whether there are `training_videos` or `testing_videos`."""
    return path.is_dir() and any((path / part).is_dir() and videos_in(path / part) for part, _ in _PARTS)


def find(path: Path) -> list[ClipSource]:
    """Clips of both splits, all of one scene."""
    masks = {_number(file): file for file in sorted(path.rglob("testing_label_mask/*_label.mat"))}
    variants = _range_files(path)
    found = []
    for part, split in _PARTS:
        for index, video in enumerate(videos_in(path / part) if (path / part).is_dir() else []):
            mask = masks.get(_number(video)) if split == "test" else None
            others = {name: tracks[index] for name, tracks in variants.items() if index < len(tracks)}
            labels = None if mask or not others else next(iter(others.values()))
            found.append(
                ClipSource(
                    f"avenue/{split}/{video.stem}",
                    "avenue",
                    split,
                    video,
                    labels=labels if split == "test" else None,
                    variants=others if split == "test" else {},
                    masks=MaskMatlab(mask) if mask else None,
                )
            )
    return found


def _number(file: Path) -> int:
    """The clip's number: `01.avi` goes with `1_label.mat`."""
    digits = re.search(r"\d+", file.stem)
    return int(digits.group()) if digits else -1


def _range_files(path: Path) -> dict[str, list[LabelTrack]]:
    """Files of frame ranges beside the videos, by name."""
    found: dict[str, list[LabelTrack]] = {file.stem: read_m(file) for file in sorted(path.glob("*.m"))}
    for file in sorted(path.glob("*.mat")):
        if "gt" in load_mat(file):
            found[file.stem] = read_mat(file)
    return found
