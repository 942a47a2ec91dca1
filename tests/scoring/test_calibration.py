"""What is normal: the baseline of places and rows, its file, how rare each cue is, and the level of alarms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vadcli.scoring.calibration as room
from tests.scoring.views import FPS, Film, observations
from vadcli.errors import CheckpointError, InputError
from vadcli.scoring.baseline import (
    LookFollower,
    LookNormal,
    LookSums,
    MotionNormal,
    RowHistograms,
    Windows,
    held_out_looks,
)
from vadcli.scoring.calibration import Calibration, NormalFootage
from vadcli.scoring.fusion import AREA, CUES, LOOK, Fusion, Rarity
from vadcli.settings import FusionSettings


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.99))
@settings(max_examples=25, deadline=None)
def test_quantiles_of_histograms_are_within_two_percent_of_all_values(seed, share):
    rng = np.random.default_rng(seed)
    values = rng.lognormal(0, 1, (3, 400)).astype(np.float32)
    rows = RowHistograms(3)
    for part in np.array_split(values, 5, axis=1):
        rows.add(part)
    exact = np.quantile(values, share, axis=1, method="lower")
    assert np.allclose(rows.quantiles(share), exact, rtol=0.02)
    assert rows.quantile(share) == pytest.approx(np.quantile(values, share, method="lower"), rel=0.02)


def test_scales_among_movers_do_not_fall_downwards_and_parts_add_up():
    whole, parts = MotionNormal(), [MotionNormal() for _ in range(3)]
    for number, frame in enumerate(observations(Film(60))):
        if frame.cues is not None:
            windows = Windows(frame.cues)
            whole.add(windows)
            parts[number % 3].add(windows)
    scales, again = whole.scales(), MotionNormal.of(parts).scales()
    assert (np.diff(scales.area.ravel()) >= -1e-6).all() and (np.diff(scales.speed.ravel()) >= -1e-6).all()
    assert (scales.area > 0).all() and (scales.speed > 0).all() and (scales.crowd > 0).all()
    for name in ("area", "speed", "crowd"):
        assert np.array_equal(getattr(scales, name), getattr(again, name))


def looks(count, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.uniform(20, 200, (1, 4, 5, 7)) + rng.normal(0, 3, (count, 4, 5, 7))).astype(np.float16)


def test_the_normal_look_is_the_mean_of_each_place_and_one_covariance():
    seen = looks(2000)
    normal = LookSums.of(seen).normal()
    wide = seen.astype(np.float64)
    apart = (wide - wide.mean(0)).reshape(-1, 7)
    covariance = apart.T @ apart / len(apart)
    assert np.allclose(normal.mean, wide.mean(0), atol=1e-2)
    inverse = normal.whitening @ normal.whitening.T
    assert np.allclose(inverse @ covariance, np.eye(7), atol=0.25)
    assert np.mean([normal.distances(frame).mean() for frame in seen]) == pytest.approx(1, abs=0.05)


def test_normal_looks_are_measured_by_what_the_other_parts_taught():
    seen = looks(20)
    normal, strange = held_out_looks(seen)
    own = LookSums.of(np.delete(seen, [0, 1], axis=0)).normal()
    assert strange[0] == pytest.approx(float(np.log(own.distances(seen[0])[:3, :3].mean())), abs=0.7)
    assert isinstance(normal, LookNormal) and len(strange) == 20
    assert held_out_looks(seen[:1])[1].shape == (1,)


def test_the_mean_look_follows_within_minutes_and_from_an_anew_look_at_once():
    seen = looks(100)
    follower = LookFollower(LookSums.of(seen).normal())
    slightly = seen[0].astype(np.float32) + 6
    early = follower.distances(slightly).mean()
    for second in range(2400):
        follower.follow(slightly, float(second))
    assert follower.distances(slightly).mean() < 0.3 * early
    far = seen[0].astype(np.float32) + 80
    assert follower.distances(far).mean() > 9
    follower.begin_anew(far + 4)
    for step in range(50):
        follower.follow(far, 2400 + 0.1 * step)
    assert follower.distances(far).mean() < 1


HOW = FusionSettings()


def footage(seen=None):
    normal = NormalFootage(FPS)
    for frame in seen or observations(Film(120)):
        if frame.cues is not None:
            normal.add(0, frame.time_s, frame.cues)
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
        ("area", None), ("area", np.zeros((30, 1), np.float32)), ("speed", np.ones((3, 1), np.float32)),
        ("crowd", np.full((24, 1), np.nan, np.float32)), ("look_mean", np.zeros((16, 0, 7), np.float32)),
        ("look_whitening", np.eye(7)), ("table", np.zeros((4, 3), np.float32)),
        ("table", np.array([[0, 0, 0, 0, 1], [0, 0, 0, 0, np.nan]], np.float32)),
    ],
)  # fmt: skip
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
        footage(observations(Film(6))).calibrate(HOW)


def test_memory_is_bounded_and_the_table_hardly_changes(monkeypatch):
    seen = observations(Film(600))
    whole = footage(seen).calibrate(HOW)
    monkeypatch.setattr(room, "_MOST_FRAMES", 200)
    monkeypatch.setattr(room, "_MOST_LOOKS", 50)
    thinned = footage(seen)
    assert len(thinned._seen) <= 201 and sum(s.look is not None for s in thinned._seen) <= 51
    again = thinned.calibrate(HOW)
    assert np.allclose(np.median(again.table[:, :3], axis=0), np.median(whole.table[:, :3], axis=0), rtol=0.1)
    assert np.array_equal(again.baseline.rows.area, whole.baseline.rows.area)


def test_the_networks_errors_join_by_clip_and_time():
    normal = footage()
    seen = [frame for frame in observations(Film(120)) if frame.cues is not None]
    normal.measured({(0, frame.time_s): 0.5 for frame in seen[4:]})
    made = normal.calibrate(HOW)
    assert made.has_network and made.facts.frames == len(seen)
    assert np.allclose(made.table[:, -1], 0.5)
    assert not made.without_network().has_network


def table(seconds=60.0, seed=0, network=False):
    rng = np.random.default_rng(seed)
    count = int(4 * seconds)
    values = rng.gamma(4, 0.1, (count, len(CUES)))
    values[:, LOOK] = rng.normal(0.5, 0.3, count)
    values[:, -1] = rng.gamma(4, 1e-3, count) if network else np.nan
    return values


def test_rarity_is_minus_the_log_of_the_share_above_and_exponential_beyond():
    values = np.sort(np.random.default_rng(1).exponential(1, 1000))
    rarity = Rarity.of(values, AREA)
    for place in (0, 500, 800):
        assert float(rarity(values[place])) == pytest.approx(-np.log(1 - place / 1000), abs=1e-9)
    start = np.quantile(values, 0.9)
    scale = (values[values > start] - start).mean()
    assert float(rarity(start + 2 * scale)) == pytest.approx(np.log(10) + 2)
    far = start + 100 * scale
    assert float(rarity(far)) == pytest.approx(12 * (1 + np.log((np.log(10) + 100) / 12)))


def test_a_typical_frame_scores_0_and_the_reference_rate_is_1():
    fusion = Fusion(table(), 60.0, HOW)
    scores = fusion.score(fusion.terms(table()))
    assert np.median(scores) == pytest.approx(0, abs=1e-9)
    assert fusion.threshold(HOW.reference_rate) == pytest.approx(1)


def test_rarer_alarms_begin_higher_and_little_footage_asks_for_more():
    fusion = Fusion(table(600), 600.0, HOW)
    levels = [fusion.threshold(rate) for rate in (60, 12, 4, 1, 0.1)]
    assert levels == sorted(levels) and len(set(levels)) == 5
    long, short = (Fusion(table(seconds), seconds, HOW) for seconds in (3600.0, 10.0))
    assert short.level(1) > long.level(1)


@pytest.mark.parametrize("still", [True, False])
def test_an_object_several_times_above_all_that_was_normal_reaches_the_level(still):
    values = np.zeros((40, len(CUES))) if still else table(10)
    values[:, -1] = np.nan
    fusion = Fusion(values, 10.0, HOW)
    seen = values.max(axis=0)
    seen[:3] = np.maximum(3 * seen[:3], 0.5)
    assert float(fusion.score(fusion.terms(seen))) > fusion.threshold(1)


def test_a_network_is_one_more_cue_of_half_the_weight():
    with_network = Fusion(table(network=True), 60.0, HOW)
    assert with_network.weights.tolist() == [1, 1, 1, HOW.look_weight, HOW.frame_weight]
    without = Fusion(table(), 60.0, HOW)
    assert without.weights[-1] == 0
    assert without.terms(table())[:, -1].tolist() == [0] * 240
