"""ShanghaiTech as published: `training/videos/01_001.avi`, `testing/{frames/01_0014,test_frame_mask/01_0014.npy}`."""

import re
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.layouts.clip_source import ClipSource, numbered_clip
from vadcli.footage.layouts.label_files import read_npy
from vadcli.footage.layouts.labels import as_labels
from vadcli.footage.naming import folders_in, images_in, videos_in

FPS = 24.0  # of extracted frames


def detect(path: Path) -> bool:
    """Whether all clips below `training` and `testing` are named `SCENE_NUMBER`, as in 01_0014."""
    clips = _clips(path / "training") + _clips(path / "testing")
    return bool(clips) and all(re.fullmatch(r"\d\d_\d{3,4}", clip.stem) for clip in clips)


def find(path: Path) -> list[ClipSource]:
    """Clips of both splits; the part of a name before `_` is its scene.

    Raises:
        FootageError: when a test clip has no labels though others have.
    """
    if not detect(path):
        return []
    found = [numbered_clip(clip.stem[:2], "train", clip, fps=_fps(clip)) for clip in _clips(path / "training")]
    frame_labels, pixels = path / "testing" / "test_frame_mask", path / "testing" / "test_pixel_mask"
    for clip in _clips(path / "testing"):
        file, masks = frame_labels / f"{clip.stem}.npy", pixels / f"{clip.stem}.npy"
        if frame_labels.is_dir() and not file.is_file():
            raise FootageError(f"{clip}: has no labels in {frame_labels}. Fetch the data set again.")
        labels = as_labels(read_npy(file), file.name) if file.is_file() else None
        facts = {"labels": labels, "masks": masks if masks.is_file() else None, "fps": _fps(clip)}
        found.append(numbered_clip(clip.stem[:2], "test", clip, **facts))
    return found


def _fps(clip: Path) -> float | None:
    return FPS if clip.is_dir() else None


def _clips(part: Path) -> list[Path]:
    """Videos, or else folders of extracted frames."""
    return videos_in(part / "videos") or [clip for clip in folders_in(part / "frames") if images_in(clip)]
