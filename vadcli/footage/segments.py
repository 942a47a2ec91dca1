"""Recordings of one camera, cut into segments by its recorder, read in time as one source."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.began import aware, began_of, camera_of, metadata_of, skipped_at, time_in_name, without_count
from vadcli.footage.frames import Image, Picture
from vadcli.footage.naming import natural
from vadcli.footage.resize import resized
from vadcli.footage.span import Span
from vadcli.footage.video import CutOffError, VideoReader, open_video

SEAM_S = 2.0  # between segments that follow each other, since names count whole seconds


@dataclass(frozen=True)
class Segments:
    """Files of one camera, in the order of time."""

    name: str  # in messages and records
    paths: tuple[str, ...]
    began: tuple[datetime, ...] = ()  # when each began; empty where one of them does not say
    notes: tuple[str, ...] = ()  # for the user

    def __str__(self) -> str:
        return self.name


def joined(sources: Sequence[str], zone: tzinfo | None = None) -> list[Segments]:
    """Files, those of one camera together: whose paths differ only by times, days and counts; cameras in their order.

    A number after a time is a count, and not the camera's, where no two files share it. `zone` is that of times in
    names that do not say it; None for this machine's.

    >>> [len(gate.paths) for gate in joined(["gate_20251125_100000.mp4", "yard_1.mp4", "gate_20251125_110000.mp4"])]
    [2, 1]
    """
    cameras: dict[str, list[Path]] = {}
    for source in sources:
        cameras.setdefault(camera_of(Path(source)), []).append(Path(source))
    counted: dict[str, list[Path]] = {}
    for name, paths in cameras.items():
        counted.setdefault(without_count(name), []).extend(paths)
    for name, paths in counted.items():
        stamps = {time_in_name(path) for path in paths}
        own = [camera for camera in cameras if without_count(camera) == name]
        if name not in cameras and len(stamps) == len(paths) == len(own):
            cameras = {name if camera in own else camera: found for camera, found in cameras.items()}
            cameras[name] = paths
    return [_in_time(name or str(paths[0].parent), sorted(paths, key=natural), zone) for name, paths in cameras.items()]


class SegmentReader:
    """Pictures of segments: each from when its name says that it began, or right after the one before it.

    A segment that cannot be read is left out, and iteration ends by saying so. Pictures keep the size of the first.
    """

    def __init__(self, segments: Segments, threads: int | None, span: Span, rate: float | None) -> None:
        """Look at the segments; `span` is in times of the whole, `threads` and `rate` are those of `open_video`.

        Raises:
            FootageError: when none can be read.
        """
        self.notes, self._unread = list(segments.notes), list[str]()
        self.frames_read, self._opened, self._stopped, self._lost = 0, False, False, False
        self._open_video = partial(open_video, threads=threads, rate=rate, track=span.track)
        paths = list(segments.paths)
        while paths and (reader := self._open(paths[0])) is None:
            del paths[0]
        if not paths or reader is None:
            raise FootageError(*self._unread)
        self._reader: VideoReader | None = reader
        begun = segments.began[-len(paths) :]
        starts = [(moment - begun[0]).total_seconds() for moment in begun] or [0.0] * len(paths)
        self._parts = list(zip(paths, starts, strict=True))
        last = reader if len(paths) == 1 else self._open(paths[-1]) if begun else None
        lasts_s = starts[-1] + last.info.duration_s if begun and last and last.info.duration_s else None
        if last and last is not reader:
            last.close()
        frames = None if lasts_s is None else round(lasts_s * reader.info.fps)
        began = span.began or (begun[0] if begun else reader.info.began)
        self.info = replace(reader.info, name=segments.name, began=began, duration_s=lasts_s, frames=frames)
        self._begin_s, _ = span.of(self.info)
        if self._begin_s:
            self.close()

    def __iter__(self) -> Iterator[Picture]:
        """Pictures in order, their times since the first segment began.

        Raises:
            CutOffError: after the last picture, where a segment could not be read whole.
        """
        step = 1 / self.info.fps
        time_s = -step
        until_s, overlaps = math.inf, list[str]()
        for (path, planned), (_, next_s) in zip(self._parts, [*self._parts[1:], ("", math.inf)], strict=True):
            if self._stopped:
                return
            if planned < next_s <= self._begin_s:
                continue
            overlaps += [path] if 0 < planned < until_s - SEAM_S < math.inf else []
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
            until_s = planned + time_s - offset + step
        if overlaps:
            self.notes.append(
                f"{self.info.name}: {len(overlaps)} of {len(self._parts)} segments begin before the one before them "
                f"ends, the first is {overlaps[0]}. In an hour that comes twice names do not tell the order: --names-in"
            )
        if self._unread:
            bad = f"{len(self._unread)} of {len(self._parts)} segments could not be read whole"
            raise CutOffError(f"{self.info.name}: {bad}: {self._unread[0]}")

    def interrupt(self) -> None:
        """End before the next picture."""
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
            reader = self._open_video(Path(path), path, begin=lambda info: begin_s)
            self.notes += [] if self._opened else reader.told  # those of all are alike
            self._opened, reader.told = True, []
            return reader
        except FootageError as error:
            self._leave_out(error)
            return None

    def _leave_out(self, error: FootageError) -> None:
        self._lost = True
        self._unread += [str(error)] if str(error) not in self._unread else []

    def _rgb(self, picture: Picture) -> Image:
        return resized(picture.rgb(), self.info.height, self.info.width)


def _in_time(name: str, paths: Sequence[Path], zone: tzinfo | None) -> Segments:
    """Paths of one camera by when their recordings began; by their names where one does not say."""
    named, notes = [time for path in paths if (time := time_in_name(path))], list[str]()
    naive = [time for time in named if time.tzinfo is None]
    if standard := next((found for time in naive if (found := skipped_at(time, zone))), None):
        zone = standard  # whoever writes an hour that there was not knows no summer time
        notes.append(f"{name}: names hold an hour that was skipped for summer time; all are read as {zone}. --names-in")
    begun = [time for path in paths if (time := began_of(path, metadata_of(path), zone))]
    if len(begun) < len(paths):
        return Segments(name, tuple(map(str, paths)), (), tuple(notes))
    if len(named) == len(paths) > 1:
        by_name = [aware(time, zone) for time in named]
        if max(begun) - min(begun) < (max(by_name) - min(by_name)) / 2:  # containers say when they were exported
            begun = by_name
    in_time = sorted(zip(begun, paths, strict=True), key=lambda pair: pair[0])
    return Segments(name, tuple(str(path) for _, path in in_time), tuple(time for time, _ in in_time), tuple(notes))
