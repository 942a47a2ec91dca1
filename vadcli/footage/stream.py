"""Network streams and cameras: live, without an end, lost now and then, and opened again."""

import math
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import av

from vadcli.errors import FootageError
from vadcli.footage.clock import HOLE_S, STEPS, timed
from vadcli.footage.container import Container, Decoded
from vadcli.footage.diagnosis import moov_comes_late
from vadcli.footage.frames import Change, Image, Picture, SourceInfo
from vadcli.footage.gaps import Gaps
from vadcli.footage.pace import Pace
from vadcli.footage.resize import resized
from vadcli.footage.video import FRAGMENTED, HEAD_BYTES, VideoReader, without_length

TIMEOUT_SECONDS = 10.0  # without a packet, a stream counts as lost; where pictures come seldom, after
STEPS_WAITED, SLOWEST_SECONDS = 4.0, 120.0  # so many times that between two pictures, and this at most
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
LOOKS_AHEAD = 4  # pictures, to tell a spike of the stream's clock from a gap
GIVE_UP_SECONDS = 600.0  # a stream that stays away for so long is gone
CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}:none")}  # formats of FFmpeg, and names
ONE_PICTURE = (
    "{}: one picture and no more, as from an address of snapshots. "
    "Give that of the stream: rtsp://, or MJPEG over http://."
)
_LEFT_OUT = "more frames come than can be taken; some are left out, evenly."
_SECRET = re.compile(r"user|login|pass|pwd|psw|auth|token|secret|key", re.IGNORECASE)

Tell = Callable[[Change], None]
Connect = Callable[[float], Container]


def open_url(
    url: str, tell: Tell = lambda change: None, give_up_s: float = GIVE_UP_SECONDS
) -> "VideoReader | StreamReader":
    """A reader of a URL: of a recording where the server says how long it is, else of a live stream.

    Arguments as for `StreamReader`.

    Raises:
        FootageError: when nothing answers there.
    """
    options = {"rtsp_transport": "tcp"} if url.startswith("rtsp") else {}

    def connect(patience_s: float) -> Container:
        return Container(url, timeout_s=(TIMEOUT_SECONDS, patience_s), options=dict(options))

    def problem() -> str:
        if moov_comes_late(_head(url)):
            return "an mp4 with its index (moov) at the end, of a server that sends no parts of it. Copy it here first."
        return "no video stream answers there. Check the address, the network and the password."

    container, info = _first(connect, without_password(url), problem)
    if container.coding[0] == "image2":
        container.close()
        raise FootageError(ONE_PICTURE.format(info.name))
    if info.duration_s is not None:
        if "mp4" in container.coding[0] and FRAGMENTED in _head(url):
            info = without_length(container, info)
        return VideoReader(container, info)
    return StreamReader(container, info, connect, tell=tell, give_up_s=give_up_s)


def _head(url: str) -> bytes:
    """The first bytes that a server sends; nothing where it does not send them a second time."""
    head = b""
    with suppress(av.FFmpegError), av.open(url, format="data", timeout=TIMEOUT_SECONDS) as opened:
        for packet in opened.demux():
            head += bytes(packet)
            if len(head) >= HEAD_BYTES:
                break
    return head


def open_camera(source: str, tell: Tell = lambda change: None, give_up_s: float = GIVE_UP_SECONDS) -> "StreamReader":
    """A reader of `camera:N`, timed by the clock.

    Raises:
        FootageError: when there is no such camera.
    """
    number = source.removeprefix("camera:")
    if not number.isdecimal():
        raise FootageError(f"{source}: cameras are numbered from 0, as in camera:0.")
    form, device = CAMERAS.get(sys.platform, ("v4l2", "{}"))

    def connect(patience_s: float) -> Container:
        return Container(device.format(int(number)), timeout_s=(TIMEOUT_SECONDS, patience_s), format=form)

    def problem() -> str:
        return "no such camera, or another program has it. Try another number."

    return StreamReader(*_first(connect, source, problem), connect, by_clock=True, tell=tell, give_up_s=give_up_s)


def _first(connect: Connect, name: str, problem: Callable[[], str]) -> tuple[Container, SourceInfo]:
    """The first connection, and what is known by it."""
    try:
        container = connect(TIMEOUT_SECONDS)
        return container, container.info(name)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise FootageError(f"{name}: {problem()}") from error


