"""Regions of a frame: where it does not fit, as boxes with their scores; the same for events, pictures and figures."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.frames import SourceInfo
from vadcli.footage.opencv import cv2
from vadcli.footage.resize import view_size
from vadcli.scoring.cues import ROWS, Map
from vadcli.scoring.events import Box
from vadcli.scoring.fusion import FRAME, LOOK, Fusion
from vadcli.scoring.places import Places

_JOINED = 0.3  # share of the strongest motion, or heat, that still belongs to a region
_HOT = 0.5  # of the level of alarms, where a further region is told
_MOST = 5


class Region(NamedTuple):
    """A place that does not fit."""

    box: Box  # x, y, width, height in the source's pixels
    score: float  # of its hottest cell, in units of the score
    share: float  # of all heat above the typical, in [0, 1]


def regions(places: Places, fusion: Fusion, cue: int, info: SourceInfo) -> list[Region]:
    """Regions of a frame: that of the cue with the largest term first, then by their heat; five at most."""
    heat = places.heat(fusion)
    excess = np.maximum(heat, 0)
    total = float(excess.sum()) or 1.0
    first = _grown(places, heat, cue)
    found = [_region(first, heat, excess, total, info)]
    hot = heat >= max(_JOINED * float(heat.max()), _HOT)
    count, labels = cv2.connectedComponents(hot.astype(np.uint8), connectivity=8)
    labels = np.asarray(labels)
    apart = set(range(1, count)) - set(labels[first].tolist())  # what touches the first is of the same object
    others = [_region(labels == label, heat, excess, total, info) for label in sorted(apart)]
    return found + sorted(others, key=lambda region: -region.score)[: _MOST - 1]


def _grown(places: Places, heat: Map, cue: int) -> NDArray[np.bool_]:
    """The cells of a cue's worst window, and what joins them: what moves there, or is as hot."""
    rows, columns = places.window(cue)
    window = np.zeros(heat.shape, np.bool_)
    window[rows, columns] = True
    values = heat if cue in (LOOK, FRAME) else places.motion
    strong = values >= _JOINED * float(values[window].max())
    _, labels = cv2.connectedComponents((strong & (values > 0)).astype(np.uint8), connectivity=8)
    inside = np.asarray(labels)[window]
    joined = inside[inside > 0]
    return np.isin(labels, joined) if joined.size else window


def _region(
    cells: NDArray[np.bool_], heat: Map, excess: NDArray[np.floating], total: float, info: SourceInfo
) -> Region:
    """The box of some cells."""
    rows, columns = np.nonzero(cells)
    height, width = view_size(info.height, info.width)
    cell = height / ROWS  # in pixels of the view
    down, across = info.height / height * cell, info.width / width * cell
    top, left = int(rows.min() * down), int(columns.min() * across)
    bottom, right = round((int(rows.max()) + 1) * down), round((int(columns.max()) + 1) * across)
    box = (left, top, max(1, min(right, info.width) - left), max(1, min(bottom, info.height) - top))
    return Region(box, float(heat[cells].max()), float(excess[cells].sum()) / total)
