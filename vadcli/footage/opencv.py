"""The one place that imports OpenCV: quietly, since a broken file is reported in our words and not in FFmpeg's."""

import os

os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET

import cv2

__all__ = ["cv2"]
