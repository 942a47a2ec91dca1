import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vadcli.scoring.fusion import AREA, CUES, LOOK, Fusion, Rarity
from vadcli.settings import FusionSettings

HOW = FusionSettings()


def table(seconds=60.0, seed=0, network=False):
    """Four rows a second."""
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


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_rarity_never_falls(seed):
    rarity = Rarity.of(np.random.default_rng(seed).gamma(2, 1, 50), AREA)
    assert (np.diff(rarity(np.linspace(-1, 100, 500))) >= -1e-12).all()


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
