"""Plain footage: recordings, or folders of pictures; cameras and splits are told by the names of folders.

What lies in one folder is of one scene, called by the way to it from the given folder, so that a day of one camera is
not taken for that of another. A folder named as a split (see `split_of`), be it the given one or a folder of pictures
itself, gives the split and not the scene.
"""

import re
from dataclasses import replace
from pathlib import Path

from vadcli.files import VIDEO_SUFFIXES
from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.naming import folders_in, images_in, left_out, tree, videos_below, videos_in

_SPLIT = re.compile(r"(train|test)(ing)?([ _-]?(videos|frames|set|data))?", re.IGNORECASE)


def has_videos(path: Path) -> bool:
    """Whether this is a file, or a folder with videos in it or below it."""
    return path.is_file() or any(map(videos_in, tree(path)))


def find_videos(path: Path) -> list[ClipSource]:
    """Every video; a file given by itself is a scene of its own. Pictures beside them are left out, and counted."""
    if path.is_file():
        name = path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name
        return [ClipSource(name, name, None, path)]
    found = [_clip(path, video.parent, video.stem, video) for video in videos_below(path)]
    return [replace(clip, note="; ".join(left_out(path))) for clip in found[:1]] + found[1:]


def has_pictures(path: Path) -> bool:
    """Whether this is a folder of pictures, or one of such folders, at most two levels down."""
    if not path.is_dir():
        return False
    return bool(images_in(path)) or any(images_in(f) or any(map(images_in, folders_in(f))) for f in folders_in(path))


def find_pictures(path: Path) -> list[ClipSource]:
    """Every folder of pictures, without what is below it; one given by itself is a scene of its own."""
    found: list[Path] = []
    for folder in tree(path):
        if images_in(folder) and not any(outer in folder.parents for outer in found):
            found.append(folder)
    return [_pictures(path, folder) for folder in found]


def split_of(folder: Path) -> Split | None:
    """The split that a folder's name is, as in `train`, `Testing`, `test_videos`; `train_station` is none.

    >>> split_of(Path("data/training_frames")), split_of(Path("rail/train_station_1"))
    ('train', None)
    """
    found = _SPLIT.fullmatch(folder.name)
    if found is None:
        return None
    return "train" if found[1].lower() == "train" else "test"


def _pictures(given: Path, folder: Path) -> ClipSource:
    scene, split = _scene(given, folder)
    if split_of(folder.resolve()):
        return ClipSource(f"{scene}/{folder.resolve().name}", scene, split, folder)
    return (
        ClipSource(scene, scene, None, folder) if folder == given else _clip(given, folder.parent, folder.name, folder)
    )


def _clip(given: Path, folder: Path, name: str, source: Path) -> ClipSource:
    """A clip that lies in a folder by some name."""
    scene, split = _scene(given, folder)
    return ClipSource("/".join(part for part in (scene, split, name) if part), scene, split, source)


def _scene(given: Path, folder: Path) -> tuple[str, Split | None]:
    """Scene and split of what lies in a folder, the given one or one below it."""
    home = given.resolve()
    split, way = split_of(home), list[str]()
    for step in folder.relative_to(given).parts:
        if found := split_of(Path(step)):
            split = found
        else:
            way.append(step)
    return "/".join(way) or (home.parent.name if split_of(home) else "") or home.name, split
