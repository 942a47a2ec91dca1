"""Made-up views: a walker on textured ground, and what else may happen."""

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
    """(H, W, 3) uint8, smooth texture."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(70, 130, (HEIGHT // 8, WIDTH // 8, 3))
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)


@dataclass
class Film:
    """Views of a walker that crosses at two pixels a frame, with sensor noise.

    Attributes:
        frames: how many.
        runs: frames in which it is six times as fast.
        thing: frames in which a large dark thing lies at the lower left.
        light: added to all pixels, by frame.
        still: nobody walks.
        spoilt: frames that `spoil` changes, and which the camera therefore does not see as it should.
    """

    frames: int
    runs: range = range(0)
    thing: range = range(0)
    light: dict[int, int] = field(default_factory=dict)
    still: bool = False
    seed: int = 0
    spoilt: range = range(0)
    spoil: Callable[[np.ndarray], np.ndarray] = lambda view: view

    def __iter__(self) -> Iterator[np.ndarray]:
        rng, place, added = np.random.default_rng(self.seed), float(10 * self.seed % WIDTH), 0
        base = ground()
        for number in range(self.frames):
            view = base.astype(np.int16)
            place += 12 if number in self.runs else 2
            left = round(abs((place + WIDTH) % (2 * (WIDTH - 12)) - (WIDTH - 12)))  # to and fro
            if not self.still:
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


def calibration_of(film: Film) -> Calibration:
    normal = NormalFootage(FPS)
    for frame in observations(film):
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
    """Events that are over."""
    found = (finding.event for outcome in outcomes for finding in outcome.findings)
    return [event for event in found if event.state == "closed"]
