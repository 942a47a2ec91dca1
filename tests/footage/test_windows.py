"""Windows over clips, their order, the floats made of them, and few-shot tasks."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import synthetic_cache
from tests.caches import Given, noise, write
from vadcli.errors import FootageError
from vadcli.footage.cache import open_cache
from vadcli.footage.episodes import Episodes
from vadcli.footage.windows import WindowLoader, Windows, clip_ranges, split_normal, to_network


def numbered(tmp_path, lengths, name="c.h5"):
    """A cache whose frames hold their clip's number and their own."""
    clips = {}
    for clip, count in enumerate(lengths):
        frames = np.zeros((count, 8, 8, 1), np.uint8)
        frames[:, 0, 0, 0], frames[:, 0, 1, 0] = clip, np.arange(count)
        clips[f"clip{clip}"] = frames
    return open_cache(write(tmp_path / name, clips))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4).filter(lambda lengths: max(lengths) >= 6),
    input_frames=st.integers(1, 5),
    stride=st.integers(1, 4),
)
def test_windows_never_cross_clips_and_leave_none_out(tmp_path, lengths, input_frames, stride):
    with numbered(tmp_path, lengths) as cache:
        windows = Windows(clip_ranges([cache]), input_frames, stride)
        seen = []
        for index in range(len(windows)):
            window = windows[index]
            assert window.shape == (input_frames + 1, 8, 8, 1)
            assert len(window[:, 0, 0, 0].unique()) == 1, "each clip"
            assert (window[:, 0, 1, 0].diff() == 1).all(), "successive frames"
            clip, start = windows.locate(index)
            assert (clip.clip.name, start) == (f"clip{int(window[0, 0, 0, 0])}", int(window[0, 0, 1, 0]))
            seen.append((int(window[0, 0, 0, 0]), int(window[0, 0, 1, 0])))
        expected = [
            (clip, start) for clip, count in enumerate(lengths) for start in range(0, count - input_frames, stride)
        ]
        assert seen == expected


def test_no_window_spans_a_gap(tmp_path):
    with open_cache(write(tmp_path / "c.h5", {"a": Given(noise(20), gaps=(0, 7, 16))})) as cache:
        windows = Windows(clip_ranges([cache]), 4)
        placed = [windows.locate(index) for index in range(len(windows))]
        assert [clip.start + first for clip, first in placed] == [0, 1, 2, *range(7, 12)]
        assert [(clip.start, clip.stop) for clip in clip_ranges([cache])] == [(0, 7), (7, 16), (16, 20)]


def test_network_floats_are_exact_and_in_the_order_of_frames():
    windows = torch.from_numpy(noise(10).reshape(2, 5, 8, 16, 3))
    inputs, target = to_network(windows, "cpu")
    assert inputs.shape == (2, 12, 8, 16) and target.shape == (2, 3, 8, 16)
    assert inputs.dtype == torch.float32
    expected = windows.to(torch.float32) / 127.5 - 1
    assert torch.equal(inputs[1, 3 * 2 + 1], expected[1, 2, :, :, 1])
    assert torch.equal(target[0], expected[0, 4].permute(2, 0, 1))
    assert inputs.min() >= -1 and inputs.max() <= 1
    with pytest.raises(ValueError, match="must be uint8"):
        to_network(windows.float(), "cpu")


def test_clips_shorter_than_a_window_are_named(tmp_path):
    cache = numbered(tmp_path, [4, 3])
    with pytest.raises(FootageError, match=r"c\.h5: the longest clip without a gap has 4 frames, not the 5 that a win"):
        Windows(clip_ranges([cache]), 4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(2, 60), min_size=1, max_size=8), share=st.floats(0.01, 0.6), seed=st.integers(0, 9))
def test_validation_takes_its_share_and_training_keeps_the_rest(tmp_path, lengths, share, seed):
    cache = numbered(tmp_path, lengths)
    train, held = split_normal([cache], share, seed)
    frames = sorted((each.clip.name, frame) for each in [*train, *held] for frame in range(each.start, each.stop))
    assert frames == sorted((f"clip{i}", f) for i, n in enumerate(lengths) for f in range(n)), "every frame once"
    assert train and held
    assert sum(each.num_frames for each in held) <= max(2 * share * sum(lengths), 1)
    again = split_normal([cache], share, seed)
    assert [(r.clip.name, r.start, r.stop) for r in again[1]] == [(r.clip.name, r.start, r.stop) for r in held]


def test_batches_cover_every_window_once_a_pass_and_go_on_as_if_uninterrupted(tmp_path):
    windows = Windows(clip_ranges([numbered(tmp_path, [9, 12])]), 4)
    assert len(windows) == 13
    with WindowLoader(windows, 4, seed=5) as loader:
        batches = [batch for batch, _ in zip(loader, range(13), strict=False)]
        chosen = [index for step in range(13) for index in loader.indices(step)]
    for number in range(4):
        assert sorted(chosen[13 * number : 13 * (number + 1)]) == list(range(13))
    assert chosen[:13] != chosen[13:26], "each pass has an order of its own"
    for step, batch in enumerate(batches):
        assert torch.equal(batch, windows.batch(chosen[4 * step : 4 * step + 4]))
    with WindowLoader(windows, 4, seed=5, first_step=7) as resumed:
        for expected, batch in zip(batches[7:], resumed, strict=False):
            assert torch.equal(batch, expected)
    with WindowLoader(windows, 4, seed=6) as other:
        assert other.indices(0) != chosen[:4]
    with WindowLoader(windows, 30, seed=5) as loader:
        assert sorted(loader.indices(0))[:2] == [0, 0] and next(iter(loader)).shape[0] == 30, "from further passes"


def test_reading_errors_reach_the_consumer(tmp_path):
    cache = numbered(tmp_path, [9])
    windows = Windows(clip_ranges([cache]), 4)
    cache.close()
    cache.path.unlink()
    with WindowLoader(windows, 2, seed=0) as loader, pytest.raises(FootageError, match=r"c.*\.h5: cannot be read"):
        next(iter(loader))


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
