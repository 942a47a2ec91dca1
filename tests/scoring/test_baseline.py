import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scoring.views import Film, observations
from vadcli.scoring.baseline import (
    LookFollower,
    LookNormal,
    LookSums,
    MotionNormal,
    RowHistograms,
    Windows,
    held_out_looks,
)


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


def test_an_empty_row_and_zeros_have_the_quantile_zero():
    rows = RowHistograms(2)
    rows.add(np.zeros((2, 50), np.float32), np.array([[True] * 50, [False] * 50]))
    assert rows.quantiles(0.9).tolist() == [0, 0]


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
