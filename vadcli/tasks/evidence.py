"""Scores of labelled clips by the code of `vad score`, with their labels; their regions, with their masks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from vadcli.errors import InputError
from vadcli.evaluation.evidence import CUES, FEATURE, FLOW, FRAME, LIVE, MOVING, Evidence
from vadcli.evaluation.localisation import Localiser
from vadcli.progress import Progress
from vadcli.scoring.baseline import Windows
from vadcli.scoring.engine import Opener
from vadcli.scoring.errors import FEATURE_ERROR, FRAME_ERROR
from vadcli.scoring.run import Finished, Started
from vadcli.scoring.scorer import ScoredFrame
from vadcli.settings import Settings
from vadcli.tasks.labelled import LabelledClip
from vadcli.tasks.maps import ClipMaps
from vadcli.tasks.ready import Ready


def evidence_of(
    ready: Ready,
    clips: Sequence[LabelledClip],
    openers: Sequence[Callable[[], Any]],
    settings: Settings,
    progress: Progress,
    judges: "Judges | None" = None,
) -> Iterator[Evidence]:
    """Scores of labelled clips, frame by frame, by the code of `vad score`."""
    run = ready.run(settings.score)
    frames: dict[str, list[ScoredFrame]] = {}
    maps: dict[str, ClipMaps] = {}
    progress.start("scoring")
    with closing(run.run([Opener(opener) for opener in openers], [clip.name for clip in clips])) as steps:
        for step in steps:
            if isinstance(step, Started):
                frames[step.scorer.name] = []
            elif not isinstance(step, Finished):
                frame = step.outcome.frame
                if frame.record is not None and frame.record.score is not None:
                    frames[step.scorer.name].append(_slim(frame))
                    if judges is not None and clips[0].masks:
                        maps.setdefault(step.scorer.name, ClipMaps()).add(frame)
                progress.advance()
            else:
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
    windows = [Windows(frame.observation.cues) for frame in frames if frame.observation.cues is not None]
    signals = {
        LIVE: [record.score for record in records],
        MOVING: [window.area.max() for window in windows],
        FLOW: [window.speed.max() for window in windows],
    } | {cue: [getattr(record, cue) for record in records] for cue in CUES}
    for name, error in ((FRAME, FRAME_ERROR), (FEATURE, FEATURE_ERROR)):
        signals[name] = [frame.errors.numbers.get(error) if frame.errors else None for frame in frames]
    known = {name: np.array(values, np.float64) for name, values in signals.items() if None not in values}
    times = np.array([record.time_s for record in records])
    return Evidence(clip.name, clip.scene, fps, indices, clip.labels(indices), known, times, threshold)


class Judges:
    """Localisation of the program's regions and heat, of its error, and of controls, over all clips of a data set."""

    def __init__(self) -> None:
        self._every: dict[str, Localiser] = {}

    def add(self, maps: ClipMaps, masks: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """The maps of one clip, against its masks (n, H, W)."""
        for kind, values, boxes in maps.stretched(masks.shape[1:]):
            self._every.setdefault(kind, Localiser()).add(values, masks, regions=boxes)

    def rows(self, shots: int) -> tuple[Mapping[str, Any], ...]:
        """Figures of each kind of map."""
        found = {kind: judge.scores_of_all() for kind, judge in self._every.items()}
        return tuple({"shots": shots, "map": kind, **asdict(each)} for kind, each in found.items() if each is not None)
