"""Few-shot tasks."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import synthetic_cache
from tests.footage.test_windows import numbered
from vadcli.errors import FootageError
from vadcli.footage.cache import open_cache
from vadcli.footage.episodes import Episodes
from vadcli.footage.windows import clip_ranges


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shots=st.integers(1, 6),
    queries=st.integers(1, 6),
    input_frames=st.integers(1, 4),
    spare=st.integers(0, 40),
    index=st.integers(0, 50),
)
def test_support_and_query_are_sorted_and_share_no_frame(tmp_path, shots, queries, input_frames, spare, index):
    count = shots + queries + 2 * input_frames + spare
    with numbered(tmp_path, [count]) as cache:
        episode = Episodes([cache], input_frames, shots, queries, seed=1).episode(index)
        length = input_frames + 1
        assert episode.support.shape == (shots, length, 8, 8, 1) and episode.query.shape[0] == queries
        both = (episode.support, episode.query)
        support, query = (set(windows[:, :, 0, 1, 0].flatten().tolist()) for windows in both)
        assert not support & query
        for starts, windows in ((episode.support_starts, episode.support), (episode.query_starts, episode.query)):
            assert list(starts) == sorted(set(starts)) and starts[-1] + length <= count
            assert windows[:, 0, 0, 1, 0].tolist() == list(starts)
        if count >= (shots + queries) * length:
            assert len(support) == shots * length and len(query) == queries * length, "no two windows overlap"


def test_episodes_are_the_same_for_the_same_seed_in_any_order(tmp_path):
    cache = open_cache(synthetic_cache.write(tmp_path / "c.h5", scenes=3, clips=2, frames=60))
    first, second = (Episodes([cache], 4, 3, 2, seed=7) for _ in range(2))
    later = second.episode(5)
    for _ in range(5):
        second.episode(0)
    assert torch.equal(first.episode(5).support, later.support) and first.episode(5).clip == later.clip
    assert torch.equal(first.episode(5).query, later.query)
    others = Episodes([cache], 4, 3, 2, seed=8)
    assert any(first.episode(i).support_starts != others.episode(i).support_starts for i in range(5))


def test_scenes_are_drawn_alike_however_much_footage_each_has(tmp_path):
    little = open_cache(synthetic_cache.write(tmp_path / "1.h5", scenes=1, clips=1, frames=40))
    much = open_cache(synthetic_cache.write(tmp_path / "2.h5", scenes=2, clips=9, frames=40))
    ranges = [*clip_ranges([little]), *(one for one in clip_ranges([much]) if one.clip.scene == "s1")]
    episodes = Episodes([little, much], 4, 2, 2, seed=0, clips=ranges)
    drawn = Counter(episodes.episode(index).scene for index in range(400))
    assert set(drawn) == {"s0", "s1"} == set(episodes.scenes)
    assert abs(drawn["s0"] - 200) < 50
    assert all(episodes.episode(index).clip.startswith(episodes.episode(index).scene) for index in range(10))


def test_windows_of_an_episode_are_those_of_its_clip(tmp_path):
    cache = open_cache(synthetic_cache.write(tmp_path / "c.h5", frames=60))
    episode = Episodes([cache], 4, 3, 3, seed=0).episode(2)
    start = episode.query_starts[1]
    np.testing.assert_array_equal(episode.query[1].numpy(), cache.frames(episode.clip, start, start + 5))
    assert cache.clip(episode.clip).split == "train"


def test_clips_that_are_too_short_are_named(tmp_path):
    with numbered(tmp_path, [17]) as cache:
        with pytest.raises(FootageError, match=r"no clip has 18 frames, .*the longest has 17"):
            Episodes([cache], 4, 5, 5, seed=0)
        assert Episodes([cache], 4, 5, 4, seed=0).episode(0).support.shape[0] == 5
