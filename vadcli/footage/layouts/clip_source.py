"""A layout's knowledge of one clip before it is decoded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vadcli.footage.cache import Split
from vadcli.footage.layouts.labels import LabelTrack


@dataclass(frozen=True)
class ClipSource:
    """One clip to be decoded.

    Attributes:
        name: unique: `SCENE/CLIP`, or `SCENE/SPLIT/CLIP` where a data set numbers each split from 1.
        scene: whose camera it is.
        split: `train` or `test`; None where the layout does not say.
        source: a video file, or a folder of pictures.
        labels: of its frames.
        variants: further label sets, by name.
        masks: of its abnormal pixels (see `masks.masks_of`).
        fps: of a folder of pictures, which does not say.
        mask_top: share of the height to black out, where this data set needs it.
        note: what the user should know of how the footage was found.
    """

    name: str
    scene: str
    split: Split | None
    source: Path
    labels: LabelTrack | None = None
    variants: Mapping[str, LabelTrack] = field(default_factory=dict)
    masks: Path | None = None
    fps: float | None = None
    mask_top: float = 0.0
    note: str = ""
