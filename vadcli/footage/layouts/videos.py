"""Plain recordings: one video, or a folder of them, with folders `train` and `test` where there are any."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.places import Place
from vadcli.footage.naming import VIDEO_SUFFIXES, folders_in, images_in, left_out, videos_in


def detect(path: Path) -> bool:
    """Whether this is a file, or a folder with videos in it, in the folders of it, or in theirs."""
    if path.is_file():
        return True
    inner = folders_in(path)
    return bool(videos_in(path)) or any(videos_in(f) or any(map(videos_in, folders_in(f))) for f in inner)


def find(path: Path) -> list[ClipSource]:
    """Every video: a file is a scene of its own; the videos of one folder are of one scene, called by its path.

    A folder named as a split (see `split_of`), be it the given one, gives the split and not the scene. Pictures beside
    them are left out, and counted.
    """
    if path.is_file():
        name = path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name
        return [ClipSource(name, name, None, path)]
    folders = list(_below(path, Place.of(path)))
    found = [
        ClipSource(place.clip(video.stem), place.scene, place.split, video)
        for folder, place in folders
        for video in videos_in(folder)
    ]
    if found and (pictures := sum(len(images_in(folder)) for folder, _ in folders)):
        found[0] = replace(found[0], note=left_out(path, pictures))
    return found


def _below(folder: Path, place: Place) -> Iterator[tuple[Path, Place]]:
    """A folder and all folders in it, each before its own."""
    yield folder, place
    for inner in folders_in(folder):
        yield from _below(inner, place.inside(inner))
