"""OpenCV's captures: opened, described and timed, without the nonsense that some containers say."""

import math

from vadcli.footage.frames import SourceInfo
from vadcli.footage.opencv import cv2

DEFAULT_FPS = 25.0  # where a container does not say
TICKS_A_SECOND = 1000  # of Matroska, told for the rate where it is not known


def open_capture(target: str, threads: int, timeout_s: float | None = None) -> "cv2.VideoCapture":
    """A capture of a container by FFmpeg; ask it whether it is open.

    Args:
        target: an absolute path, `pipe:N` or a URL.
        threads: decoding threads.
        timeout_s: of opening and of each read, for networks.
    """
    parameters = [cv2.CAP_PROP_N_THREADS, threads]
    if timeout_s is not None:
        milliseconds = round(timeout_s * 1000)
        parameters += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    return cv2.VideoCapture(target, cv2.CAP_FFMPEG, parameters)


def describe(name: str, capture: "cv2.VideoCapture") -> SourceInfo:
    """What an open capture says about itself."""
    said, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    fps = said if math.isfinite(said) and 0 < said < TICKS_A_SECOND else DEFAULT_FPS
    if math.isfinite(said) and said > fps:
        frames *= fps / said  # an estimate by that rate from the duration
    return SourceInfo(
        name=name,
        fps=fps,
        frames=int(frames) if math.isfinite(frames) and 0 < frames < 1e9 else None,
        height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
    )


def next_time(capture: "cv2.VideoCapture", previous_s: float, fps: float) -> float:
    """The time of the frame just read: the container's, or one frame on where it has none or goes back."""
    time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
    return time_s if math.isfinite(time_s) and time_s > previous_s else previous_s + 1 / fps
