"""A video container, decoded forward by OpenCV's FFmpeg."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vadcli.errors import FootageError
from vadcli.footage.bitstream import SizeWatch
from vadcli.footage.capture import describe, next_time, open_capture
from vadcli.footage.diagnosis import why_unreadable
from vadcli.footage.identity import utf8_place
from vadcli.footage.resize import Picture

MANY_PIXELS = 1280 * 720  # below this, one decoding thread is faster than several
SHORT_SHARE = 0.95  # a recording that ends before this share of what its header says was cut off


class VideoReader:
    """Pictures of one container, once, from first to last.

    Attributes:
        info: size as shown (rotation applied), nominal rate, and the header's count of frames.
        notes: what the user should know after reading, such as a recording that was cut off.
        frames_read: handed over so far.
    """

    def __init__(self, name: str, target: str, problem: str, threads: int | None = None) -> None:
        """Open a container.

        Args:
            name: what messages call it.
            target: what FFmpeg opens: an absolute path, `pipe:N` or a URL.
            problem: the clause of the error when FFmpeg cannot.
            threads: decoding threads; None chooses by the size of the picture.
        """
        self.notes: list[str] = []
        self.frames_read = 0
        self._capture = open_capture(target, threads or 1)
        if not self._capture.isOpened():
            raise FootageError(f"{name}: {problem}")
        self.info = describe(name, self._capture)
        is_file = Path(target).is_file()
        if threads is None and is_file and self.info.height * self.info.width >= MANY_PIXELS:
            self._capture = open_capture(target, min(os.cpu_count() or 1, 4))
        self._watch = SizeWatch(target) if is_file else None

    def __iter__(self) -> Iterator[tuple[Picture, float]]:
        """Pictures in OpenCV's order of channels, valid until the next one, and their times in seconds.

        Raises:
            FootageError: when no frame can be decoded, or the size of the picture changes on the way.
        """
        time_s, fps, picture = -1 / self.info.fps, self.info.fps, None
        while True:
            if self._watch and (changed := self._watch.step()):
                raise FootageError(
                    f"{self.info.name}: the picture changes from {self.info.width}x{self.info.height} to {changed[1]}x"
                    f"{changed[0]} at frame {self.frames_read}. Cut it there, or scale all to one size with ffmpeg."
                )
            read, picture = self._capture.read(picture)  # into the same memory where that fits
            if not read:
                break
            time_s = next_time(self._capture, time_s, fps)
            self.frames_read += 1
            yield np.asarray(picture), time_s
        count, expected = self.frames_read, self.info.frames
        if not count:
            raise FootageError(f"{self.info.name}: opens, but no frame can be decoded. Convert it with ffmpeg.")
        if expected and max(count, time_s * fps + 1) < SHORT_SHARE * expected:
            self.notes.append(f"{self.info.name}: cut off: {count} frames decoded of about {expected}.")

    def interrupt(self) -> None:
        """Nothing waits here for long."""

    def close(self) -> None:
        """Let go of the decoder."""
        self._capture.release()
        if self._watch:
            self._watch.close()


def open_video(path: Path, name: str, threads: int | None = None) -> VideoReader:
    """A reader of a video file.

    Raises:
        FootageError: saying what is wrong with it.
    """
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise FootageError(f"{name}: {(error.strerror or 'cannot be read').lower()}. Check the path.") from error
    target = utf8_place(path)  # OpenCV crashes on any other
    try:
        return VideoReader(name, target, "", threads)
    except FootageError as error:
        raise FootageError(f"{name}: {why_unreadable(path)}") from error
