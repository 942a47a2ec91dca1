"""The one place that imports OpenCV: quietly, since a broken file is reported in our words and not in FFmpeg's."""

import os

os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET

import cv2

cv2.setNumThreads(1)  # frames are small: decoding side by side pays, threads within one frame do not

__all__ = ["cv2"]
