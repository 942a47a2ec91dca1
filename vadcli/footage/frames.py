"""What a source hands over: one frame, and what is known before the first of them."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a source.

    Attributes:
        image: (H, W, C) uint8 at the asked size; C = 3 is RGB, C = 1 grey.
        index: counted from 0 over the frames of the source, whether handed over or thinned out.
        time_s: seconds from the start of the source, as the container says; it jumps over a stream's gaps.
        original: (h, w, 3) uint8 RGB at the source's own size, None unless asked for.
    """

    image: Image
    index: int
    time_s: float
    original: Image | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] not in (1, 3):
            raise ValueError(f"image must be uint8 (H, W, 1 or 3), got {self.image.dtype} {self.image.shape}")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says about itself before it is read.

    Attributes:
        name: as the user gave it.
        fps: frames a second that will be handed over (nominal, where the frame rate varies).
        frames: how many there will be; an estimate, None where nobody knows.
        height: of the source's own frames, as they are shown (rotation applied).
        width: of the source's own frames.
    """

    name: str
    fps: float
    frames: int | None
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without frames, where a stream was lost and reopened; seconds from the start of the source."""

    start_s: float
    end_s: float
