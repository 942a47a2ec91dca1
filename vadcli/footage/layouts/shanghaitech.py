"""ShanghaiTech as published: `training/videos/01_001.avi`, `testing/{frames/01_0014,test_frame_mask/01_0014.npy}`."""

import re
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.label_files import read_npy
from vadcli.footage.layouts.labels import as_labels
from vadcli.footage.naming import folders_in, images_in, videos_in

FPS = 24.0  # of extracted frames
_PARTS: tuple[tuple[str, Split], ...] = (("training", "train"), ("testing", "test"))


def detect(path: Path) -> bool:
    """Whether all clips below `training` and `testing` are named `SCENE_NUMBER`, as in 01_0014."""
    clips = [clip for part, _ in _PARTS for clip in _clips(path / part)]
    return bool(clips) and all(re.fullmatch(r"\d\d_\d{3,4}", clip.stem) for clip in clips)


def find(path: Path) -> list[ClipSource]:
    """Clips of both splits; the part of a name before `_` is its scene.

    Raises:
        FootageError: when a test clip has no labels though others have.
    """
    if not detect(path):
        return []
    frame_labels, pixels = path / "testing" / "test_frame_mask", path / "testing" / "test_pixel_mask"
    found = []
    for part, split in _PARTS:
        for clip in _clips(path / part):
            scene = clip.stem.partition("_")[0]
            labels, masks = frame_labels / f"{clip.stem}.npy", pixels / f"{clip.stem}.npy"
            is_test = split == "test"
            if is_test and frame_labels.is_dir() and not labels.is_file():
                raise FootageError(f"{clip}: has no labels in {frame_labels}. Fetch the data set again.")
            found.append(
                ClipSource(
                    f"{scene}/{split}/{clip.stem}",
                    scene,
                    split,
                    clip,
                    labels=as_labels(read_npy(labels), labels.name) if is_test and labels.is_file() else None,
                    masks=masks if is_test and masks.is_file() else None,
                    fps=FPS if clip.is_dir() else None,
                )
            )
    return found


def _clips(folder: Path) -> list[Path]:
    """Videos, or else folders of extracted frames."""
    videos, frames = folder / "videos", folder / "frames"
    found = videos_in(videos) if videos.is_dir() else []
    if not found and frames.is_dir():
        found = [clip for clip in folders_in(frames) if images_in(clip)]
    return found
