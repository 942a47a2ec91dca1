"""The frame cache, written and read."""

import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.caches import Given, noise, write
from vadcli.errors import FootageError
from vadcli.footage.cache import CacheFormat, open_cache
from vadcli.footage.cache.draft import DecodedClipWriter, draft_file, find_decoded
from vadcli.footage.cache.hdf5 import lay_out, write_cache
from vadcli.footage.cache.manifest import DTYPES
from vadcli.footage.frames import Frame


def maps(number):
    """Cue maps of a frame; none of the first two, and none after a gap."""
    random = np.random.default_rng(number)
    shapes = {"area": (4, 6), "look": (2, 3, 7), "speed": (4, 6)}
    return {name: random.random(shape).astype(np.float16) for name, shape in shapes.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.integers(1, 6),
    height=st.integers(1, 9),
    width=st.integers(1, 17),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 1000),
    name=st.sampled_from(["a", "scene/clip", "scene/test/01", "ü n/c:1", "frames", "other/frames"]),
)
def test_raw_frames_labels_and_masks_come_back_exactly(tmp_path, frames, height, width, channels, seed, name):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (frames, height, width, channels), dtype=np.uint8)
    masks = random.random((frames, height, width)) < 0.5
    labels, other = random.integers(0, 2, (2, frames), dtype=np.uint8)
    clips = {"other": images[:1], name: Given(images, labels, masks, {"b": other}), "last": images[:1]}
    with open_cache(write(tmp_path / "c.h5", clips)) as cache:
        assert [clip.name for clip in cache.clips] == ["other", name, "last"]
        assert cache.labels("last") is None and cache.masks("last") is None
        clip = cache.clip(name)
        assert (clip.num_frames, clip.has_labels, clip.has_masks, clip.label_variants) == (frames, True, True, ("b",))
        np.testing.assert_array_equal(cache.frames(name), images)
        np.testing.assert_array_equal(cache.frames(name, frames - 1), images[-1:])
        np.testing.assert_array_equal(cache.frames(name, 1, 1), images[:0])
        np.testing.assert_array_equal(cache.labels(name), labels)
        np.testing.assert_array_equal(cache.labels(name, "b"), other)
        np.testing.assert_array_equal(cache.masks(name), masks)
        np.testing.assert_array_equal(cache.masks(name, 0, 1), masks[:1])


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_times_gaps_and_cue_maps_come_back_exactly(tmp_path, codec):
    cues = [None, None, maps(2), maps(3), None, maps(5)]
    times = [0.0, 0.04, 0.1, 0.5, 7.0, 7.01]
    clips = {"b": noise(3), "a": Given(noise(6), cues=cues, times_s=times, gaps=(4,))}
    with open_cache(write(tmp_path / "c.h5", clips, codec)) as cache:
        indices, times_s, gaps = cache.timeline("a")
        assert indices.tolist() == list(range(6)) and times_s.tolist() == times
        assert gaps.tolist() == [number == 4 for number in range(6)]
        for number, expected in enumerate(cues):
            found = cache.cues("a", number)
            assert (found is None) == (expected is None)
            if found:
                assert {name: values.dtype for name, values in found.items()} == dict.fromkeys(expected, np.float16)
                for name, values in expected.items():
                    np.testing.assert_array_equal(found[name], values)
        assert cache.cues("b", 0) is None and cache.clip("b").cues == {}


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_frames_come_back_nearly_and_take_less_room(tmp_path, channels):
    rows, _ = np.mgrid[0:64, 0:64]
    smooth = np.stack([rows * 3 + shift for shift in range(channels)], -1).astype(np.uint8)
    frames = np.stack([smooth, smooth[:, ::-1]])
    with open_cache(write(tmp_path / "c.h5", {"a": frames}, codec="jpeg")) as cache:
        assert cache.codec == "jpeg"
        np.testing.assert_allclose(cache.frames("a").astype(int), frames, atol=6)
        assert cache.frames("a", 0, 0).shape == (0, 64, 64, channels)
        assert cache.clips[0].stored_bytes < smooth.size


def test_an_unknown_clip_or_variant_is_named(tmp_path):
    with open_cache(write(tmp_path / "c.h5", {"a": Given(noise(2), [0, 0])})) as cache:
        with pytest.raises(FootageError, match=r"no clip b\. It holds: a"):
            cache.frames("b")
        with pytest.raises(FootageError, match="no label variant other"):
            cache.labels("a", "other")
        with pytest.raises(ValueError, match="frames 0 to 3 of clip a, which has 2"):
            cache.frames("a", 0, 3)


