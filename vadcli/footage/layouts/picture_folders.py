"""Folders of pictures: one clip, or a folder of clips, with folders `train` and `test` where there are any."""

from pathlib import Path

from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.places import Place, split_of
from vadcli.footage.naming import folders_in, images_in


def detect(path: Path) -> bool:
    """Whether this is a folder of pictures, or one of such folders, at most two levels down."""
    if not path.is_dir():
        return False
    return bool(images_in(path)) or any(images_in(f) or any(map(images_in, folders_in(f))) for f in folders_in(path))


def find(path: Path) -> list[ClipSource]:
    """Every folder of pictures: one given itself is a scene of its own; those in one folder are of one, by its path.

    A folder named as a split (see `split_of`) gives the split and not the scene, be it the given one or a clip itself.
    """
    if not images_in(path):
        return _inside(path, Place.of(path))
    name, place = path.resolve().name, Place.of(path)
    return [ClipSource(f"{place.scene}/{name}" if place.split else name, place.scene, place.split, path)]


def _inside(folder: Path, place: Place) -> list[ClipSource]:
    found: list[ClipSource] = []
    for inner in folders_in(folder):
        if not images_in(inner):
            found += _inside(inner, place.inside(inner))
        elif split := split_of(inner):
            found.append(ClipSource(f"{place.scene}/{inner.name}", place.scene, split, inner))
        else:
            found.append(ClipSource(place.clip(inner.name), place.scene, place.split, inner))
    return found
