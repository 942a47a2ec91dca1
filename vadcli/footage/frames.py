"""One frame of a source, and the facts about the source that are known before its first frame."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a source.

    Attributes:
        view: (H, W, 3) uint8 RGB, its aspect kept (see `resize.view_size`), black in ignored zones.
        index: counted from 0 over the frames of the source, whether handed over or thinned out.
        time_s: seconds from the start of the source, by the differences of the container's own times; it rises
            with every frame and jumps over gaps.
        after_gap: whether frames are missing before it: a stream was lost, a recording has a hole, something in it is
            damaged, or its clock was set anew.
        original: (h, w, 3) uint8 RGB at the source's own size, None unless asked for.
    """

    view: Image
    index: int
    time_s: float
    after_gap: bool = False
    original: Image | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a source as its reader finds it; index, time and gap as a frame's."""

    index: int
    time_s: float
    after_gap: bool
    rgb: Callable[[], Image]  # makes (h, w, 3) uint8 RGB of it; until the next picture is asked for


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Facts about a source, known before it is read; None where nobody knows."""

    name: str  # as the user gave it
    # Frames a second that will be handed over: the mean between frames, holes aside, as the first packets have it;
    # where a source can be read once only, as its header says.
    fps: float
    frames: int | None  # what its index counts, a count of its packets, or else `duration_s` times `fps`
    height: int  # of the source's own frames, as they are shown (rotation applied), as is `width`
    width: int
    duration_s: float | None = None  # from the first frame to the end
    began: datetime | None = None  # when the recording began; a live stream begins when it is opened
    start_s: float = 0.0  # the time of the first frame, but for what is left out before it

    def at(self, time_s: float) -> str | None:
        """The time of day at some second of the source, as RFC 3339 has it; None where nobody knows."""
        if self.began is None:
            return None
        zone = self.began.tzinfo
        if self.began.utcoffset() == self.began.astimezone().utcoffset():
            zone = None  # this machine's own, which may change to summer time on the way
        moment = self.began.astimezone(UTC) + timedelta(seconds=time_s)
        return moment.astimezone(zone).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Change:
    """An incident of a live stream; reported at once, since no further frame may come."""

    kind: Literal["lost", "back", "behind", "level"]  # behind: frames are left out from now on; level: no longer
    time_s: float  # seconds from the start of the source, at which it is known
    since_s: float  # of a stream that is lost or back, the time of its last frame; else `time_s`
    text: str  # one line for people
