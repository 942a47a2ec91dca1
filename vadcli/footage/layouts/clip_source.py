"""A layout's knowledge of one clip before it is decoded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vadcli.footage.cache import Split
from vadcli.footage.layouts.labels import LabelTrack


@dataclass(frozen=True)
class ClipSource:
    """One clip to be decoded."""

    name: str  # unique: `SCENE/CLIP`, or `SCENE/SPLIT/CLIP` where a data set numbers each split from 1
    scene: str  # whose camera it is
    split: Split | None  # None where the layout does not say
    source: Path  # a video file, or a folder of pictures
    labels: LabelTrack | None = None  # of its frames
    variants: Mapping[str, LabelTrack] = field(default_factory=dict)  # further label sets, by name
    masks: Path | None = None  # of its abnormal pixels (see `masks.masks_of`)
    fps: float | None = None  # of a folder of pictures, which does not say
    mask_top: float = 0.0  # share of the height to black out, where this data set needs it
    note: str = ""  # for the user, of how the footage was found


def numbered_clip(scene: str, split: Split, source: Path, **facts: Any) -> ClipSource:
    """A clip of a data set that numbers the clips of each split from 1; `facts` are fields of it."""
    name = source.name if source.is_dir() else source.stem
    return ClipSource(f"{scene}/{split}/{name}", scene, split, source, **facts)
