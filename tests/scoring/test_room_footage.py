"""Four hours of one room: alarms come about as often as asked for."""

from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from vadcli.scoring.lanes import Opener

from tests.scoring.footage import T, repeat_last
from vadcli.footage.source import open_source
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.calibration import Calibration, fit_calibration
from vadcli.scoring.engine import Engine, Scored
from vadcli.scoring.events import EventFinder
from vadcli.scoring.measuring import Measurer
from vadcli.settings import ScoreSettings

FPS = 5.0


def errors_of(path: Path) -> dict[str, np.ndarray]:
    """Errors of predicting that nothing moves, a number a frame."""
    engine = Engine(Measurer(repeat_last, torch.device("cpu"), pool=16), T, batch_size=64)
    values = defaultdict(list)
    for item in engine.run([Opener(partial(open_source, str(path), size=(32, 64), channels=1))]):
        if isinstance(item, Scored) and item.measured:
            for name, value in item.measured.errors.items():
                values[name].append(value)
    return {name: np.array(one) for name, one in values.items()}


def events_of(errors: dict[str, np.ndarray], calibration: Calibration, settings: ScoreSettings) -> int:
    finder = EventFinder("room", calibration.threshold(12), AlarmRule.of(settings), 1 / FPS)
    events = 0
    for index, score in enumerate(calibration.score(errors)):
        events += sum(1 for _ in finder.add(index, index / FPS, float(score), None))
    return events + sum(1 for _ in finder.finish())


@pytest.mark.footage
@pytest.mark.slow
def test_twelve_alarms_an_hour_are_12_to_48_in_the_two_hours_of_the_next_day(footage: Path):
    settings = ScoreSettings(feature_share=0.0)  # these made-up features are the room's light, which drifts
    hours = {path.stem: errors_of(path) for path in sorted((footage / "scenes").glob("room_*.mp4"))}
    first, second = ([hours[name] for name in hours if name.startswith(day)] for day in ("room_05", "room_06"))
    calibration = fit_calibration(first, FPS, settings)
    assert 12 <= sum(events_of(errors, calibration, settings) for errors in second) <= 48
    assert 16 <= sum(events_of(errors, calibration, settings) for errors in first) <= 36
