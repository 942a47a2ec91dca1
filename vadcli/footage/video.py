"""A recording: one container read forward, its pictures timed, its gaps noted."""

import os
import stat
import statistics
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av

from vadcli.errors import FootageError
from vadcli.footage.began import began_of, disagreement
from vadcli.footage.clock import DAY_S, STEPS, timed
from vadcli.footage.container import Container, shown_size
from vadcli.footage.diagnosis import cut_short, moov_comes_late, why_unreadable
from vadcli.footage.frames import Picture, SourceInfo
from vadcli.footage.gaps import Gaps
from vadcli.footage.identity import reading, utf8_location
from vadcli.footage.pipe import Pipe

START_REACH_S = 10.0  # a first picture that comes later than this is where the recording begins
SHORT_SHARE = 0.95  # a recording that ends before this share of what its header says was cut off
SMALL_BYTES = 1 << 28  # of a file that is looked at to its end, unless its index counts its pictures
STDIN = "stdin"
MOST_SILENT, MOST_BROKEN = 4, 30  # packets at the end that give no picture, and with those that are broken
HEAD_BYTES = 1 << 16  # in which containers say how long they are
FRAGMENTED = b"mvex"  # a box of an mp4 in parts
_HOW = "Pipe MPEG-TS or Matroska, as in `ffmpeg -i IN -c copy -f mpegts - | vad score -`."


class CutOffError(FootageError):
    """A recording that ends before its time; all that can be read of it was handed over before."""


class VideoReader:
    """Pictures of one container, once, from first to last; a `source.Reader`.

    Attributes:
        coding: its format, its codec and the layout of its pixels.
        told: notes on what was taken for granted.
    """

    def __init__(
        self, container: Container, info: SourceInfo, file: str | None = None, *, evenly: bool = False, short: str = ""
    ) -> None:
        """Take over an open container.

        Args:
            container: at its beginning.
            info: of it.
            file: its location, where it can be read twice.
            evenly: time pictures by the rate alone, since the container does not.
            short: what shows that the file is shorter than it should be; nothing where it is not.
        """
        self.info, self.frames_read = info, container.passed
        self._container, self._file, self._stopped = container, file, False
        self._gaps, self._evenly, self._short = Gaps(container.begin_s), evenly, short
        self.coding, self.told = container.coding, list[str]()
        if container.tracks > 1:
            self.told.append(
                f"{info.name}: track {container.track} of {container.tracks} is read; --track takes another"
            )

    @property
    def notes(self) -> list[str]:
        """Gaps in the frames read so far, one line each."""
        return [*self.told, *self._gaps.lines(self.info.name)]

    def __iter__(self) -> Iterator[Picture]:
        """Pictures in order.

        Raises:
            CutOffError: after the last picture, when more of them should follow.
            FootageError: when the size of the pictures changes on the way.
        """
        name, container, step, time_s = self.info.name, self._container, 1 / self.info.fps, 0.0
        height, width = self.info.height, self.info.width
        clock_s = 0.0  # most since the beginning, by the container, whose clock may jump
        clocks = ((decoded, None if self._evenly else decoded.clock_s) for decoded in container)
        try:
            for decoded, now, missing in timed(clocks, step, container.start_s, START_REACH_S + container.begin_s):
                if self._stopped:
                    return
                if (height, width) != (found := shown_size(decoded.frame)):
                    raise FootageError(
                        f"{name}: the picture changes from {width}x{height} to {found[1]}x{found[0]} "
                        f"at frame {self.frames_read}. Cut it there, or scale all to one size with ffmpeg."
                    )
                after_gap = self._gaps.add(decoded, time_s, now, missing)
                time_s = now
                clock_s = max(clock_s, (decoded.clock_s or 0.0) - (container.start_s or 0.0))
                self.frames_read += 1
                yield Picture(self.frames_read - 1, time_s, after_gap, partial(container.rgb, decoded.frame))
        except av.FFmpegError as error:
            raise CutOffError(f"{name}: nothing after {time_s:.1f} s can be read ({error.strerror}).") from error
        self._gaps.damaged(time_s, container.broken)
        if container.silent - container.broken > MOST_SILENT or container.silent > MOST_BROKEN:
            raise CutOffError(
                f"{name}: {container.silent} packets after {time_s:.1f} s give no picture: damaged, or coded in "
                "another way from there on. Cut it there with ffmpeg, and read both parts."
            )
        if self._short and not self._stopped:
            raise CutOffError(f"{name}: cut off after {time_s:.1f} s: {self._short}. Copy it again.")
        if self._is_short(max(time_s, clock_s) + step):
            raise CutOffError(
                f"{name}: cut off: {self.frames_read} frames decoded, none after {time_s:.1f} s of "
                f"{container.duration_s:.1f} s. Copy it again, or repair it with ffmpeg."
            )

    def interrupt(self) -> None:
        """End before the next picture; from any thread."""
        self._stopped = True
        self._container.interrupt()

    def close(self) -> None:
        """Let go of the container."""
        self._container.close()

    def _is_short(self, ended_s: float) -> bool:
        """Whether pictures are missing at the end, and not only fewer than there is sound."""
        wanted = SHORT_SHARE * (self._container.duration_s or 0)
        if ended_s >= wanted:
            return False
        last_s = None if self._container.alone or self._file is None else _last_time(self._file)
        return last_s is None or last_s < wanted


