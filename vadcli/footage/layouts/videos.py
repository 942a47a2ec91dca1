"""Plain recordings: one video, or a folder of them, with folders `train` and `test` where there are any."""

from pathlib import Path

from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.places import Place
from vadcli.footage.naming import VIDEO_SUFFIXES, folders_in, images_in, videos_in


def detect(path: Path) -> bool:
    """Whether this is a file, or a folder with videos in it or in the folders of it."""
    if path.is_file():
        return True
    inner = folders_in(path)
    return bool(videos_in(path)) or any(videos_in(f) or any(map(videos_in, folders_in(f))) for f in inner)


def find(path: Path) -> list[ClipSource]:
    """Every video: a file is a scene of its own; the videos of one folder are of one scene.

    A folder named as a split (see `split_of`), be it the given one, gives the split and not the scene.
    """
    if path.is_file():
        name = path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name
        return [ClipSource(name, name, None, path)]
    return _inside(path, Place.of(path))


def _inside(folder: Path, place: Place) -> list[ClipSource]:
    found = [ClipSource(place.clip(video.stem), place.scene, place.split, video) for video in videos_in(folder)]
    for inner in folders_in(folder):
        if not images_in(inner):
            found += _inside(inner, place.inside(inner))
    return found