def first_pixels(cache):
    return cache.frames("a")[:, 0, 0, 0].tolist()


def test_a_cache_works_in_another_process_after_use_in_this_one(tmp_path):
    frames = noise(4)
    with open_cache(write(tmp_path / "c.h5", {"a": frames})) as cache:
        cache.frames("a")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            assert pool.submit(first_pixels, cache).result() == frames[:, 0, 0, 0].tolist()
        with pickle.loads(pickle.dumps(cache)) as again:
            np.testing.assert_array_equal(again.frames("a"), frames)
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:  # the file's own position is shared
            for _ in range(20):
                answer = pool.submit(first_pixels, cache)
                np.testing.assert_array_equal(cache.frames("a", 1, 3), frames[1:3])
                assert answer.result() == frames[:, 0, 0, 0].tolist()


def test_an_open_cache_is_read_by_many_threads_at_once_and_on_when_another_takes_its_place(tmp_path):
    frames, path = noise(200, (32, 32)), tmp_path / "c.h5"
    with open_cache(write(path, {"a": frames})) as cache, ThreadPoolExecutor(8) as pool:
        for start, got in enumerate(pool.map(lambda start: cache.frames("a", start, start + 5), range(190))):
            np.testing.assert_array_equal(got, frames[start : start + 5])
        write(tmp_path / "new.h5", {"b": noise(9), "a": noise(4, seed=1)}).replace(path)
        np.testing.assert_array_equal(cache.frames("a"), frames)


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_the_same_clips_give_the_same_bytes_whether_decoded_or_taken_over_from_an_earlier_cache(tmp_path, codec):
    clips = {"b": noise(3, seed=1), "a": Given(noise(2), [0, 1], np.ones((2, 8, 16), bool), cues=[None, maps(1)])}
    with open_cache(write(tmp_path / "c.h5", clips, codec)) as cache:
        write_cache(tmp_path / "d.h5", cache.form, [cache.stored(name) for name in "ab"])
        write(tmp_path / "e.h5", {name: clips[name] for name in "ab"}, codec)
    assert (tmp_path / "d.h5").read_bytes() == (tmp_path / "e.h5").read_bytes()


def test_a_cache_is_plain_hdf5_that_other_programs_read(tmp_path):
    frames = noise(3)
    with h5py.File(write(tmp_path / "c.h5", {"a": frames, "b": Given(noise(2), [0, 1])})) as file:
        assert sorted(file) == ["frames", "gaps", "has_cues", "indices", "labels", "manifest", "times_s"]
        np.testing.assert_array_equal(file["frames"][: frames.size].reshape(frames.shape), frames)
        assert file["labels"][:].tolist() == [0, 1] and not file.attrs and not file["frames"].attrs


def draft(folder, name="a"):
    return DecodedClipWriter(folder, name, CacheFormat((8, 16), 3, "raw"), 95)


FRAME = Frame(noise(1, (32, 32))[0], 0, 0.0)


def test_a_decoded_clip_is_found_again_only_if_it_is_whole(tmp_path):
    began = datetime(2025, 11, 25, 10, tzinfo=UTC)
    with draft(tmp_path) as writer:
        writer.write(FRAME, noise(1)[0], maps(0))
        part = writer.finish(replace(Given(noise(1)).record("a"), began=began), {})
    form = CacheFormat((8, 16), 3, "raw")
    assert find_decoded(tmp_path, form, "a").clip == part.clip and find_decoded(tmp_path, form, "b") is None
    for suffix, content in (("cues", b"short"), ("json", b"{"), ("json", b"{}")):
        file = draft_file(tmp_path, "a", suffix)
        before = file.read_bytes()
        file.write_bytes(content)
        assert find_decoded(tmp_path, form, "a") is None
        file.write_bytes(before)
    draft_file(tmp_path, "a", "frames").write_bytes(b"short")
    assert find_decoded(tmp_path, form, "a") is None


def test_descriptions_lie_before_the_arrays_however_large_these_are(tmp_path):
    arrays = {"manifest": (np.dtype("u1"), 1000), **{name: (dtype, 1 << 34) for name, dtype in DTYPES.items()}}
    head, offsets, length = lay_out(arrays)
    assert len(head) < 1 << 16 and max(offsets.values()) < length
    with (tmp_path / "c.h5").open("wb") as file:
        file.write(head)
        file.truncate(length)  # which takes no room
    with h5py.File(tmp_path / "c.h5") as file:
        for name, (dtype, count) in arrays.items():
            assert (file[name].shape, file[name].dtype) == ((count,), dtype)
            assert file[name].id.get_offset() == offsets[name] and file[name][-1] == 0