def open_video(
    path: Path,
    name: str,
    threads: int | None = None,
    begin: Callable[[SourceInfo], float] = lambda info: 0.0,
    *,
    zone: tzinfo | None = None,
    rate: float | None = None,
    track: int | None = None,
) -> VideoReader:
    """A reader of a video file, whose rate and length are found out where its header does not say them.

    Args:
        path: of the file.
        name: what messages call it.
        threads: decoding threads; None chooses.
        begin: the second to begin at, or a little earlier; what lies before that is not decoded.
        zone: of a time in its name; None for this machine's.
        rate: pictures a second, where nothing in it says; None takes a usual one, and says so.
        track: as for `Container`.

    Raises:
        FootageError: saying what is wrong with it.
    """
    target = utf8_location(path)  # absolute, so that nothing before a colon is taken for a protocol
    with reading(name):
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            short = cut_short(head, path.stat().st_size)
        try:
            with closing(Container(target, track=track)) as opened:
                opened.frames = None if FRAGMENTED in head else opened.frames  # of the first part alone
                facts = _looked_at(opened, path.stat().st_size, rate)
            began = began_of(path, opened.metadata, zone)
            info = SourceInfo(name, facts.fps, facts.frames, 0, 0, facts.lasts_s, began)
            begin_s = 0.0 if facts.evenly else begin(info)
            container = Container(target, threads=threads, track=track, begin_s=begin_s)
            shown = container.info(name)
        except (av.FFmpegError, ValueError) as error:
            raise FootageError(f"{name}: {why_unreadable(path)}") from error
    info = replace(info, height=shown.height, width=shown.width)
    reader = VideoReader(container, info, target, evenly=facts.evenly, short=short)
    if clause := disagreement(path, container.metadata, zone):
        reader.told.append(f"{name}: {clause}")
    if facts.assumed:
        reader.told.append(_assumed(info))
    return reader


def _assumed(info: SourceInfo) -> str:
    return f"{info.name}: it does not say when its pictures were taken; {info.fps:g} a second (--fps)"


class _Facts(NamedTuple):
    """Facts about a container, corrected by the times of its packets."""

    fps: float
    frames: int | None
    lasts_s: float | None
    evenly: bool = False  # its packets have no times
    assumed: bool = False  # nor does anything say its rate


