"""Folders of pictures: one clip, or a folder of clips, with folders `train` and `test` where there are any."""

from pathlib import Path

from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.scene_folders import SceneFolder, split_of
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
        return _inside(path, SceneFolder.of(path))
    name, here = path.resolve().name, SceneFolder.of(path)
    return [ClipSource(f"{here.scene}/{name}" if here.split else name, here.scene, here.split, path)]


def _inside(folder: Path, here: SceneFolder) -> list[ClipSource]:
    found: list[ClipSource] = []
    for inner in folders_in(folder):
        if not images_in(inner):
            found += _inside(inner, here.inside(inner))
        elif split := split_of(inner):
            found.append(ClipSource(f"{here.scene}/{inner.name}", here.scene, split, inner))
        else:
            found.append(ClipSource(here.clip(inner.name), here.scene, here.split, inner))
    return found
