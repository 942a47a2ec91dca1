"""The one place that imports OpenCV: quietly, since a broken file is reported in our words and not in FFmpeg's."""

import os

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

__all__ = ["MOST_PIXELS", "cv2"]
