"""UCSD Ped1 and Ped2 as published: `Train/Train001/*.tif`, `Test/{Test001/*.tif,Test001_gt/*.bmp,*.m}`."""

import re
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.layouts.clip_source import ClipSource, numbered_clip
from vadcli.footage.layouts.label_files import read_m
from vadcli.footage.layouts.plain import has_pictures, has_videos
from vadcli.footage.naming import folders_in, images_in

FPS = 10.0


def detect(path: Path) -> bool:
    """Whether this is one of the two, or the folder that holds both, and nothing else is there that may be footage."""
    return path.is_dir() and bool(_sets(path))


def find(path: Path) -> list[ClipSource]:
    """Clips of Ped1, Ped2 or both.

    Raises:
        FootageError: when the ranges in the `.m` file are not of as many clips as there are.
    """
    return [clip for folder in _sets(path) for clip in _clips(folder)]


def _sets(path: Path) -> list[Path]:
    if _pictures(path / "Test"):
        return [path] if _looks_so(path) else []
    inner = [folder for folder in folders_in(path) if has_pictures(folder) or has_videos(folder)]
    return inner if all(map(_looks_so, inner)) else []


def _looks_so(folder: Path) -> bool:
    """Whether there are test clips, and all clips of both splits are named as published."""
    named = all(
        re.fullmatch(rf"{part}\d+", clip.name) for part in ("Train", "Test") for clip in _pictures(folder / part)
    )
    return named and bool(_pictures(folder / "Test"))


def _pictures(part: Path) -> list[Path]:
    """Folders of pictures, but for those of masks."""
    return [clip for clip in folders_in(part) if not re.fullmatch(r"Test\d+_gt", clip.name) and images_in(clip)]


def _clips(folder: Path) -> list[ClipSource]:
    name = folder.resolve().name.lower()
    scene = next((known for known in ("ped1", "ped2") if known in name), name)
    tests = _pictures(folder / "Test")
    ranges = sorted(file for file in (folder / "Test").glob("*.m") if not file.name.startswith("."))
    labels = read_m(ranges[0]) if ranges else []
    if labels and len(labels) != len(tests):
        raise FootageError(f"{ranges[0]}: ranges of {len(labels)} clips for {len(tests)} here. Fetch all of it again.")
    found = [numbered_clip(scene, "train", clip, fps=FPS) for clip in _pictures(folder / "Train")]
    for index, clip in enumerate(tests):
        masks = clip.with_name(f"{clip.name}_gt")
        facts = {"labels": labels[index] if labels else None, "masks": masks if images_in(masks) else None}
        found.append(numbered_clip(scene, "test", clip, fps=FPS, **facts))
    return found
