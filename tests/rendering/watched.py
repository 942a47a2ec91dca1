"""A scored source with made-up cues, for tests of what is drawn of it."""

from collections.abc import Iterator, Sequence

import numpy as np

from vadcli.footage.frames import SourceInfo
from vadcli.rendering.sink import Lineage, Sink
from vadcli.scoring.calibration import Calibration, NormalFootage
from vadcli.scoring.cues import CueMaps
from vadcli.scoring.observing import Observation
from vadcli.scoring.scorer import Outcome, SourceScorer
from vadcli.settings import ScoreSettings

SIZE = (120, 160)
LOOK = np.random.default_rng(2).uniform(40, 160, (16, 21, 7))


def cues(level: float, rng: np.random.Generator) -> CueMaps:
    """Something moves in the middle right, `level` times as fast as usual."""
    area, speed = np.zeros((2, 32, 43), np.float16)
    area[16:24, 26:34] = 0.4 * rng.uniform(0.9, 1.1)
    speed[16:24, 26:34] = level * rng.uniform(0.9, 1.1)
    return CueMaps(area, speed, (LOOK + rng.normal(0, 1, LOOK.shape)).astype(np.float16))


def calibration(fps: float) -> Calibration:
    rng, normal = np.random.default_rng(0), NormalFootage(fps)
    for index in range(600):
        normal.add(0, index / fps, cues(1.0, rng))
    return normal.calibrate(ScoreSettings().fusion)


def watched(name: str = "gate.mp4", fps: float = 10.0) -> SourceScorer:
    return SourceScorer(name, SourceInfo(name, fps, None, *SIZE), ScoreSettings(), calibration(fps))


def observed(levels: Sequence[float | None], fps: float = 10.0) -> Iterator[Observation]:
    rng = np.random.default_rng(1)
    for index, level in enumerate(levels):
        picture = np.full((*SIZE, 3), 90, np.uint8)
        picture[:, : index % SIZE[1]] = 120
        image = np.full((64, 64, 1), 90, np.uint8)
        yield Observation(index, index / fps, False, image, None if level is None else cues(level, rng), picture)


def outcomes(scorer: SourceScorer, levels: Sequence[float | None]) -> Iterator[Outcome]:
    for observation in observed(levels, scorer.info.fps):
        yield from scorer.add(observation, None, measured=observation.cues is not None)


def show(sink: Sink, scorer: SourceScorer, levels: Sequence[float | None], lineage: Lineage | None = None) -> None:
    sink.begin(scorer, lineage or [("model", "tiny")])
    for outcome in outcomes(scorer, levels):
        sink.frame(scorer, outcome.frame)
        for finding in outcome.findings:
            (sink.begun if finding.event.state == "open" else sink.event)(scorer, finding)
    for finding in scorer.last():
        sink.event(scorer, finding)
    sink.end(scorer)
