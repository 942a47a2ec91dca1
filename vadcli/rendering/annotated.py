"""The source as a video with heat, region and running score (`vad score --annotated FILE`)."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from av.container import OutputContainer

from vadcli.errors import InputError
from vadcli.files import whole
from vadcli.footage.frames import Image
from vadcli.footage.h264 import PictureWriter, mp4
from vadcli.footage.opencv import cv2
from vadcli.rendering.overlay import draw_heat, draw_regions, enlarged, picture_of, write_text
from vadcli.rendering.sink import Sink
from vadcli.scoring.fusion import CUES
from vadcli.scoring.places import REASONS
from vadcli.scoring.scorer import ScoredFrame, SourceScorer
from vadcli.scoring.writers import clock

_LEAST_WIDTH = 320


@contextmanager
def annotated_video(path: Path) -> Iterator["AnnotatedVideo"]:
    """A sink that writes an H.264 video, whole or not at all; without a frame nothing is written."""
    with whole(path) as temporary, mp4(temporary) as opened:
        video = AnnotatedVideo(opened)
        yield video
        if not video.finish():
            raise InputError(f"{path}: not written: no frame was scored.")


class AnnotatedVideo(Sink):
    """Draws frames, each at its own time, above a strip with the scores of the last ones."""

    def __init__(self, opened: OutputContainer) -> None:
        self._opened = opened
        self._writer: PictureWriter | None = None
        self._scores: deque[float | None] = deque()

    def frame(self, scorer: SourceScorer, frame: ScoredFrame) -> None:
        """Write the frame."""
        self._writer = self._writer or PictureWriter(self._opened, scorer.info.fps)
        self._writer.write(self._canvas(scorer, frame), frame.observation.time_s)

    def finish(self) -> int:
        """Write what was held back; how many frames there are."""
        if self._writer is None:
            return 0
        self._writer.finish()
        return self._writer.count

    def _canvas(self, scorer: SourceScorer, frame: ScoredFrame) -> Image:
        """Picture and strip, (H, W, 3) RGB."""
        picture = enlarged(picture_of(frame.observation), _LEAST_WIDTH)
        record, threshold = frame.record, scorer.threshold
        score = None if record is None else record.score
        picture = picture.copy() if frame.heat is None else draw_heat(picture, frame.heat)
        if record and record.anomaly:
            draw_regions(picture, frame.regions, (scorer.info.height, scorer.info.width))
        height, width = picture.shape[:2]
        strip_height = max(56, height // 5)
        canvas = np.zeros((height + strip_height, width, 3), np.uint8)
        canvas[:height] = picture
        self._scores.append(score)
        while len(self._scores) > width:
            self._scores.popleft()
        if threshold is not None:
            _draw_scores(canvas[height:], self._scores, threshold)
        letters = max(9, min(strip_height // 5, width // 36))
        said = "first frames" if record is None else "learning what is normal" if score is None else _said(frame, score)
        at = record.at if record and record.at else clock(frame.observation.time_s)
        write_text(canvas, f"{at}  {said}", (4, height + letters + 5), letters)
        return canvas


def _said(frame: ScoredFrame, score: float) -> str:
    anomaly = frame.record is not None and frame.record.anomaly and frame.cue is not None
    return f"score {score:.2f}" + (f"  {REASONS[CUES[frame.cue or 0]]}" if anomaly else "")


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
