"""Cue maps of a view: the share of moving pixels, their speed, and the look of every place; float16, no network.

The picture is cut into square cells, 32 rows of them. A window is the mean over k by k cells, at every position wholly
inside the picture. All maps are rounded to half precision where they are made, so that a cache and a video give the
same numbers.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2

Map = NDArray[np.float32]
Halves = NDArray[np.float16]

ROWS = 32  # of cells
SMALL, WIDE = 3, 9  # sides of windows in cells
LOOK_CHANNELS = 7  # Y, Cr, Cb and edges in four directions
_MOVES = 8  # grey levels between two frames
_STEP_S = 0.1  # between the two frames that are compared


class CueMaps(NamedTuple):
    """Maps of one frame."""

    area: Halves  # (32, w), share of pixels that move, in [0, 1]
    speed: Halves  # (32, w), mean length of the optical flow of pixels that move, in pixels of the view; else 0
    look: Halves  # (16, w // 2, 7), means of Y, Cr, Cb and of four directions of edges, in grey levels

    @property
    def motion(self) -> Map:
        """(32, w), moving share times speed."""
        return self.area.astype(np.float32) * self.speed.astype(np.float32)


class CueMaker:
    """Cue maps of a source at `fps` frames a second, frame by frame, in constant memory."""

    def __init__(self, fps: float) -> None:
        self._least_s = max(0.0, _STEP_S - 0.5 / fps) - 1e-6
        self._earlier: deque[tuple[float, Image]] = deque()
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def __call__(self, view: Image, time_s: float, after_gap: bool = False) -> CueMaps | None:
        """Maps of the next frame.

        Args:
            view: (H, W, 3) uint8 RGB, H a multiple of 32.
            time_s: its time.
            after_gap: frames are missing before it.

        Returns:
            None for a source's first 0.1 s, and for the first after a gap: there is no earlier frame to compare with.
        """
        coded = np.asarray(cv2.cvtColor(view, cv2.COLOR_RGB2YCrCb), np.uint8)
        grey = np.ascontiguousarray(coded[..., 0])
        if after_gap or (self._earlier and time_s <= self._earlier[-1][0]):
            self._earlier.clear()
        while len(self._earlier) > 1 and _is_nearer(self._earlier[1][0], self._earlier[0][0], time_s - _STEP_S):
            self._earlier.popleft()
        before = self._earlier[0] if self._earlier else None
        self._earlier.append((time_s, grey))
        if before is None or time_s - before[0] < self._least_s:
            return None
        area, speed = self._motion(grey, before[1])
        return CueMaps(area.astype(np.float16), speed.astype(np.float16), _look(coded, grey).astype(np.float16))

    def _motion(self, grey: Image, before: Image) -> tuple[Map, Map]:
        side = len(grey) // ROWS
        moves = (np.asarray(cv2.absdiff(grey, before)) > _MOVES).view(np.uint8)
        if not moves.any():
            nothing = np.zeros((ROWS, grey.shape[1] // side), np.float32)
            return nothing, nothing
        field = np.asarray(self._flow.calc(before, grey, np.empty(0, np.float32)))  # from the earlier frame to this one
        length = np.asarray(cv2.magnitude(field[..., 0], field[..., 1])) * moves
        return _cells(moves.astype(np.float32), side), _cells(length, side)


def window_means(cells: NDArray[np.floating], side: int) -> Map:
    """Means over square windows wholly inside a map: (h, w) to (h - side + 1, w - side + 1), at least one by one."""
    values = np.asarray(cells, np.float32)
    height, width = min(side, values.shape[0]), min(side, values.shape[1])
    means = np.asarray(cv2.blur(values, (width, height)), np.float32)
    top, left = height // 2, width // 2
    return means[top : top + values.shape[0] - height + 1, left : left + values.shape[1] - width + 1]


def _is_nearer(new_s: float, old_s: float, wanted_s: float) -> bool:
    return abs(new_s - wanted_s) <= abs(old_s - wanted_s) + 1e-6


def _cells(pixels: NDArray[np.floating], side: int) -> Map:
    """Means over cells of side by side pixels, (H, W, ...) to (h, w, ...); columns that fill no cell are left out."""
    height, width = pixels.shape[0] // side, pixels.shape[1] // side
    whole = pixels[: height * side, : width * side]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _look(coded: Image, grey: Image) -> Map:
    """The look of places twice as large as a cell, each over 2 by 2 of them, (16, w // 2, 7)."""
    side = 2 * len(grey) // ROWS
    across, down = np.asarray(cv2.Sobel(grey, cv2.CV_16S, 1, 0)), np.asarray(cv2.Sobel(grey, cv2.CV_16S, 0, 1))
    edges = (across, down, across + down, across - down)
    planes = [*cv2.split(coded), *(cv2.convertScaleAbs(edge, alpha=0.5) for edge in edges)]
    look = np.stack([_cells(np.asarray(plane, np.float32), side) for plane in planes], -1)
    return np.stack([np.asarray(cv2.blur(look[..., i], (2, 2))) for i in range(LOOK_CHANNELS)], -1)
