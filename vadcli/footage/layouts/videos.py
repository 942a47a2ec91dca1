"""Plain recordings: one video, or a folder of them, with folders `train` and `test` where there are any."""

from dataclasses import replace
from pathlib import Path

from vadcli.files import VIDEO_SUFFIXES
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.scene_folders import SceneFolder
from vadcli.footage.naming import images_in, left_out, tree, videos_below, videos_in


def detect(path: Path) -> bool:
    """Whether this is a file, or a folder with videos in it or below it."""
    return path.is_file() or any(map(videos_in, tree(path)))


def find(path: Path) -> list[ClipSource]:
    """Every video: a file is a scene of its own; the videos of one folder are of one scene, called by its path.

    A folder named as a split (see `split_of`), be it the given one, gives the split and not the scene. Pictures beside
    them are left out, and counted.
    """
    if path.is_file():
        name = path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name
        return [ClipSource(name, name, None, path)]
    found = []
    for video in videos_below(path):
        here = SceneFolder.of(path)
        for folder in reversed(video.relative_to(path).parents[:-1]):
            here = here.inside(folder)
        found.append(ClipSource(here.clip(video.stem), here.scene, here.split, video))
    if found and (pictures := sum(len(images_in(folder)) for folder in tree(path))):
        found[0] = replace(found[0], note=left_out(path, pictures))
    return found
