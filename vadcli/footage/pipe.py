"""A container that arrives through a pipe, socket or FIFO: looked at before it is opened, and left at any time."""

import os
import select
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import av

from vadcli.errors import FootageError
from vadcli.footage.container import Container
from vadcli.footage.diagnosis import moov_comes_late
from vadcli.footage.video import VideoReader, open_video

HEAD_BYTES = 4096  # looked at before FFmpeg sees anything
WAIT_SECONDS = 0.2
NAME = "stdin"
_HOW = "Pipe MPEG-TS or Matroska, as in `ffmpeg -i IN -c copy -f mpegts - | vad score -`."


def open_stdin(descriptor: int = 0) -> VideoReader:
    """A reader of the container on stdin; one that was redirected from a file is read as that file.

    Raises:
        FootageError: when stdin is a terminal, empty, or holds nothing that can be read forward.
    """
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError as error:
        raise FootageError(f"{NAME}: closed. {_HOW}") from error
    if os.isatty(descriptor):
        raise FootageError(f"{NAME}: a terminal, not a video. {_HOW}")
    as_file = Path(f"/dev/fd/{descriptor}")
    if stat.S_ISREG(mode) and as_file.exists():
        return open_video(as_file, NAME)
    return PipeReader(NAME, descriptor)


def is_pipe(path: Path) -> bool:
    """Whether a path is a FIFO, as `<(…)` makes them, or a device that is read forward."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def open_pipe(path: Path, name: str) -> "PipeReader":
    """A reader of a FIFO; waits for whoever writes to it.

    Raises:
        FootageError: when it may not be read, or holds nothing that can be read forward.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise FootageError(f"{name}: {(error.strerror or 'cannot be read').lower()}. Check the path.") from error
    try:
        return PipeReader(name, descriptor, lambda: os.close(descriptor))
    except BaseException:
        os.close(descriptor)
        raise


class PipeReader(VideoReader):
    """Pictures of a container that is read forward, once.

    The kernel's pipe is all that is held: nothing is spooled, and whoever writes waits for us.
    """

    def __init__(self, name: str, descriptor: int, release: Callable[[], None] = lambda: None) -> None:
        """Look at the first bytes, and let FFmpeg find the video in them.

        Args:
            name: what messages call it.
            descriptor: to read from.
            release: called when the reader is closed.

        Raises:
            FootageError: when there is none.
        """
        self._pipe, self._release = _Pipe(descriptor), release
        if not self._pipe.head:
            raise FootageError(f"{name}: empty; whoever writes to it sent nothing. {_HOW}")
        if moov_comes_late(self._pipe.head):
            raise FootageError(
                f"{name}: this mp4 has its index (moov) at the end and cannot be read from a pipe. "
                "Give the file itself, or pipe MPEG-TS: `ffmpeg -i IN -c copy -f mpegts - | …`."
            )
        try:
            container = Container(self._pipe)
            super().__init__(container, container.info(name))
        except (av.FFmpegError, ValueError) as error:
            raise FootageError(f"{name}: no video in it that can be read. {_HOW}") from error

    def interrupt(self) -> None:
        """Let FFmpeg see the end of the stream, whatever it waits for; from any thread."""
        super().interrupt()
        self._pipe.stopped.set()

    def close(self) -> None:
        """Let go of the container and of the pipe; stdin itself stays open."""
        super().close()
        self._release()


class _Pipe:
    """The file object that PyAV reads: blocks until there are bytes, but not for long once it was stopped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self.stopped = descriptor, threading.Event()
        self.head = b""
        while len(self.head) < HEAD_BYTES and (block := self._wait(HEAD_BYTES - len(self.head))):
            self.head += block
        self._begin = self.head

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        if not self._begin:
            return self._wait(size)
        data, self._begin = self._begin[:size], self._begin[size:]
        return data

    def _wait(self, size: int) -> bytes:
        while not self.stopped.is_set():
            if select.select((self._descriptor,), (), (), WAIT_SECONDS)[0]:
                return os.read(self._descriptor, size)
        return b""
