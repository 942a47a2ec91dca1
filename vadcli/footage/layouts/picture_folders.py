"""Folders of pictures: one clip, or a folder of clips, with `train…` and `test…` folders where there are any."""

from pathlib import Path

from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.videos import split_of
from vadcli.footage.naming import folders_in, images_in


def detect(path: Path) -> bool:
    """Whether this is a folder of pictures, or one of such folders, at most two levels down."""
    if not path.is_dir():
        return False
    return bool(images_in(path)) or any(images_in(f) or any(map(images_in, folders_in(f))) for f in folders_in(path))


def find(path: Path) -> list[ClipSource]:
    """Every folder of pictures: one given itself is a scene of its own; those in one folder are of one scene."""
    name = path.resolve().name
    if images_in(path):
        return [ClipSource(name, name, None, path)]
    return _inside(path, name, None)


def _inside(folder: Path, scene: str, split: Split | None) -> list[ClipSource]:
    prefix = f"{scene}/{split}" if split else scene
    found: list[ClipSource] = []
    for inner in folders_in(folder):
        if images_in(inner):
            found.append(ClipSource(f"{prefix}/{inner.name}", scene, split, inner))
        elif known := split_of(inner):
            found += _inside(inner, scene, known)
        else:
            found += _inside(inner, inner.name, split)
    return found
