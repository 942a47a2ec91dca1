"""UMN crowd panic: `NN.mp4` with `NN.npy`; scenes lawn (1, 2), hall (3 to 8) and plaza (9 to 11).

There is no separate normal footage, so all clips are of split test. The label is burnt into rows 10 to 25 of 240 of
abnormal frames, so the top 32, as far as codecs smear it, are black in every frame.
"""

from pathlib import Path

from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.label_files import labels_for
from vadcli.footage.naming import videos_in

MASK_TOP = 32 / 240
_SCENES = {**dict.fromkeys((1, 2), "lawn"), **dict.fromkeys(range(3, 9), "hall"), **dict.fromkeys((9, 10, 11), "plaza")}


def detect(path: Path) -> bool:
    """Whether the folder is named after the data set and its videos are numbered from 1 to 11."""
    return path.is_dir() and "umn" in path.resolve().name.lower() and looks_so(path)


def looks_so(path: Path) -> bool:
    """Whether all videos are numbered from 1 to 11 and have an array of labels beside them."""
    videos = videos_in(path) if path.is_dir() else []
    return bool(videos) and all(
        v.stem.isdecimal() and int(v.stem) in _SCENES and v.with_suffix(".npy").is_file() for v in videos
    )


def find(path: Path) -> list[ClipSource]:
    """All clips, with labels."""
    if not looks_so(path):
        return []
    found = []
    for video in videos_in(path):
        scene = _SCENES[int(video.stem)]
        name = f"{scene}/test/{video.stem}"
        labels = labels_for(video.with_suffix(".npy"), {name: None})[name]
        found.append(ClipSource(name, scene, "test", video, labels=labels, mask_top=MASK_TOP))
    return found
