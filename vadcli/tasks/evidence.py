"""Scores of labelled clips by the code of `vad score`, with their labels; their regions, with their masks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import InputError
from vadcli.evaluation.evidence import CUES, FEATURE, FLOW, FRAME, LIVE, MOVING, Evidence
from vadcli.evaluation.localisation import Localiser, Maps, Masks
from vadcli.footage.opencv import cv2
from vadcli.progress import Progress
from vadcli.scoring.baseline import Windows
from vadcli.scoring.cues import CueMaps
from vadcli.scoring.engine import Opener
from vadcli.scoring.errors import FEATURE_ERROR, FRAME_ERROR
from vadcli.scoring.events import Box
from vadcli.scoring.run import Finished, Started, Stepped
from vadcli.scoring.scorer import ScoredFrame
from vadcli.settings import Settings
from vadcli.tasks.labelled import LabelledClip
from vadcli.tasks.scoring_model import ScoringModel


def evidence_of(
    model: ScoringModel,
    clips: Sequence[LabelledClip],
    settings: Settings,
    progress: Progress,
    judges: "Judges | None" = None,
) -> Iterator[Evidence]:
    """Scores of labelled clips, frame by frame, by the code of `vad score`."""
    run = model.run(settings.score)
    frames: dict[str, list[ScoredFrame]] = {}
    maps: dict[str, ClipMaps] = {}
    progress.start("scoring", sum(clip.length or 0 for clip in clips) or None)
    with closing(run.run([Opener(clip.open) for clip in clips], [clip.name for clip in clips])) as steps:
        for step in steps:
            if isinstance(step, Started):
                frames[step.scorer.name] = []
            elif isinstance(step, Stepped):
                frame = step.outcome.frame
                if frame.record is not None and frame.record.score is not None:
                    frames[step.scorer.name].append(_slim(frame))
                    if judges is not None and clips[0].masks:
                        maps.setdefault(step.scorer.name, ClipMaps()).add(frame)
                progress.advance()
            elif isinstance(step, Finished):
                if step.ended.error is not None:
                    raise step.ended.error
                clip, scorer = clips[step.source], step.scorer
                own = frames.pop(clip.name, [])
                if scorer is None or not own:
                    raise InputError(
                        f"{clip.name}: no frame of it could be scored. Leave it out, or use fewer --shots."
                    )
                evidence = _evidence(clip, own, scorer.info.fps, scorer.threshold)
                if judges is not None and clip.masks is not None:
                    judges.add(maps.pop(clip.name), clip.masks(evidence.frames))
                yield evidence


def _slim(frame: ScoredFrame) -> ScoredFrame:
    """A scored frame without its maps."""
    return replace(frame, places=None, fusion=None, observation=replace(frame.observation, image=None))


def _evidence(clip: LabelledClip, frames: Sequence[ScoredFrame], fps: float, threshold: float | None) -> Evidence:
    records = [frame.record for frame in frames if frame.record is not None]
    indices = np.array([record.frame for record in records])
    signals = {cue: [getattr(record, cue) for record in records] for cue in CUES}
    signals |= {LIVE: [record.score for record in records]}
    for name, error in ((FRAME, FRAME_ERROR), (FEATURE, FEATURE_ERROR)):
        signals[name] = [frame.errors.numbers.get(error) if frame.errors else None for frame in frames]
    known = {name: np.array(values, np.float64) for name, values in signals.items() if None not in values}
    known |= controls_of([frame.observation.cues for frame in frames])
    times = np.array([record.time_s for record in records])
    return Evidence(clip.name, clip.scene, fps, indices, clip.labels(indices), known, times, threshold)


def controls_of(frames: Sequence[CueMaps | None]) -> dict[str, NDArray[np.float64]]:
    """The controls of each frame, (n,) each: its worst window of moving pixels and of their flow; 0 without maps."""
    windows = [None if maps is None else Windows(maps) for maps in frames]
    return {
        MOVING: np.array([0.0 if window is None else window.area.max() for window in windows], np.float64),
        FLOW: np.array([0.0 if window is None else window.speed.max() for window in windows], np.float64),
    }


class ClipMaps:
    """Coarse maps of every scored frame of a clip: the program's heat and regions, its error, and controls."""

    def __init__(self) -> None:
        self._coarse: dict[str, list[NDArray[np.float32]]] = {}
        self._regions: list[list[tuple[Box, float]]] = []
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
        self._regions.append([(region.box, region.score) for region in frame.regions])
        self._size = (frame.info.height, frame.info.width)

    def stretched(self, height: int, width: int) -> Iterator[tuple[str, Maps]]:
        """Each kind of map at the size of masks, (n, H, W)."""
        for kind, frames in self._coarse.items():
            large = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in frames]
            yield kind, np.stack(large).astype(np.float32)

    def painted(self, height: int, width: int) -> Maps:
        """Every region of the program as a box of its score, (n, H, W), 0 elsewhere."""
        painted = np.zeros((len(self._regions), height, width), np.float32)
        down, across = height / self._size[0], width / self._size[1]
        for canvas, regions in zip(painted, self._regions, strict=True):
            for (x, y, w, h), score in sorted(regions, key=lambda region: region[1]):
                rows = slice(int(y * down), max(int(y * down) + 1, round((y + h) * down)))
                columns = slice(int(x * across), max(int(x * across) + 1, round((x + w) * across)))
                canvas[rows, columns] = max(score, 0.0)
        return painted


class Judges:
    """Localisation by each kind of map, over all clips of a data set."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Localiser] = {}

    def add(self, maps: ClipMaps, masks: Masks) -> None:
        """The maps of one clip, against its masks (n, H, W)."""
        _, height, width = masks.shape
        for kind, values in maps.stretched(height, width):
            regions = maps.painted(height, width) if kind == "live" else None
            self._by_kind.setdefault(kind, Localiser()).add(values, masks, regions=regions)

    def rows(self, shots: int) -> tuple[Mapping[str, Any], ...]:
        """Figures of each kind of map."""
        found = {kind: judge.scores_of_all() for kind, judge in self._by_kind.items()}
        return tuple({"shots": shots, "map": kind, **asdict(each)} for kind, each in found.items() if each is not None)
