"""Maps of one clip as localisation judges them: the program's heat and regions, its error, and controls."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.scoring.events import Box
from vadcli.scoring.scorer import ScoredFrame

Maps = NDArray[np.float32]


class ClipMaps:
    """Gathers coarse maps of every scored frame of a clip."""

    def __init__(self) -> None:
        self._coarse: dict[str, list[NDArray[np.float32]]] = {}
        self._boxes: list[list[tuple[Box, float]]] = []
        self._size = (1, 1)

    def add(self, frame: ScoredFrame) -> None:
        """The next frame, which has a score."""
        cues, heat = frame.observation.cues, frame.heat
        if cues is None or heat is None:
            raise ValueError("a frame without a score")
        maps = {"live": np.maximum(heat, 0), "moving": cues.area, "flow": cues.speed}
        if frame.errors is not None:
            maps["error"] = frame.errors.patches
        for kind, values in maps.items():
            self._coarse.setdefault(kind, []).append(values.astype(np.float32))
        self._boxes.append([(region.box, region.score) for region in frame.regions])
        self._size = (frame.info.height, frame.info.width)

    def stretched(self, size: tuple[int, ...]) -> Iterator[tuple[str, Maps, Maps | None]]:
        """Each kind of map at the size of masks, (n, H, W), and what is thresholded for its regions, if not itself."""
        height, width = size
        for kind, frames in self._coarse.items():
            large = np.stack([
                np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
                for frame in frames
            ])  # fmt: skip
            yield kind, large, self._painted(height, width) if kind == "live" else None

    def _painted(self, height: int, width: int) -> Maps:
        """Every region as a box of its score, (n, H, W), 0 elsewhere."""
        painted = np.zeros((len(self._boxes), height, width), np.float32)
        down, across = height / self._size[0], width / self._size[1]
        for canvas, regions in zip(painted, self._boxes, strict=True):
            for (x, y, w, h), score in sorted(regions, key=lambda each: each[1]):
                rows = slice(int(y * down), max(int(y * down) + 1, round((y + h) * down)))
                columns = slice(int(x * across), max(int(x * across) + 1, round((x + w) * across)))
                canvas[rows, columns] = max(score, 0.0)
        return painted
