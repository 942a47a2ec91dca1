"""Some frames as footage that is read frame by frame: a stretch of a source, or a clip of a cache."""

from collections.abc import Iterator
from dataclasses import dataclass

from vadcli.footage.cache import Cache, Clip
from vadcli.footage.frames import Frame, Gap, SourceInfo


@dataclass
class Clipped:
    """Some frames of one source, in order, once.

    Attributes:
        info: of the source, or of the stretch.
        frames: as they come.
    """

    info: SourceInfo
    frames: Iterator[Frame]
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def __iter__(self) -> Iterator[Frame]:
        return self.frames

    def interrupt(self) -> None:
        """Nothing is waited for."""


def clip_footage(cache: Cache, clip: Clip, start: int = 0, stop: int | None = None) -> Clipped:
    """Frames `start` to `stop` of a cached clip, read one by one."""
    stop = clip.num_frames if stop is None else stop
    info = SourceInfo(clip.name, clip.fps, stop - start, *cache.size)
    frames = (
        Frame(cache.frames(clip.name, index, index + 1)[0], index, index / clip.fps) for index in range(start, stop)
    )
    return Clipped(info, frames)
