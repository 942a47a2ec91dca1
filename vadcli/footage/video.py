"""Video containers, from a file or a pipe, decoded forward by OpenCV's FFmpeg."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vadcli.errors import FootageError
from vadcli.footage.diagnosis import why_unreadable
from vadcli.footage.frames import SourceInfo
from vadcli.footage.opencv import cv2
from vadcli.footage.resize import Picture

DEFAULT_FPS = 25.0  # where a container does not say
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
            target: what FFmpeg opens: an absolute path or `pipe:N`.
            problem: the clause of the error when FFmpeg cannot.
            threads: decoding threads; None chooses by the size of the picture.
        """
        self.notes: list[str] = []
        self.frames_read = 0
        self._capture = open_capture(target, threads or 1)
        if not self._capture.isOpened():
            raise FootageError(f"{name}: {problem}")
        self.info = describe(name, self._capture)
        large = self.info.height * self.info.width >= MANY_PIXELS
        if threads is None and large and Path(target).is_file():
            self._capture = open_capture(target, min(os.cpu_count() or 1, 4))

    def __iter__(self) -> Iterator[tuple[Picture, float]]:
        """Pictures in OpenCV's order of channels, and their times in seconds."""
        time_s = -1 / self.info.fps
        while True:
            read, picture = self._capture.read()
            if not read:
                break
            time_s = next_time(self._capture, time_s, self.info.fps)
            self.frames_read += 1
            yield np.asarray(picture), time_s
        count = self.frames_read
        if not count:
            raise FootageError(f"{self.info.name}: opens, but no frame can be decoded. Convert it by ffmpeg.")
        expected = self.info.frames
        if expected and max(count, (time_s + 1 / self.info.fps) * self.info.fps) < SHORT_SHARE * expected:
            self.notes.append(f"{self.info.name}: cut off: {count} frames decoded of about {expected}.")

    def close(self) -> None:
        """Let go of the decoder."""
        self._capture.release()


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
    try:
        return VideoReader(name, str(path.resolve()), "", threads)
    except FootageError as error:
        raise FootageError(f"{name}: {why_unreadable(path)}") from error


def open_capture(target: str, threads: int, timeout_s: float | None = None) -> "cv2.VideoCapture":
    """OpenCV's capture of a container; ask it whether it is open."""
    parameters = [cv2.CAP_PROP_N_THREADS, threads]
    if timeout_s is not None:
        milliseconds = round(timeout_s * 1000)
        parameters += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    return cv2.VideoCapture(target, cv2.CAP_FFMPEG, parameters)


def describe(name: str, capture: "cv2.VideoCapture") -> SourceInfo:
    """What an open capture says about itself, without the nonsense that some containers say."""
    fps, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return SourceInfo(
        name=name,
        fps=fps if math.isfinite(fps) and 0 < fps <= 1000 else DEFAULT_FPS,
        frames=int(frames) if math.isfinite(frames) and 0 < frames < 1e9 else None,
        height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
    )


def next_time(capture: "cv2.VideoCapture", previous_s: float, fps: float) -> float:
    """The time of the frame just read: the container's, or one frame on where it has none or goes back."""
    time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
    return time_s if math.isfinite(time_s) and time_s > previous_s else previous_s + 1 / fps
