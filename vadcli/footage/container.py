"""A container opened by PyAV: its pictures decoded one after the other, past damage."""

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vadcli.errors import FootageError
from vadcli.footage.frames import Image, SourceInfo
from vadcli.footage.opencv import cv2
from vadcli.footage.pipe import Pipe

DEFAULT_FPS = 25.0  # where nothing says
MOST_FPS = 999.0  # what says more counts ticks of its clock
TRIES = 64  # reads that fail one after the other before a container is given up
PACKETS_A_PICTURE = 3  # at most: fields, and pictures that are not shown
MOST_HELD = 2000  # packets of a group that is longer are decoded at once
MANY_PIXELS = 1280 * 720  # below this, one decoding thread is faster than several
LOOKED_AT, LOOKED_BYTES = 500, 1 << 25  # packets from which the rate is measured, at most
KEY_WAIT = 250  # pictures after which one that begins anew is waited for no longer
_OPTIONS = {"merge_pmt_versions": "1"}  # of MPEG-TS: pictures that go on under another number are read on
NO_TIMES = 0x80  # a flag of FFmpeg's formats
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, -90: cv2.ROTATE_90_CLOCKWISE}
_TURNS |= {180: cv2.ROTATE_180, -180: cv2.ROTATE_180}


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture as the decoder gives it."""

    frame: VideoFrame  # not converted yet
    clock_s: float | None  # the container's time, None where it has none
    broken: int  # packets just before it that could not be decoded
    # Whether the picture before it is not the one that it follows: after damage, after a picture that the decoder
    # calls corrupt, and at the first whole picture after either.
    discontinuous: bool


class Container:
    """An open container and one of its tracks of pictures; sound and data are never read."""

    def __init__(
        self,
        target: Any,
        *,
        threads: int | None = 1,
        timeout_s: tuple[float, float] | None = None,
        track: int | None = None,
        begin_s: float = 0.0,
        **options: Any,
    ) -> None:
        """Open it.

        Args:
            target: an absolute path, a URL, or a pipe, which is closed with the container.
            threads: of the decoder; None chooses by the size of its pictures.
            timeout_s: of opening, and of each read, for networks.
            track: which track of pictures, counted from 1; None for the one that players show.
            begin_s: nothing is decoded that only pictures before then depend on.
            options: of `av.open`.

        Raises:
            av.FFmpegError: when it cannot be opened.
            ValueError: when there are no pictures in it.
            FootageError: when it has no such track.
        """
        self._pipe = target if isinstance(target, Pipe) else None
        demuxer = _OPTIONS | options.pop("options", {})
        self._opened = av.open(target, timeout=timeout_s, metadata_errors="replace", options=demuxer, **options)
        try:
            self._stream = self._pictures(track)
        except (ValueError, FootageError):
            self._opened.close()
            raise
        for stream in self._opened.streams:
            if stream is not self._stream:
                stream.discard = Discard.all
        context = self._stream.codec_context
        many = min(os.cpu_count() or 1, 4) if context.height * context.width >= MANY_PIXELS else 1
        context.thread_count, context.thread_type = threads or many, "AUTO"
        self._tick = self._stream.time_base or Fraction(1, 1000)
        self._reformatter = VideoReformatter()
        self.broken = 0  # packets after the last picture that could not be decoded
        self.silent = 0  # packets of late that gave no pictures
        self.passed = 0  # packets of pictures that were passed over, since they come before `begin_s`
        self.begin_s = begin_s
        self._late_pts: list[int] = []
        self.alone = len(self._opened.streams) == 1
        form = self._opened.format
        self.timeless = bool(form.flags & NO_TIMES) or form.name.endswith("_pipe")  # times of packets are made up
        self.unrated = self.timeless and not context.framerate  # nor does it say its rate
        start, lasts = self._stream.start_time, self._stream.duration
        self.start_s = None if start is None else float(start * self._tick)  # by its own clock, if it says
        whole = self._opened.duration
        lasts_s = float(lasts * self._tick) if lasts else whole / av.time_base if whole else 0
        self.duration_s = lasts_s if lasts_s > 0 else None  # if it says
        self.frames = self._stream.frames or None  # that its index counts
        rates = (self._stream.guessed_rate, self._stream.average_rate, context.framerate)
        self.fps = next((float(rate) for rate in rates if rate and 0 < rate <= MOST_FPS), DEFAULT_FPS)
        self.coding = (form.name, context.name, context.pix_fmt or "unknown")  # format, codec, layout of pixels
        self.metadata: dict[str, str] = dict(self._opened.metadata)  # words on itself
        self._demuxed = self._demux()
        self._decoded = self._decode()
        self._first: Decoded | None = None

    def info(self, name: str) -> SourceInfo:
        """Rate, length and, from its first picture, size as it is shown.

        Raises:
            av.FFmpegError: when it cannot be read as far as its first picture.
            ValueError: when no picture in it can be decoded.
        """
        self._first = self._first or next(self._decoded, None)
        if self._first is None:
            raise ValueError("no pictures")
        height, width = shown_size(self._first.frame)
        frames = self.frames or (round(self.duration_s * self.fps) if self.duration_s else None)
        return SourceInfo(name, self.fps, frames, height, width, self.duration_s)

    def clocks(self, *, whole: bool) -> tuple[int, list[float], bool]:
        """Packets with pictures, all or the first of them, which cannot be decoded any more.

        Returns:
            their number, the times of their pictures in the order they are shown, and whether these are all.
        """
        count, size, times, group = 0, 0, list[float](), list[float]()
        for packet in self._demuxed:
            if packet is None or not packet.size or packet.is_discard:  # which an edit list does not show
                continue
            if packet.is_keyframe:  # no picture is shown before one that belongs to an earlier group
                times, group = times + sorted(group), []
            count, size = count + 1, size + packet.size
            if packet.pts is not None:
                group.append(float(packet.pts * self._tick))
            if not whole and (count == LOOKED_AT or size > LOOKED_BYTES):
                return count, times or sorted(group), False
        return count, times + sorted(group), True

    def __iter__(self) -> Iterator[Decoded]:
        """Pictures in the order they are shown, from the first that does not depend on others; once."""
        if self._first is not None:
            yield self._first
        yield from self._decoded

    def rgb(self, frame: VideoFrame) -> Image:
        """A decoded picture, (h, w, 3) uint8 RGB, turned upright; bit for bit what OpenCV makes of it."""
        image = self._reformatter.reformat(frame, format="rgb24", interpolation="BICUBIC", threads=1).to_ndarray()
        turn = _TURNS.get(frame.rotation)
        return np.asarray(image if turn is None else cv2.rotate(image, turn))

    def interrupt(self) -> None:
        """Let a pipe end, whatever it waits for; from any thread."""
        if self._pipe is not None:
            self._pipe.stopped.set()

    def close(self) -> None:
        """Let go of it; not while another thread reads."""
        self._decoded.close()
        self._opened.close()
        if self._pipe is not None:
            self._pipe.close()

    def _decode(self) -> Generator[Decoded, None, None]:
        begun: bool | None = None  # a stream that begins with a whole picture may show it or not, as its edit list says
        corrupt, mended, skipped = False, False, 0
        for packet in self._late(self._demuxed) if self.begin_s else self._demuxed:
            begun = packet is not None and packet.is_keyframe if begun is None else begun
            self.silent += packet is not None and bool(packet.size) and not packet.is_discard
            try:
                frames = self._stream.decode(packet)
            except av.FFmpegError:
                self.broken += 1
                continue
            if frames:
                self.silent = max(0, self.silent - PACKETS_A_PICTURE * len(frames))
            for frame in frames:
                begun = begun or frame.key_frame or skipped >= KEY_WAIT
                if not begun:
                    skipped += 1
                    continue
                if self._late_pts:  # some of them may need what was passed over, and are not shown
                    self.passed += sum(frame.pts is not None and pts < frame.pts for pts in self._late_pts)
                    self._late_pts = []
                broken, self.broken = self.broken, 0
                hurt = bool(broken) or frame.is_corrupt
                clock = None if frame.pts is None else float(frame.pts * self._tick)
                yield Decoded(frame, clock, broken, hurt or corrupt or (mended and frame.key_frame))
                mended = hurt or (mended and not frame.key_frame)
                corrupt = frame.is_corrupt

    def _pictures(self, track: int | None) -> VideoStream:
        """The stream of pictures that was asked for, or that players show; a cover is none."""
        best, cover = self._opened.streams.best("video"), Disposition.attached_pic
        found: list[VideoStream] = list(self._opened.streams.video)
        tracks = [each for each in found if not each.disposition & cover and each.codec_context is not None]
        self.tracks = len(tracks)
        if track is not None and not 1 <= track <= len(tracks):
            plural = "s" * (len(tracks) != 1)
            raise FootageError(f"--track {track}: {len(tracks)} track{plural} of pictures here. Count from 1.")
        if not tracks:
            raise ValueError("no pictures")
        self.track = track or next((number for number, each in enumerate(tracks, 1) if each is best), 1)
        return tracks[self.track - 1]

    def _late(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Packets from the last whole picture but one before the beginning that was asked for, decoded by nobody."""
        before: list[Any] = []
        group: list[Any] = []
        for packet in packets:
            if packet is not None and packet.is_keyframe:
                self.passed += len(before)
                before, group = group, []
            group.append(packet)
            clock = None if packet is None or packet.pts is None else float(packet.pts * self._tick)
            self.start_s = clock if self.start_s is None else self.start_s
            reached = clock is None or self.start_s is None or clock - self.start_s >= self.begin_s
            if reached or len(group) > MOST_HELD:
                break
        self._late_pts = [packet.pts for packet in (*before, *group) if packet is not None and packet.pts is not None]
        yield from before
        yield from group
        yield from packets

    def _demux(self) -> Iterator[Any]:
        """Packets of pictures and, at the end, an empty one; tries again where the container is damaged.

        Raises:
            av.FFmpegError: when it can be read no further, other than by its end.
        """
        failed = 0
        while True:
            try:
                for packet in self._opened.demux(self._stream):
                    failed = 0
                    yield packet
                return
            except av.error.InvalidDataError:
                failed += 1
                if failed > TRIES:
                    yield None
                    return


def shown_size(frame: VideoFrame) -> tuple[int, int]:
    """Height and width of a picture turned upright."""
    return (frame.width, frame.height) if abs(frame.rotation) == 90 else (frame.height, frame.width)
