import numpy as np
import pytest

import vadcli.scoring.calibration as room
from tests.scoring.views import FPS, Film, observations
from vadcli.errors import CheckpointError, InputError
from vadcli.scoring.calibration import Calibration, NormalFootage
from vadcli.settings import FusionSettings

HOW = FusionSettings()


def footage(film=None, error=float("nan")):
    normal = NormalFootage(FPS)
    for frame in observations(film or Film(120)):
        if frame.cues is not None:
            normal.add(0, frame.time_s, frame.cues, error)
    return normal


def test_a_calibration_comes_back_from_its_file_as_it_was():
    made = footage().calibrate(HOW)
    read = Calibration.read(made.facts.model_dump(mode="json"), made.arrays(), "a")
    values = made.table[5].astype(float)
    assert np.array_equal(read.table, made.table, equal_nan=True) and read.facts == made.facts
    assert read.fusion.threshold(1) == made.fusion.threshold(1)
    assert np.array_equal(read.fusion.terms(values), made.fusion.terms(values))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("area", None),
        ("area", np.zeros((30, 1), np.float32)),
        ("speed", np.ones((3, 1), np.float32)),
        ("crowd", np.full((24, 1), np.nan, np.float32)),
        ("look_mean", np.zeros((16, 0, 7), np.float32)),
        ("look_whitening", np.eye(7)),
        ("table", np.zeros((4, 3), np.float32)),
        ("table", np.array([[0, 0, 0, 0, 1], [0, 0, 0, 0, np.nan]], np.float32)),
    ],
)
def test_a_strangers_arrays_are_refused_by_name(name, value):
    made = footage().calibrate(HOW)
    arrays = made.arrays() | {name: value}
    if value is None:
        del arrays[name]
    with pytest.raises(CheckpointError, match=f"calibration: {name}.*Adapt again"):
        Calibration.read(made.facts.model_dump(mode="json"), arrays, "a")


@pytest.mark.parametrize("facts", [None, {}, {"version": 3}, {"version": room.VERSION, "fps": -1}])
def test_other_versions_and_facts_that_cannot_be_are_refused(facts):
    with pytest.raises(CheckpointError, match="Adapt again"):
        Calibration.read(facts, footage().calibrate(HOW).arrays(), "a")


def test_too_little_footage_is_said():
    with pytest.raises(InputError, match="needs 8"):
        footage(Film(6)).calibrate(HOW)


def test_memory_is_bounded_and_the_table_hardly_changes(monkeypatch):
    whole = footage(Film(600)).calibrate(HOW)
    monkeypatch.setattr(room, "_MOST_FRAMES", 200)
    monkeypatch.setattr(room, "_MOST_LOOKS", 50)
    thinned = footage(Film(600))
    assert len(thinned._seen) <= 201 and sum(s.look is not None for s in thinned._seen) <= 51
    again = thinned.calibrate(HOW)
    assert np.allclose(np.median(again.table[:, :3], axis=0), np.median(whole.table[:, :3], axis=0), rtol=0.1)
    assert np.array_equal(again.baseline.rows.area, whole.baseline.rows.area)


def test_parts_are_the_whole():
    parts = [NormalFootage(FPS) for _ in range(2)]
    for frame in observations(Film(120)):
        if frame.cues is not None:
            parts[frame.index >= 60].add(0, frame.time_s, frame.cues)
    assert np.allclose(NormalFootage.of(parts).calibrate(HOW).table, footage().calibrate(HOW).table, equal_nan=True)


def test_the_networks_errors_join_by_clip_and_time():
    normal = footage()
    seen = [frame for frame in observations(Film(120)) if frame.cues is not None]
    normal.measured({(0, frame.time_s): 0.5 for frame in seen[4:]})
    made = normal.calibrate(HOW)
    assert made.has_network and made.facts.frames == len(seen)
    assert np.allclose(made.table[:, -1], 0.5)
    assert not made.without_network().has_network
