"""The one place that imports OpenCV: quietly, since a broken file is reported in our words and not in FFmpeg's."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

from vadcli.errors import InputError
from vadcli.limits import limit_met

os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 26))  # twice those of 8K video

try:
    import cv2
except ImportError as error:
    if limit_met(error):
        raise
    raise InputError(
        f"OpenCV cannot be loaded: {error}. Where a system library is missing, as in slim containers: "
        "apt install libgl1 libglib2.0-0, or pip install opencv-python-headless in place of opencv-python."
    ) from error

MOST_PIXELS = int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"])  # of a picture by its header, before it is decoded
cv2.setNumThreads(1)  # frames are small: decoding side by side pays, threads within one frame do not

_THEIRS = (b"libpng ", b"Corrupt JPEG", b"Premature end of JPEG", b"Unsupported marker", b"Inconsistent progression")
_decoding = threading.Lock()


def decoded(data: Any, flags: int) -> tuple[Any, str]:
    """A picture of its bytes, (n,) uint8, None where it is none; and what its library complains of.

    Raises:
        cv2.error: for pictures that are too large.
    """
    with _decoding, _complaints() as lines:
        picture = cv2.imdecode(data, flags)
    return picture, next((line for line in lines if not line.startswith("libpng warning")), "")


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Lines that libraries of pictures write on stderr meanwhile; those of other threads go on their way."""
    lines = list[str]()
    with ExitStack() as stack:
        try:
            stderr = os.dup(2)
            stack.callback(os.close, stderr)
            taken = stack.enter_context(_scratch())
            os.dup2(taken.fileno(), 2)
        except OSError:  # it is closed
            yield lines
            return
        try:
            yield lines
        finally:
            os.dup2(stderr, 2)
            taken.seek(0)
            for line in taken:
                if line.startswith(_THEIRS):
                    lines.append(line.decode("ascii", "replace").strip())
                else:
                    os.write(stderr, line)


def _scratch() -> IO[bytes]:
    in_memory = hasattr(os, "memfd_create")
    return os.fdopen(os.memfd_create("stderr"), "w+b") if in_memory else tempfile.TemporaryFile()


__all__ = ["MOST_PIXELS", "cv2", "decoded"]