def _looked_at(container: Container, size: int, rate: float | None) -> _Facts:
    """The facts, of a file of so many bytes.

    The first packets tell the rate. Where nothing counts the pictures, all of them do, unless the file is large.
    """
    fps, lasts_s, frames = container.fps, container.duration_s, container.frames
    whole = lasts_s is None or (frames is None and size <= SMALL_BYTES)
    count, times, ended = container.clocks(whole=whole)
    steps = [after - before for before, after in pairwise(times) if 0 < after - before < DAY_S]
    if container.timeless or (count > 1 and not steps):
        unknown = container.unrated or not container.timeless
        fps, frames = rate or fps if unknown else fps, count if ended else frames
        lasts_s = None if frames is None else frames / fps
        return _Facts(fps, frames, lasts_s, evenly=True, assumed=unknown and rate is None)
    if steps:
        usual = statistics.median(steps)
        ordinary = [step for step in steps if step <= STEPS * usual]
        fps = len(ordinary) / sum(ordinary)
    if ended:
        frames = count
        last_s = max((time_s for _, time_s, _ in timed(((None, time) for time in times), 1 / fps)), default=0.0)
        lasts_s = (last_s if len(times) == count and steps else (count - 1) / fps) + 1 / fps
    return _Facts(fps, frames or round((lasts_s or 0) * fps), lasts_s)


def _last_time(target: str) -> float | None:
    """When the last packet of any stream begins; None where nothing says."""
    with av.open(target, metadata_errors="replace") as opened:
        times = []
        with suppress(av.FFmpegError):
            for packet in opened.demux():
                if packet.pts is not None and packet.time_base:
                    times.append(float(packet.pts * packet.time_base))
    return max(times) - min(times) if times else None


def open_stdin(descriptor: int = 0, *, rate: float | None = None, track: int | None = None) -> VideoReader:
    """A reader of the container on stdin; one that was redirected from a file is read as that file.

    Raises:
        FootageError: when stdin is a terminal, empty, or holds nothing that can be read forward.
    """
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError as error:
        raise FootageError(f"{STDIN}: closed. {_HOW}") from error
    if os.isatty(descriptor):
        raise FootageError(f"{STDIN}: a terminal, not a video. {_HOW}")
    as_file = Path(f"/dev/fd/{descriptor}")
    if stat.S_ISREG(mode) and as_file.exists():
        return open_video(as_file, STDIN, rate=rate, track=track)
    return _open_forward(Pipe(descriptor, owned=False), STDIN, rate, track)


def without_length(container: Container, info: SourceInfo) -> SourceInfo:
    """The facts about an mp4 in parts that can be read forward alone: its header knows the length of its first part."""
    container.duration_s = None
    return replace(info, frames=None, duration_s=None)


def open_fifo(path: Path, name: str, *, rate: float | None = None, track: int | None = None) -> VideoReader:
    """A reader of a FIFO; waits for whoever writes to it. Arguments as for `open_video`.

    Raises:
        FootageError: when it may not be read, or holds nothing that can be read forward.
    """
    with reading(name):
        return _open_forward(Pipe(os.open(path, os.O_RDONLY), owned=True), name, rate, track)


def _open_forward(pipe: Pipe, name: str, rate: float | None, track: int | None) -> VideoReader:
    try:
        if not pipe.head:
            raise FootageError(f"{name}: empty; whoever writes to it sent nothing. {_HOW}")
        if moov_comes_late(pipe.head):
            raise FootageError(
                f"{name}: this mp4 has its index (moov) at the end and cannot be read from a pipe. "
                "Give the file itself, or pipe MPEG-TS: `ffmpeg -i IN -c copy -f mpegts - | …`."
            )
        try:
            container = Container(pipe, track=track)
            info = container.info(name)
        except (av.FFmpegError, ValueError) as error:
            raise FootageError(f"{name}: no video in it that can be read. {_HOW}") from error
        if FRAGMENTED in pipe.head:
            info = without_length(container, info)
        if container.unrated:
            info = replace(info, fps=rate or info.fps, frames=None, duration_s=None)
        reader = VideoReader(container, info, evenly=container.timeless)
        if container.unrated and rate is None:
            reader.told.append(_assumed(info))
        return reader
    except BaseException:
        pipe.close()
        raise
