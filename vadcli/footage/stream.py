"""Network streams and cameras: live, without an end, lost now and then, and opened again."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from vadcli.errors import FootageError
from vadcli.footage.capture import describe, next_time, open_capture
from vadcli.footage.frames import Gap
from vadcli.footage.opencv import cv2
from vadcli.footage.resize import Picture
from vadcli.footage.video import VideoReader

TIMEOUT_SECONDS = 10.0  # without a packet, a stream counts as lost
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
GIVE_UP_SECONDS = 600.0  # a stream that stays away for so long is gone
GAPS_KEPT = 1000
_SECRET = re.compile(r"user|login|pass|pwd|psw|auth|token|secret|key", re.IGNORECASE)


def open_url(url: str, give_up_s: float = GIVE_UP_SECONDS) -> "VideoReader | StreamReader":
    """A reader of a URL: of a recording where the server says how long it is, else of a live stream.

    Raises:
        FootageError: when nothing answers there.
    """
    name = without_password(url)
    capture = open_capture(url, 1, TIMEOUT_SECONDS)
    if not capture.isOpened():
        raise FootageError(f"{name}: no video stream answers there. Check the address, the network and the password.")
    if describe(name, capture).frames is not None:
        capture.release()
        return VideoReader(name, url, "no longer answers. Try again.", 1)
    return StreamReader(name, capture, lambda: open_capture(url, 1, TIMEOUT_SECONDS), give_up_s=give_up_s)


def open_camera(source: str, give_up_s: float = GIVE_UP_SECONDS) -> "StreamReader":
    """A reader of `camera:N`, timed by the clock.

    Raises:
        FootageError: when there is no such camera.
    """
    number = source.removeprefix("camera:")
    if not number.isdecimal():
        raise FootageError(f"{source}: cameras are numbered from 0, as in camera:0.")
    capture = cv2.VideoCapture(int(number))
    if not capture.isOpened():
        raise FootageError(f"{source}: no such camera, or another program has it. Try another number.")
    return StreamReader(source, capture, lambda: cv2.VideoCapture(int(number)), by_clock=True, give_up_s=give_up_s)


class StreamReader:
    """Pictures of a live stream, reopened with growing waits whenever it is lost.

    Times are the stream's own while it lasts. After a gap they go on at what the clock says has passed, so that they
    jump by the length of the gap.

    Attributes:
        info: of the first connection; it has no number of frames.
        notes: empty, since gaps tell what happened.
        gaps: the latest thousand stretches without frames.
        frames_read: handed over so far.
    """

    def __init__(
        self,
        name: str,
        capture: "cv2.VideoCapture",
        reopen: "Callable[[], cv2.VideoCapture]",
        *,
        by_clock: bool = False,
        give_up_s: float = GIVE_UP_SECONDS,
    ) -> None:
        """Take over an open capture.

        Args:
            name: what messages call it.
            capture: open.
            reopen: makes another like it, which may fail to open.
            by_clock: time frames by the clock alone, for cameras.
            give_up_s: seconds without the stream after which reading ends with an error.
        """
        self.info = replace(describe(name, capture), frames=None)
        self.notes: list[str] = []
        self.gaps: deque[Gap] = deque(maxlen=GAPS_KEPT)
        self.frames_read = 0
        self._capture, self._reopen, self._by_clock, self._give_up_s = capture, reopen, by_clock, give_up_s
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[tuple[Picture, float]]:
        """Pictures in OpenCV's order of channels, valid until the next one, and their times, until interrupted.

        Raises:
            FootageError: when the stream stays away.
        """
        step, began = 1 / self.info.fps, time.monotonic()
        time_s, offset, in_connection, picture = -step, 0.0, -step, None
        while not self._stop.is_set():
            read, picture = self._capture.read(picture)
            if self._stop.is_set():
                return
            if read:
                in_connection = next_time(self._capture, in_connection, self.info.fps)
                now = time.monotonic() - began if self._by_clock else offset + in_connection
                time_s = now if now > time_s else time_s + step
                self.frames_read += 1
                yield np.asarray(picture), time_s
            elif self._open_again():
                offset, in_connection = max(time.monotonic() - began, time_s + step), -step
                self.gaps.append(Gap(max(time_s, 0.0), offset))

    def interrupt(self) -> None:
        """End as soon as the read or wait in progress allows; from any thread."""
        self._stop.set()

    def close(self) -> None:
        """Let go of the stream."""
        self._capture.release()

    def _open_again(self) -> bool:
        """Try until the stream is back; false when interrupted."""
        self._capture.release()
        wait_s, lost = FIRST_WAIT_SECONDS, time.monotonic()
        while not self._stop.wait(wait_s):
            self._capture = self._reopen()
            if self._capture.isOpened():
                return True
            if time.monotonic() - lost > self._give_up_s:
                raise FootageError(f"{self.info.name}: lost for {self._give_up_s:.0f} s. Start again when it is back.")
            wait_s = min(2 * wait_s, LONGEST_WAIT_SECONDS)
        return False


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
