"""A watched source with made-up errors, for tests of what is drawn of it."""

from collections.abc import Iterator, Sequence

import numpy as np

from vadcli.footage.frames import Frame, SourceInfo
from vadcli.rendering.sink import Scorer, Sink
from vadcli.scoring.calibration import fit_calibration
from vadcli.scoring.measuring import Maps, Measured
from vadcli.scoring.watch import Watch
from vadcli.settings import ScoreSettings

SIZE = (120, 160)


def measured(level: float, rng: np.random.Generator) -> Measured:
    heat = np.full((32, 32), 1e-3, np.float32)
    heat[8:16, 16:24] = 1e-2 * level
    noise = rng.uniform(0.95, 1.05, 4) * level
    errors = dict(zip(("frame_error", "frame_peak", "feature_error", "feature_peak"), 1e-2 * noise, strict=True))
    return Measured(errors, Maps(heat, heat.copy()), Maps(heat.repeat(2, 0).repeat(2, 1), heat.copy()))


def watched(name: str = "gate.mp4", fps: float = 10.0) -> Watch:
    rng = np.random.default_rng(0)
    each = [measured(1.0, rng).errors for _ in range(300)]
    calibration = fit_calibration({key: np.array([e[key] for e in each]) for key in each[0]}, fps, ScoreSettings())
    return Watch(name, SourceInfo(name, fps, None, *SIZE), ScoreSettings(), calibration, "adapter")


def frames(levels: Sequence[float | None], fps: float = 10.0) -> Iterator[tuple[Frame, Measured | None]]:
    rng = np.random.default_rng(1)
    for index, level in enumerate(levels):
        picture = np.full((*SIZE, 3), 90, np.uint8)
        picture[:, : index % SIZE[1]] = 120
        frame = Frame(np.full((64, 64, 1), 90, np.uint8), index, index / fps, picture)
        yield frame, None if level is None else measured(level, rng)


def show(sink: Sink, watch: Watch, levels: Sequence[float | None], scorer: Scorer | None = None) -> None:
    """Tell a sink all about a source, as `vad score` does."""
    sink.begin(watch, scorer or Scorer(None, [("model", "tiny")]))
    for frame, one in frames(levels, watch.info.fps):
        assessed, found = watch.add(frame, one)
        sink.frame(watch, frame, assessed)
        for finding in found:
            sink.event(watch, finding)
    for finding in watch.finish():
        sink.event(watch, finding)
    sink.end(watch)
