"""CUHK Avenue as published: `training_videos/01.avi`, `testing_videos/01.avi`, `testing_label_mask/1_label.mat`.

Two label sets are in circulation, of 25.23 % and 24.22 % abnormal frames. Those of the masks that come with the data
set are the clips' labels; a file of ranges that lies beside the videos (a `.mat` with `gt`) becomes a variant by its
name, as in `vad eval --labels-variant avenue`. Masks go with the videos by their number, ranges by their order.
"""

import re
from dataclasses import replace
from pathlib import Path

from vadcli.footage.layouts.clip_source import ClipSource, numbered_clip
from vadcli.footage.layouts.label_files import labels_for, set_names
from vadcli.footage.matlab import load_mat
from vadcli.footage.naming import videos_in


def detect(path: Path) -> bool:
    """Whether there are videos in `training_videos` or `testing_videos`."""
    return bool(videos_in(path / "training_videos") or videos_in(path / "testing_videos"))


def find(path: Path) -> list[ClipSource]:
    """Clips of both splits, all of one scene.

    Raises:
        FootageError: when the ranges in a file are not of as many clips as there are.
    """
    trains = [numbered_clip("avenue", "train", video) for video in videos_in(path / "training_videos")]
    tests = [numbered_clip("avenue", "test", video) for video in videos_in(path / "testing_videos")]
    masks = {_number(file): file for file in sorted(path.rglob("testing_label_mask/*_label.mat"))}
    files = [*sorted(path.glob("*.m")), *(file for file in sorted(path.glob("*.mat")) if "gt" in load_mat(file))]
    names = dict.fromkeys(clip.name for clip in tests)
    sets = {name: labels_for(file, names) for name, file in set_names(files).items()} if tests else {}
    found = []
    for clip in tests:
        variants = {name: tracks[clip.name] for name, tracks in sets.items()}
        mask = masks.get(_number(clip.source))
        labels = None if mask else next(iter(variants.values()), None)
        found.append(replace(clip, labels=labels, variants=variants, masks=mask))
    return trains + found


def _number(file: Path) -> int:
    """The clip's number: `01.avi` goes with `1_label.mat`."""
    digits = re.search(r"\d+", file.stem)
    return int(digits.group()) if digits else -1
