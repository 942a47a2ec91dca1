"""UMN crowd panic: `NN.mp4` with `NN.npy`; scenes lawn (1, 2), hall (3 to 8) and plaza (9 to 11).

There is no separate normal footage, so all clips are of split test. The label is burnt into rows 10 to 25 of 240 of
abnormal frames, so the top 32, as far as codecs smear it, are black in every frame.
"""

from pathlib import Path

from vadcli.footage.layouts.clip_source import ClipSource, numbered_clip
from vadcli.footage.layouts.label_files import labels_for
from vadcli.footage.naming import videos_in

MASK_TOP = 32 / 240
_SCENES = {**dict.fromkeys((1, 2), "lawn"), **dict.fromkeys(range(3, 9), "hall"), **dict.fromkeys((9, 10, 11), "plaza")}


def detect(path: Path) -> bool:
    """Whether the folder is named after the data set and its videos are numbered and labelled."""
    return "umn" in path.resolve().name.lower() and bool(find(path))


def find(path: Path) -> list[ClipSource]:
    """All clips, with labels; none unless all are numbered from 1 to 11 and have an array of labels beside them."""
    found = []
    for video in videos_in(path):
        file = video.with_suffix(".npy")
        if not video.stem.isdecimal() or int(video.stem) not in _SCENES or not file.is_file():
            return []
        labels = labels_for(file, {video.stem: None})[video.stem]
        found.append(numbered_clip(_SCENES[int(video.stem)], "test", video, labels=labels, mask_top=MASK_TOP))
    return found
