"""Made-up views: a walker on textured ground, and what else may happen."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from vadcli.footage.frames import SourceInfo
from vadcli.scoring.calibration import Calibration, NormalFootage
from vadcli.scoring.cues import CueMaker
from vadcli.scoring.measuring import FrameErrors
from vadcli.scoring.observing import Observation
from vadcli.scoring.scorer import Outcome, SourceScorer
from vadcli.settings import ScoreSettings

HEIGHT, WIDTH, FPS = 128, 192, 10.0


def ground(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(70, 130, (HEIGHT // 8, WIDTH // 8, 3))
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)


@dataclass
class Film:
    """Views of a walker that crosses at two pixels a frame, with sensor noise."""

    frames: int
    runs: range = range(0)  # in which it is six times as fast
    thing: range = range(0)  # in which a large dark thing lies at the lower left
    light: dict[int, int] = field(default_factory=dict)  # added to all pixels, by frame
    seed: int = 0
    spoilt: range = range(0)  # that `spoil` changes: the camera does not see as it should
    spoil: Callable[[np.ndarray], np.ndarray] = lambda view: view

    def __iter__(self) -> Iterator[np.ndarray]:
        rng, place, added = np.random.default_rng(self.seed), float(10 * self.seed % WIDTH), 0
        base = ground()
        for number in range(self.frames):
            view = base.astype(np.int16)
            place += 12 if number in self.runs else 2
            left = round(abs((place + WIDTH) % (2 * (WIDTH - 12)) - (WIDTH - 12)))  # to and fro
            view[60:84, left : left + 12] = 210
            if number in self.thing:  # its shadow grows, so that nothing moves
                view[90:120, 10:50] -= min(3 * (number - self.thing.start), 60)
            added = self.light.get(number, added)
            noisy = view + added + rng.normal(0, 1.5, view.shape)
            seen = np.clip(noisy, 0, 255).astype(np.uint8)
            yield self.spoil(seen) if number in self.spoilt else seen


def observations(film: Film, fps: float = FPS) -> list[Observation]:
    maker = CueMaker(fps)
    return [Observation(i, i / fps, False, None, maker(view, i / fps), view) for i, view in enumerate(film)]


@functools.cache
def calibration() -> Calibration:
    normal = NormalFootage(FPS)
    for frame in observations(Film(300, seed=1)):
        if frame.cues is not None:
            normal.add(0, frame.time_s, frame.cues)
    return normal.calibrate(ScoreSettings().fusion)


def info(frames: int | None = None, fps: float = FPS) -> SourceInfo:
    return SourceInfo("gate.mp4", fps, frames, HEIGHT, WIDTH, None if frames is None else frames / fps)


def run(scorer: SourceScorer, seen: list[Observation], errors: FrameErrors | None = None) -> list[Outcome]:
    """All outcomes of a source, in order; the event at its end is added to the last."""
    found = [o for frame in seen for o in scorer.add(frame, errors, measured=frame.cues is not None)]
    found += list(scorer.finish())
    last = scorer.last()
    return [*found[:-1], Outcome(found[-1].frame, [*found[-1].findings, *last])] if found else []


def events(outcomes: list[Outcome]) -> list:
    found = (finding.event for outcome in outcomes for finding in outcome.findings)
    return [event for event in found if event.state == "closed"]
