"""H.264 in MP4, which every player and browser shows: each picture at its own time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vadcli.footage.clock import LEAST_S
from vadcli.footage.frames import Image

TICK = Fraction(str(LEAST_S))  # seconds; no two pictures of a source are nearer
RING_BYTES = 1 << 25
_CODEC = "libx264"
_FOR_FILES = {"preset": "superfast", "crf": "23"}
_AT_ONCE = {"preset": "ultrafast", "crf": "23", "tune": "zerolatency"}  # a packet a picture, none held back
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

    Attributes:
        count: of pictures so far.
    """

    def __init__(self, opened: OutputContainer, fps: float) -> None:
        """Begin with none; about `fps` come a second."""
        self._opened, self._fps, self.count = opened, fps, 0
        self._encoder: _Encoder | None = None

    def write(self, picture: Image, time_s: float) -> None:
        """Write the next picture, (H, W, 3) uint8 RGB, and its time, at least 0."""
        if self._encoder is None:
            stream = self._opened.add_stream(_CODEC, options=_FOR_FILES)
            self._encoder = _Encoder(stream.codec_context, picture.shape[:2], self._fps)
        self._opened.mux(self._encoder.encode(picture, time_s))
        self.count += 1

    def finish(self) -> None:
        """Write the frames that were held back."""
        if self._encoder is not None:
            self._opened.mux(self._encoder.encode())


class _Encoder:
    """Encodes pictures of one size in the order of their times."""

    def __init__(self, context: Any, size: tuple[int, ...], fps: float, every_s: float = 10.0) -> None:
        """Set up a context that nothing was encoded with; of all pictures, one in `every_s` depends on no other."""
        self._context: VideoCodecContext = context
        self._step, self._before = max(1, round(1 / fps / TICK)), -1
        height, width = size
        self._margins = ((0, height % 2), (0, width % 2), (0, 0))
        context.height, context.width, context.pix_fmt = height + height % 2, width + width % 2, "yuv420p"
        context.framerate = Fraction(fps).limit_denominator(1001)
        context.time_base, context.thread_count = TICK, 1  # the same bytes on every machine
        context.gop_size, context.max_b_frames = max(1, round(every_s * fps)), 0  # none is shown before it is decoded
        context.colorspace = context.color_primaries = context.color_trc = _BT601
        self._reformatter = VideoReformatter()

    def encode(self, picture: Image | None = None, time_s: float = 0.0) -> list[Any]:
        """The packets that are ready once a picture has come; without one, those that were held back."""
        if picture is None:
            return self._context.encode(None)
        even = np.pad(picture, self._margins, mode="edge") if any(map(any, self._margins)) else picture
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        frame = self._reformatter.reformat(frame, format="yuv420p")
        frame.pts = self._before = max(round(time_s / TICK), self._before + 1)
        frame.time_base, frame.duration = TICK, self._step
        return self._context.encode(frame)
