"""A container piped in on stdin, passed on to FFmpeg so that it can be looked at and stopped."""

import os
import select
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.diagnosis import moov_comes_late
from vadcli.footage.resize import Picture
from vadcli.footage.video import VideoReader, open_video

HEAD_BYTES = 4096  # looked at before FFmpeg sees anything
BLOCK_BYTES = 1 << 16
WAIT_SECONDS = 0.2
NAME = "stdin"
_HOW = "Pipe MPEG-TS or Matroska, as in `ffmpeg -i IN -c copy -f mpegts - | vad score -`."


def open_stdin(descriptor: int = 0) -> "VideoReader | PipeReader":
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
    return PipeReader(descriptor)


class PipeReader:
    """Pictures of a container that arrives through a pipe or socket.

    The kernel's pipe is all that is held: nothing is spooled, and whoever writes waits for us.

    Attributes:
        info: as FFmpeg finds it in the first packets.
        notes: what the user should know after reading.
        frames_read: handed over so far.
    """

    def __init__(self, descriptor: int) -> None:
        """Look at the first bytes, and let FFmpeg find the video in them.

        Raises:
            FootageError: when there is none.
        """
        head = _read_head(descriptor)
        if not head:
            raise FootageError(f"{NAME}: empty; whoever writes to it sent nothing. {_HOW}")
        if moov_comes_late(head):
            raise FootageError(
                f"{NAME}: this mp4 has its index (moov) at the end and cannot be read from a pipe. "
                "Give the file itself, or pipe MPEG-TS: `ffmpeg -i IN -c copy -f mpegts - | …`."
            )
        self._source, self._stop = descriptor, threading.Event()
        self._read_end, self._write_end = os.pipe()
        self._relay = threading.Thread(target=self._pass_on, args=(head,), name="stdin", daemon=True)
        self._relay.start()
        try:
            self._video = VideoReader(NAME, f"pipe:{self._read_end}", f"no video in it that can be read. {_HOW}", 1)
        except FootageError:
            self._end()
            raise
        self.info, self.notes = self._video.info, self._video.notes

    @property
    def frames_read(self) -> int:
        """Frames handed over so far."""
        return self._video.frames_read

    def __iter__(self) -> Iterator[tuple[Picture, float]]:
        """Pictures in OpenCV's order of channels, and their times in seconds."""
        return iter(self._video)

    def interrupt(self) -> None:
        """Let FFmpeg see the end of the stream, whatever it waits for; from any thread."""
        self._stop.set()

    def close(self) -> None:
        """Let go of the decoder and the pipe; stdin itself stays open."""
        self._video.close()
        self._end()

    def _end(self) -> None:
        self._stop.set()
        self._relay.join()
        with suppress(OSError):
            os.close(self._read_end)

    def _pass_on(self, data: bytes) -> None:
        """Copy stdin into FFmpeg's pipe until either ends or we are to stop; never blocks for long."""
        os.set_blocking(self._write_end, False)
        try:
            while data and not self._stop.is_set():
                if not select.select((), (self._write_end,), (), WAIT_SECONDS)[1]:
                    continue
                data = data[os.write(self._write_end, data) :]
                while not data and not self._stop.is_set():
                    if select.select((self._source,), (), (), WAIT_SECONDS)[0]:
                        data = os.read(self._source, BLOCK_BYTES)
                        break
        except OSError:  # FFmpeg has closed its end
            pass
        finally:
            os.close(self._write_end)


def _read_head(descriptor: int) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (block := os.read(descriptor, HEAD_BYTES - len(head))):
        head += block
    return head
