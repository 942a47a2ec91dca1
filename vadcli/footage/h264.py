"""H.264 in MP4, which every player and browser shows: each picture at its own time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vadcli.footage.clock import LEAST_S
from vadcli.footage.frames import Image

TICK = Fraction(str(LEAST_S))  # seconds; no two pictures of a source are nearer
KEY_S = 10.0  # between pictures that depend on no other
_OPTIONS = {"preset": "superfast", "crf": "23"}
_BT601 = 6  # what swscale makes of RGB; untagged, players take large pictures for BT.709


@contextmanager
def mp4(path: Path) -> Iterator[OutputContainer]:
    """A file to write to; its index comes to stand before its pictures.

    Raises:
        OSError: when it cannot be written; of FFmpeg, so that it may lack the file's name.
    """
    opened = av.open(str(path.resolve()), "w", format="mp4", options={"movflags": "+faststart"})
    try:
        yield opened
    except BaseException:
        with suppress(OSError):
            opened.close()
        raise
    opened.close()


class PictureWriter:
    """Encodes pictures of one size, each at its own time, into an open file.

    Sizes that are odd grow by a row or column, since two by two pixels share their colour.
    """

    def __init__(self, opened: OutputContainer, fps: float) -> None:
        """Begin with none; about `fps` come a second."""
        self._opened, self._fps, self.count = opened, fps, 0
        self._context: VideoCodecContext | None = None
        self._reformatter, self._before = VideoReformatter(), -1

    def write(self, picture: Image, time_s: float) -> None:
        """Write the next picture, (H, W, 3) uint8 RGB, and its time, at least 0."""
        if self._context is None:
            self._context = self._begun(*picture.shape[:2])
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = self._reformatter.reformat(frame, format="yuv420p")
        frame.pts = self._before = max(round(time_s / TICK), self._before + 1)
        frame.time_base, frame.duration = TICK, max(1, round(1 / self._fps / TICK))
        self._opened.mux(self._context.encode(frame))
        self.count += 1

    def finish(self) -> None:
        """Write the frames that were held back."""
        if self._context is not None:
            self._opened.mux(self._context.encode(None))

    def _begun(self, height: int, width: int) -> VideoCodecContext:
        context: Any = self._opened.add_stream("libx264", options=_OPTIONS).codec_context
        context.height, context.width, context.pix_fmt = height + height % 2, width + width % 2, "yuv420p"
        context.framerate = Fraction(self._fps).limit_denominator(1001)
        context.time_base, context.thread_count = TICK, 1  # the same bytes on every machine
        context.gop_size, context.max_b_frames = max(1, round(KEY_S * self._fps)), 0  # shown as they are decoded
        context.colorspace = context.color_primaries = context.color_trc = _BT601
        return cast(VideoCodecContext, context)
