"""Cues of one frame by place, relative to what is normal there, and how they add up at every place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.scoring.baseline import MOVERS, Baseline, Windows
from vadcli.scoring.cues import ROWS, SMALL, CueMaps, Map, window_means
from vadcli.scoring.fusion import AREA, CROWD, FRAME, LOGARITHMS, LOOK, SPEED, Floats, Fusion

_CROWDED = 0.4  # share of a wide window that moves where a crowd does


@dataclass(frozen=True, eq=False)
class Places:
    """Windows of one frame over what is normal at their rows or places."""

    # by cue: of area, speed and crowd windows over their row's normal value; of the look the mean distance of a window;
    # of the frame the mean error of a patch over that of the whole frame, or None without a network
    maps: tuple[Map, Map, Map, Map, Map | None]
    motion: Map  # (32, w), the moving share times the speed of every cell, and its recent past
    moving: NDArray[np.bool_]  # (32, w), cells in which something moves

    @classmethod
    def of(cls, cues: CueMaps, distances: Map, patches: Map | None, baseline: Baseline, motion: Map) -> "Places":
        """Places of a frame: of its cues, distances (h, w) of its look, and mean errors of its patches."""
        windows, rows = Windows(cues), baseline.rows
        maps = (
            windows.area / rows.area,
            windows.speed / rows.speed,
            windows.crowd / rows.crowd,
            window_means(distances, SMALL),
            patches,
        )
        return cls(maps, motion, cues.area > MOVERS)

    def values(self) -> Floats:
        """(5,), the worst window of each cue; NaN without a network."""
        area, speed, crowd, look, frame = self.maps
        return np.array(
            [
                area.max(),
                speed.max(),
                crowd.max(),
                np.log(float(look.max()) + 1e-6),
                np.nan if frame is None else np.log(float(frame.max()) + 1e-6),
            ]
        )

    def window(self, cue: int) -> tuple[slice, slice]:
        """Rows and columns of cells of the worst window of a cue."""
        values = self.maps[cue]
        if values is None:
            raise ValueError("no network")
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        height, width = self.motion.shape
        down, across = height / self._reach(cue)[0], width / self._reach(cue)[1]
        side, before = self._side(cue), int(cue == LOOK)  # a look is of the place before its own, too
        return (
            slice(max(0, int((row - before) * down)), min(height, -int(-(row + side[0]) * down // 1))),
            slice(max(0, int((column - before) * across)), min(width, -int(-(column + side[1]) * across // 1))),
        )

    def main_cue(self, terms: Floats) -> int:
        """The cue with the largest term; a crowd only where much of its window moves, else area or speed."""
        cue = int(terms.argmax())
        if cue == CROWD and self.moving[self.window(CROWD)].mean() < _CROWDED:
            return AREA if terms[AREA] > terms[SPEED] else SPEED
        return cue

    def heat(self, fusion: Fusion) -> Map:
        """(32, w), what all cues add up to at every cell, in units of the score: 1 is the level of alarms."""
        total = np.zeros(self.motion.shape)
        for cue, values in enumerate(self.maps):
            if values is not None:
                terms = fusion.term(cue, np.log(values + 1e-6) if cue in LOGARITHMS else values)
                total += self._spread(terms, cue)
        return ((total - fusion.typical) / fusion.unit).astype(np.float32)

    def _side(self, cue: int) -> tuple[int, int]:
        """Height and width of a window of a cue, in its own cells."""
        height, width = self._reach(cue)
        values = self.maps[cue]
        assert values is not None
        return height - values.shape[0] + 1, width - values.shape[1] + 1

    def _reach(self, cue: int) -> tuple[int, int]:
        """Height and width of the map that a cue's windows are of, in its own cells."""
        if cue == LOOK:
            return ROWS // 2, self.motion.shape[1] // 2
        if cue == FRAME:
            values = self.maps[FRAME]
            assert values is not None
            return values.shape[0] + 3, values.shape[1] + 3
        return self.motion.shape

    def _spread(self, windows: NDArray[np.floating], cue: int) -> Map:
        """Values of windows at their centres, continued to the borders, as a map of cells."""
        height, width = self._reach(cue)
        top, left = (height - windows.shape[0]) // 2, (width - windows.shape[1]) // 2
        wide = np.pad(
            windows.astype(np.float32),
            ((top, height - windows.shape[0] - top), (left, width - windows.shape[1] - left)),
            mode="edge",
        )
        if wide.shape == self.motion.shape:
            return wide
        even = np.asarray(cv2.resize(wide, self.motion.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        return np.pad(even[1:, 1:], ((0, 1), (0, 1)), mode="edge") if cue == LOOK else even


REASONS = {
    "area": "larger than usual here",
    "speed": "faster than usual here",
    "crowd": "much movement at once",
    "look": "never looked like this",
    "frame": "not predicted",
}
