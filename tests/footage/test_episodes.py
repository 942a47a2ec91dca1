"""Few-shot tasks."""

from collections import Counter

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
        episode = Episodes(clip_ranges([cache]), input_frames, shots, queries, seed=1).episode(index)
        length = input_frames + 1
        assert episode.support.shape == (shots, length, 8, 8, 1) and episode.query.shape[0] == queries
        both = (episode.support, episode.query)
        support, query = (set(windows[:, :, 0, 1, 0].flatten().tolist()) for windows in both)
        assert not support & query
        for windows in both:
            starts = windows[:, 0, 0, 1, 0].tolist()
            assert starts == sorted(set(starts)) and starts[-1] + length <= count
            assert (windows[:, :, 0, 1, 0].diff(dim=1) == 1).all()
        if count >= (shots + queries) * length:
            assert len(support) == shots * length and len(query) == queries * length, "no two windows overlap"


def test_episodes_are_the_same_for_the_same_seed_in_any_order(tmp_path):
    ranges = clip_ranges([open_cache(synthetic_cache.write(tmp_path / "c.h5", scenes=3, clips=2, frames=60))])
    first, second = (Episodes(ranges, 4, 3, 2, seed=7) for _ in range(2))
    later = second.episode(5)
    for _ in range(5):
        second.episode(0)
    assert torch.equal(first.episode(5).support, later.support) and first.episode(5).clip == later.clip
    assert torch.equal(first.episode(5).query, later.query)
    others = Episodes(ranges, 4, 3, 2, seed=8)
    assert any(not torch.equal(first.episode(i).support, others.episode(i).support) for i in range(5))


def test_scenes_are_drawn_alike_however_much_footage_each_has(tmp_path):
    little = open_cache(synthetic_cache.write(tmp_path / "1.h5", scenes=1, clips=1, frames=40))
    much = open_cache(synthetic_cache.write(tmp_path / "2.h5", scenes=2, clips=9, frames=40))
    ranges = [*clip_ranges([little]), *(each for each in clip_ranges([much]) if each.clip.scene == "s1")]
    drawn = [Episodes(ranges, 4, 2, 2, seed=0).episode(index) for index in range(400)]
    scenes = Counter(episode.scene for episode in drawn)
    assert set(scenes) == {"s0", "s1"} and abs(scenes["s0"] - 200) < 50
    assert all(episode.clip.startswith(episode.scene) for episode in drawn)


def test_clips_that_are_too_short_are_named(tmp_path):
    with numbered(tmp_path, [17]) as cache:
        ranges = clip_ranges([cache])
        with pytest.raises(FootageError, match=r"has 17 frames, not the 18 that 5 support and 5 query windows need"):
            Episodes(ranges, 4, 5, 5, seed=0)
        assert Episodes(ranges, 4, 5, 4, seed=0).episode(0).support.shape[0] == 5
