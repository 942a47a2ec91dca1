"""The source as a video with heat, region and running score (`vad score --annotated FILE`)."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vadcli.errors import InputError
from vadcli.files import whole
from vadcli.footage.frames import Frame, Image
from vadcli.footage.opencv import cv2
from vadcli.rendering.overlay import draw_box, draw_heat, picture_of, write_text
from vadcli.rendering.sink import Scorer
from vadcli.scoring.events import Finding
from vadcli.scoring.regions import region
from vadcli.scoring.watch import Assessed, Watch
from vadcli.scoring.writers import clock

# What stock browsers play and OpenCV's own FFmpeg writes: VP9 in MP4; VP8 in WebM, six times faster to write.
_CODECS = {".mp4": "vp09", ".webm": "VP80"}
_LEAST_WIDTH = 320
# Frames that a gap in time is filled with at most, so that a stream lost for a day is not a day of stills.
_LONGEST_STILL_S = 5.0
# A video with fewer of its frames than this share is incomplete; indices round.
_LEAST_SHARE = 0.95


@contextmanager
def annotated_video(path: Path) -> Iterator["AnnotatedVideo"]:
    """A sink that writes a video, whole or not at all; without a frame nothing is written.

    Args:
        path: ends in .mp4 or .webm.
    """
    with whole(path) as temporary:
        video = AnnotatedVideo(path, temporary)
        try:
            yield video
        finally:
            video.close()
        if not video.frames:
            raise InputError(f"{path}: not written: no frame was scored.")
        written = _count_frames(temporary)
        if written < _LEAST_SHARE * video.frames:  # the encoder does not tell of a full disk
            raise InputError(f"{path}: not written: {written} of {video.frames} frames arrived. Is the disk full?")


def _count_frames(path: Path) -> int:
    """Frames of a video by its index, which is written last; 0 if it ends before the last of them."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count = int(max(capture.get(cv2.CAP_PROP_FRAME_COUNT), 0)) if capture.isOpened() else 0
    capture.set(cv2.CAP_PROP_POS_FRAMES, max(0, int(count * _LEAST_SHARE) - 1))
    whole_length = count > 0 and capture.read()[0]
    capture.release()
    return count if whole_length else 0


class AnnotatedVideo:
    """Draws frames at the source's rate, above a strip with the scores of the last ones."""

    def __init__(self, path: Path, temporary: Path) -> None:
        self._path, self._temporary = path, temporary
        self._writer: cv2.VideoWriter | None = None
        self._scores: deque[float | None] = deque()
        self._place = -1  # of the frame before, at the source's rate
        self.frames = 0

    def begin(self, watch: Watch, scorer: Scorer) -> None:
        """Nothing is known of the picture yet."""

    def frame(self, watch: Watch, frame: Frame, assessed: Assessed | None) -> None:
        """Write the frame, repeated where the source's times leave room for more than one."""
        canvas = self._canvas(watch, frame, assessed)
        if self._writer is None:
            self._writer = self._open(canvas, watch.info.fps)
        place = round(frame.time_s * watch.info.fps)
        times = max(1, min(place - self._place, round(_LONGEST_STILL_S * watch.info.fps)))
        for _ in range(times):
            self._writer.write(canvas[..., ::-1])
        self.frames += times
        self._place = max(self._place + 1, place)

    def event(self, watch: Watch, finding: Finding[Assessed]) -> None:
        """Frames show it."""

    def end(self, watch: Watch) -> None:
        """The video ends when it is closed."""

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def _open(self, canvas: Image, fps: float) -> cv2.VideoWriter:
        height, width = canvas.shape[:2]
        with _quiet_stderr():
            code = cv2.VideoWriter.fourcc(*_CODECS[self._path.suffix.lower()])
            writer = cv2.VideoWriter(str(self._temporary), cv2.CAP_FFMPEG, code, fps, (width, height))
        if not writer.isOpened():
            raise InputError(
                f"{self._path}: this OpenCV cannot write {width}x{height} at {fps:g} frames/s there. Try .webm or .mp4."
            )
        return writer

    def _canvas(self, watch: Watch, frame: Frame, assessed: Assessed | None) -> Image:
        """Picture and strip, (H, W, 3) RGB, both even as codecs want."""
        picture = picture_of(frame)
        enlarged = max(1, -(-_LEAST_WIDTH // picture.shape[1]))
        if enlarged > 1:
            picture = np.repeat(np.repeat(picture, enlarged, axis=0), enlarged, axis=1)
        threshold = watch.threshold
        score = assessed.record.score if assessed else None
        picture = draw_heat(picture, assessed.heat) if assessed and score is not None else picture.copy()
        if assessed and assessed.record.anomaly:
            size = (watch.info.height, watch.info.width)
            draw_box(picture, region(assessed.coarse_heat, *size), size)
        height, width = picture.shape[:2]
        strip_height = max(56, height // 5)
        canvas = np.zeros((height + strip_height + (height + strip_height) % 2, width + width % 2, 3), np.uint8)
        canvas[:height, :width] = picture
        self._scores.append(score)
        while len(self._scores) > width:
            self._scores.popleft()
        if threshold is not None:
            _draw_scores(canvas[height:, :width], self._scores, threshold)
        letters = max(9, min(strip_height // 5, width // 36))
        if score is None:
            said = "learning what is normal" if assessed else "first frames"
        else:
            said = f"score {score:.2f}" + ("  ANOMALY" if assessed and assessed.record.anomaly else "")
        write_text(canvas[:, :width], f"{clock(frame.time_s)}  {said}", (4, height + letters + 5), letters)
        return canvas


def _draw_scores(strip: Image, scores: deque[float | None], threshold: float) -> None:
    """A curve that runs to the right edge, and the threshold as a dashed line at half height."""
    height, width = strip.shape[:2]
    full = 2 * threshold if threshold > 0 else 1.0
    points = [
        (width - len(scores) + i, height - 3 - round(min(max(score / full, 0.0), 1.0) * (height - 6)))
        for i, score in enumerate(scores)
        if score is not None
    ]
    level = height - 3 - round(min(max(threshold / full, 0.0), 1.0) * (height - 6))
    for x in range(0, width, 8):
        strip[level, x : x + 4] = 170
    if len(points) > 1:
        cv2.polylines(strip, [np.array(points, np.int32)], False, (255, 255, 255), 1, cv2.LINE_AA)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Without the line that OpenCV prints, whatever its log level, before it falls back to a codec's own tag."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
