"""Plain recordings: one video, or a folder of them, with `train…` and `test…` folders where there are any."""

from pathlib import Path

from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.naming import VIDEO_SUFFIXES, folders_in, images_in, videos_in


def detect(path: Path) -> bool:
    """Whether this is a file, or a folder with videos in it or in the folders of it."""
    if path.is_file():
        return True
    inner = folders_in(path)
    return bool(videos_in(path)) or any(videos_in(f) or any(map(videos_in, folders_in(f))) for f in inner)


def find(path: Path) -> list[ClipSource]:
    """Every video: a file is a scene of its own; the videos of one folder are of one scene.

    A folder whose name begins with `train` or `test` gives the split and not the scene.
    """
    if path.is_file():
        name = path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name
        return [ClipSource(name, name, None, path)]
    return _inside(path, path.resolve().name, None)


def split_of(folder: Path) -> Split | None:
    """The split that a folder's name tells."""
    name = folder.name.lower()
    return "train" if name.startswith("train") else "test" if name.startswith("test") else None


def _inside(folder: Path, scene: str, split: Split | None) -> list[ClipSource]:
    prefix = f"{scene}/{split}" if split else scene
    found = [ClipSource(f"{prefix}/{video.stem}", scene, split, video) for video in videos_in(folder)]
    for inner in folders_in(folder):
        if images_in(inner):
            continue
        known = split_of(inner)
        if known:
            found += _inside(inner, scene, known)
        else:
            found += _inside(inner, inner.name, split)
    return found
