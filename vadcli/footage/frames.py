"""One frame of a source, and the facts about the source that are known before its first frame."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a source.

    Attributes:
        image: (H, W, C) uint8 at the asked size; C = 3 is RGB, C = 1 grey.
        index: counted from 0 over the frames of the source, whether handed over or thinned out.
        time_s: seconds from the start of the source, by the differences of the container's own times; it rises
            with every frame and jumps over gaps.
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
    """Facts about a source, known before it is read.

    Attributes:
        name: as the user gave it.
        fps: frames a second that will be handed over: the mean between frames, holes aside, as the first packets have
            it; where a source can be read once only, as its header says.
        frames: how many there will be: what its index counts, a count of its packets, or else `duration_s` times
            `fps`; None where nobody knows.
        height: of the source's own frames, as they are shown (rotation applied).
        width: of the source's own frames.
        duration_s: seconds from the first frame to the end, None where nobody knows.
        began: when the recording began, None where nobody knows; a live stream begins when it is opened.
        start_s: the time of the first frame, but for what is left out before it.
    """

    name: str
    fps: float
    frames: int | None
    height: int
    width: int
    duration_s: float | None = None
    began: datetime | None = None
    start_s: float = 0.0

    def at(self, time_s: float) -> str | None:
        """The time of day at some second of the source, as RFC 3339 has it; None where nobody knows."""
        if self.began is None:
            return None
        return (self.began + timedelta(seconds=time_s)).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Gap:
    """Two frames that do not follow each other, by their times: nothing is known of what lies between them.

    A stream was lost, a recording has a hole, something in it is damaged, or its clock was set anew.
    """

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Change:
    """An incident of a live stream; reported at once, since no further frame may come.

    Attributes:
        kind: lost, back, or behind: frames are left out from now on.
        time_s: seconds from the start of the source.
        text: one line for people.
    """

    kind: Literal["lost", "back", "behind"]
    time_s: float
    text: str
