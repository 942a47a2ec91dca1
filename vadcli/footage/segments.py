"""Recordings of one camera, cut into segments by its recorder, read in time as one source."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.began import began_of, camera_of
from vadcli.footage.frames import Image, Picture
from vadcli.footage.naming import natural
from vadcli.footage.resize import resized
from vadcli.footage.span import WHOLE, Span
from vadcli.footage.video import VideoReader, open_video

SEAM_S = 2.0  # between segments that follow each other, since names count whole seconds


@dataclass(frozen=True)
class Segments:
    """Files of one camera, in the order of time.

    Attributes:
        name: what messages and records call them.
        paths: of the files.
    """

    name: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def joined(sources: Sequence[str]) -> list[Segments]:
    """Files, those of one camera together: whose paths differ only by times, days and counts; cameras in their order.

    >>> [len(one.paths) for one in joined(["gate_20251125_100000.mp4", "yard_1.mp4", "gate_20251125_110000.mp4"])]
    [2, 1]
    """
    cameras: dict[str, list[Path]] = {}
    for source in sources:
        cameras.setdefault(camera_of(Path(source)), []).append(Path(source))
    return [Segments(name or str(paths[0].parent), _in_time(paths)) for name, paths in cameras.items()]


class SegmentReader:
    """Pictures of segments: each from when its name says that it began, or right after the one before it.

    A segment that cannot be read is told and left out.

    Attributes:
        info: of the first that can be read, with the length of all; later pictures keep its size.
        notes: what the user should know so far.
        frames_read: handed over so far.
    """

    def __init__(self, segments: Segments, threads: int | None = None, span: Span = WHOLE) -> None:
        """Look at the segments.

        Args:
            segments: the files.
            threads: as for `open_video`.
            span: what is read, in times of the whole.

        Raises:
            FootageError: when none can be read.
        """
        self.notes: list[str] = []
        self.frames_read, self._threads, self._stopped, self._lost = 0, threads, False, False
        paths = list(segments.paths)
        while paths and (reader := self._open(paths[0])) is None:
            del paths[0]
        if not paths or reader is None:
            raise FootageError("\n".join(self.notes))
        self._reader: VideoReader | None = reader
        begun = _all_known([began_of(Path(path)) for path in paths])
        self._parts = [(path, (one - begun[0]).total_seconds()) for path, one in zip(paths, begun, strict=False)]
        self._parts = self._parts or [(path, 0.0) for path in paths]
        last_s = reader.info.duration_s if begun else None
        if begun and len(paths) > 1:
            last = self._open(paths[-1])
            last_s = last.info.duration_s if last else None
            if last:
                last.close()
        lasts_s = self._parts[-1][1] + last_s if last_s else None
        frames = None if lasts_s is None else round(lasts_s * reader.info.fps)
        began = span.began or reader.info.began
        self.info = replace(reader.info, name=segments.name, began=began, duration_s=lasts_s, frames=frames)
        self._begin_s, _ = span.of(self.info)
        if self._begin_s:
            self.close()

    def __iter__(self) -> Iterator[Picture]:
        """Pictures in order, their times since the first segment began."""
        step = 1 / self.info.fps
        time_s = -step
        for (path, planned), (_, next_s) in zip(self._parts, [*self._parts[1:], ("", math.inf)], strict=True):
            if self._stopped:
                return
            if planned < next_s <= self._begin_s:
                continue
            offset = planned if planned - time_s > SEAM_S else time_s + step
            self._reader = self._reader or self._open(path, max(0.0, self._begin_s - offset))
            try:
                for picture in self._reader or ():
                    before_s, time_s = time_s, picture.time_s + offset
                    missing = picture.after_gap or self._lost or time_s - before_s > SEAM_S
                    after_gap, self._lost = missing and self.frames_read > 0, False
                    self.frames_read += 1
                    yield Picture(self.frames_read - 1, time_s, after_gap, partial(self._rgb, picture))
            except FootageError as error:
                self._leave_out(error)
            self.close()

    def interrupt(self) -> None:
        """End before the next picture; from any thread."""
        self._stopped = True

    def close(self) -> None:
        """Let go of the segment that is open."""
        if self._reader is not None:
            self.notes += self._reader.notes
            self._reader.close()
        self._reader = None

    def _open(self, path: str, begin_s: float = 0.0) -> VideoReader | None:
        """A segment from some second on; None, and a note, if it cannot be read."""
        try:
            return open_video(Path(path), path, self._threads, lambda info: begin_s)
        except FootageError as error:
            self._leave_out(error)
            return None

    def _leave_out(self, error: FootageError) -> None:
        self._lost = True
        self.notes += [str(error)] if str(error) not in self.notes else []

    def _rgb(self, picture: Picture) -> Image:
        return resized(picture.rgb(), self.info.height, self.info.width)


def _all_known(times: Sequence[datetime | None]) -> list[datetime]:
    """The times, or none of them where one is not known."""
    known = [time for time in times if time is not None]
    return known if len(known) == len(times) else []


def _in_time(paths: Sequence[Path]) -> tuple[str, ...]:
    """Paths by when their recordings began; by their names where one does not say."""
    ordered = sorted(paths, key=natural)
    if begun := _all_known([began_of(path) for path in ordered]):
        ordered = [path for _, path in sorted(zip(begun, ordered, strict=True), key=lambda pair: pair[0])]
    return tuple(map(str, ordered))