class StreamReader:
    """Pictures of a live stream, reopened with growing waits whenever it is lost.

    Times are the stream's own while it lasts, or the clock's where it has none. After a gap they go on at what the
    clock says has passed, so that they jump by the length of the gap. Where whoever takes the pictures is too slow,
    some are left out, evenly. Pictures keep the size of the first connection's.
    """

    def __init__(
        self,
        container: Container,
        info: SourceInfo,
        connect: Connect,
        *,
        by_clock: bool = False,
        tell: Tell = lambda change: None,
        give_up_s: float = GIVE_UP_SECONDS,
    ) -> None:
        """Take over the first connection.

        Args:
            container: open.
            info: of it.
            connect: makes another like it, which waits for a packet for so many seconds, or raises.
            by_clock: time frames by the clock alone, for cameras.
            tell: called at once with every incident, in the reading thread.
            give_up_s: seconds without the stream after which reading ends with an error.
        """
        self.info = replace(info, frames=None, duration_s=None, began=datetime.now().astimezone())
        self.frames_read = 0
        self._gaps = Gaps()
        self._container, self._connect, self._by_clock = container, connect, by_clock or container.timeless
        self.tell, self._give_up_s = tell, give_up_s
        self._pace = Pace(1 / info.fps)
        self._stop = threading.Event()

    @property
    def notes(self) -> list[str]:
        """Gaps in the frames read so far, and frames left out, one line each."""
        lines = self._gaps.lines(self.info.name)
        if left := self._pace.left_out:
            lines.append(f"{self.info.name}: {left} of {self.frames_read} frames left out to keep up.")
        return lines

    def __iter__(self) -> Iterator[Picture]:
        """Pictures in order, until interrupted.

        Raises:
            FootageError: when the stream stays away, or is one picture.
        """
        self._began, time_s, offset = time.monotonic(), 0.0, 0.0
        anew = after_gap = behind = False
        while not self._stop.is_set():
            for decoded, now, missing in self._connection(offset):
                if self._stop.is_set():
                    return
                if missing:  # whoever sends began anew, or sent nothing: that lag does not grow
                    self._pace.begin_anew()
                after_gap |= self._gaps.add(decoded, time_s, now, anew or missing)
                anew, time_s = False, now
                self.frames_read += 1
                kept = self._pace.keeps(now, time.monotonic())
                if behind != (self._pace.keeps_one_in > 1):
                    behind = not behind
                    self._say("behind" if behind else "level", now, _LEFT_OUT if behind else "no frames are left out.")
                if not kept:
                    continue
                yield Picture(self.frames_read - 1, now, after_gap, partial(self._rgb, decoded))
                after_gap = False
            slow = self.frames_read == 1 and self._is_silent  # so far: whoever sends may send seldom
            if self.frames_read == 1 and not slow:
                raise FootageError(ONE_PICTURE.format(self.info.name))
            self._container.close()
            anew = not (slow and self._is_open(SLOWEST_SECONDS))
            if anew and not self._open_again(time_s):
                return
            offset = max(self._clock_s, time_s + 1 / self.info.fps)
            self._pace.begin_anew()
            if anew:
                self._say("back", offset, f"back after {offset - time_s:.1f} s.", time_s)

    def interrupt(self) -> None:
        """End as soon as the read or wait in progress allows."""
        self._stop.set()

    def close(self) -> None:
        """Let go of the stream."""
        self._container.close()

    def _rgb(self, decoded: Decoded) -> Image:
        return resized(self._container.rgb(decoded.frame), self.info.height, self.info.width)

    def _connection(self, offset: float) -> Iterator[tuple[Decoded, float, bool]]:
        """Pictures of one connection with their times, until it is lost."""
        least, self._is_silent = math.inf, False  # behind our clock
        try:
            if self._by_clock:
                before, step = offset, SLOWEST_SECONDS  # known by the second picture
                for number, decoded in enumerate(self._container):
                    gone = (now := self._clock_s) - before
                    yield decoded, now, gone > max(HOLE_S, STEPS * step)
                    before, step = now, gone if number == 1 else step + 0.1 * (gone - step)
                return
            clocks = ((decoded, decoded.clock_s) for decoded in self._container)
            for decoded, now, missing in timed(clocks, 1 / self.info.fps, looks_ahead=LOOKS_AHEAD):
                late = self._clock_s - offset - now
                if missing and late - least > HOLE_S:  # its clock stood still meanwhile
                    offset, late = offset + late - least, least
                least = min(least, late)
                yield decoded, offset + now, missing
        except av.FFmpegError as error:
            self._is_silent = isinstance(error, av.error.ExitError)

    @property
    def _clock_s(self) -> float:
        return time.monotonic() - self._began

    def _is_open(self, patience_s: float) -> bool:
        """Whether it answers now."""
        with suppress(av.FFmpegError, ValueError, OSError):
            self._container = self._connect(patience_s)
            self._container.info(self.info.name)
            return True
        return False

    def _open_again(self, time_s: float) -> bool:
        """Try until the stream is back; false when interrupted."""
        if self._stop.is_set():
            return False
        usual_s = time_s / max(1, self.frames_read - 1)
        patience_s = min(max(TIMEOUT_SECONDS, STEPS_WAITED * usual_s), SLOWEST_SECONDS)
        self._say("lost", max(self._clock_s, time_s), "lost; it is tried again.", time_s)
        wait_s, lost = FIRST_WAIT_SECONDS, time.monotonic()
        while not self._stop.wait(wait_s):
            if self._is_open(patience_s):
                return True
            if wait_s == LONGEST_WAIT_SECONDS:
                gone_s = time.monotonic() - lost
                self._say("lost", self._clock_s, f"still lost after {gone_s:.0f} s; it is tried again.", time_s)
            if time.monotonic() - lost > self._give_up_s:
                raise FootageError(f"{self.info.name}: lost for {self._give_up_s:.0f} s. Start again when it is back.")
            wait_s = min(2 * wait_s, LONGEST_WAIT_SECONDS)
        return False

    def _say(self, kind: Any, time_s: float, what: str, since_s: float | None = None) -> None:
        since_s = time_s if since_s is None else since_s
        at_s = since_s if kind == "lost" else time_s
        self.tell(Change(kind, time_s, since_s, f"{self.info.name}: at {at_s:.1f} s: {what}"))


def without_password(url: str) -> str:
    """A URL as it may be shown: without a user, and without what a query says of one.

    >>> without_password("rtsp://admin:secret@10.0.0.2/stream?x=1&user=admin&pwd=secret")
    'rtsp://10.0.0.2/stream?x=1'
    """
    parts = urlsplit(url)
    query = "&".join(part for part in parts.query.split("&") if not _SECRET.search(part.partition("=")[0]))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def shown(source: str) -> str:
    """A source's name as people may see it: without a URL's password, and in characters that UTF-8 can write.

    >>> shown("rtsp://admin:secret@10.0.0.7/live")
    'rtsp://10.0.0.7/live'
    """
    name = without_password(source) if "://" in source else source
    return name.encode("utf-8", "replace").decode("utf-8")
