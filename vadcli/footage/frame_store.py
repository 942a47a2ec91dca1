"""Frames of several clips in a temporary file: read once, used again, in constant memory."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import numpy as np

from vadcli.footage.clips import Clipped
from vadcli.footage.frames import Frame, Image, SourceInfo


@dataclass
class StoredClip:
    """Successive frames of one source.

    Attributes:
        info: of the source.
        first: number of its first frame in the store.
        indices: of its frames in the source.
        times_s: of its frames.
    """

    info: SourceInfo
    first: int
    indices: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)

    @property
    def stop(self) -> int:
        """One past the number of its last frame in the store."""
        return self.first + len(self.indices)


class FrameStore:
    """Frames on disk, as a context; the file has no name and vanishes with it, or with the program.

    Attributes:
        clips: that were added.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._shape: tuple[int, ...] = (0, 0, 0)
        self.clips: list[StoredClip] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self.clips[-1].stop if self.clips else 0

    def add(self, info: SourceInfo, frames: Iterable[Frame]) -> Iterator[None]:
        """Keep a clip; yields after every frame."""
        clip = StoredClip(info, len(self))
        self.clips.append(clip)
        for frame in frames:
            self._shape = frame.image.shape
            self._file.write(frame.image.tobytes())
            clip.indices.append(frame.index)
            clip.times_s.append(frame.time_s)
            yield
        self._file.flush()

    def images(self, first: int, stop: int) -> Image:
        """Frames by their numbers, (n, H, W, C) uint8."""
        if not len(self):
            return np.empty((0, *self._shape), np.uint8)
        self._file.flush()
        found: Image = np.memmap(self._file, np.uint8, "r", shape=(len(self), *self._shape))[first:stop]
        return found

    def windows(self, length: int) -> list[int]:
        """Numbers of the frames where `length` successive frames of one clip begin."""
        return [start for clip in self.clips for start in range(clip.first, clip.stop - length + 1)]

    def footage(self, first: int = 0) -> Sequence[Clipped]:
        """The clips, without the frames before number `first`."""
        return [self._footage(clip, max(first, clip.first)) for clip in self.clips if clip.stop > first]

    def _footage(self, clip: StoredClip, first: int) -> Clipped:
        info = replace(clip.info, frames=clip.stop - first)
        frames = (
            Frame(
                self.images(number, number + 1)[0], clip.indices[number - clip.first], clip.times_s[number - clip.first]
            )
            for number in range(first, clip.stop)
        )
        return Clipped(info, frames)
