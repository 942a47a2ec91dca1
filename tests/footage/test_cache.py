"""The frame cache, written and read."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vadcli.errors import FootageError
from vadcli.footage.cache import open_cache
from vadcli.footage.cache.decoded import CacheFormat, DecodedClipWriter, draft_key, encode_jpeg, find_decoded
from vadcli.footage.cache.writer import write_cache

INFO = {"scene": "s", "split": "train", "fps": 25.0, "source": "s.mp4", "sha256": "0", "stamp": "1", "recipe": "2"}


def write(tmp_path, clips, codec="raw", arrays=None, name="c.h5"):
    """A cache of `clips`: names to frames (n, H, W, C)."""
    first = next(iter(clips.values()))
    form = CacheFormat(first.shape[1:3], first.shape[3], codec)
    parts = []
    for clip, frames in clips.items():
        with DecodedClipWriter(tmp_path, clip, form, 95) as writer:
            for frame in frames:
                writer.write(frame)
            parts.append(writer.finish(INFO, (arrays or {}).get(clip, {})))
    write_cache(tmp_path / name, form, parts)
    return tmp_path / name


def noise(frames, size=(8, 16), channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (frames, *size, channels), dtype=np.uint8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.integers(1, 6),
    height=st.integers(1, 9),
    width=st.integers(1, 17),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 1000),
    name=st.sampled_from(["a", "scene/clip", "scene/test/01", "ü n/c:1", "frames"]),
)
def test_raw_frames_labels_and_masks_come_back_exactly(tmp_path, frames, height, width, channels, seed, name):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (frames, height, width, channels), dtype=np.uint8)
    masks = random.random((frames, height, width)) < 0.5
    labels, other = random.integers(0, 2, (2, frames), dtype=np.uint8)
    arrays = {"labels": labels, "masks": np.packbits(masks.reshape(frames, -1), axis=1), "variants/b": other}
    with open_cache(write(tmp_path, {name: images}, arrays={name: arrays})) as cache:
        assert [clip.name for clip in cache.clips] == [name]
        clip = cache.clip(name)
        assert (clip.num_frames, clip.has_labels, clip.has_masks, clip.label_variants) == (frames, True, True, ("b",))
        np.testing.assert_array_equal(cache.frames(name), images)
        np.testing.assert_array_equal(cache.frames(name, frames - 1), images[-1:])
        np.testing.assert_array_equal(cache.frames(name, 1, 1), images[:0])
        np.testing.assert_array_equal(cache.labels(name), labels)
        np.testing.assert_array_equal(cache.labels(name, "b"), other)
        np.testing.assert_array_equal(cache.masks(name), masks)
        np.testing.assert_array_equal(cache.masks(name, 0, 1), masks[:1])


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_frames_come_back_nearly_and_take_less_room(tmp_path, channels):
    rows, _ = np.mgrid[0:64, 0:64]
    smooth = np.stack([rows * 3 + shift for shift in range(channels)], -1).astype(np.uint8)
    frames = np.stack([smooth, smooth[:, ::-1]])
    with open_cache(write(tmp_path, {"a": frames}, codec="jpeg")) as cache:
        assert cache.codec == "jpeg"
        np.testing.assert_allclose(cache.frames("a").astype(int), frames, atol=6)
        assert cache.frames("a", 0, 0).shape == (0, 64, 64, channels)
        with h5py.File(cache.path) as file:
            assert len(file["clips/a/frames"][0]) < smooth.size / 2


def test_a_clip_without_labels_has_none(tmp_path):
    with open_cache(write(tmp_path, {"a": noise(2)})) as cache:
        assert cache.labels("a") is None and cache.masks("a") is None


def test_an_unknown_clip_or_variant_is_named(tmp_path):
    arrays = {"a": {"labels": np.zeros(2, np.uint8)}}
    with open_cache(write(tmp_path, {"a": noise(2)}, arrays=arrays)) as cache:
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
    with open_cache(write(tmp_path, {"a": frames})) as cache:
        cache.frames("a")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            assert pool.submit(first_pixels, cache).result() == frames[:, 0, 0, 0].tolist()
        assert pickle.loads(pickle.dumps(cache))._open is None


def test_holding_in_memory_is_bounded_and_gives_the_same_frames(tmp_path):
    frames = noise(4)
    with open_cache(write(tmp_path, {"a": frames})) as cache:
        assert not cache.hold(frames.nbytes - 1)
        assert cache.hold(frames.nbytes)
        cache.path.unlink()
        np.testing.assert_array_equal(cache.frames("a", 1, 3), frames[1:3])


def test_the_same_clips_give_the_same_bytes(tmp_path):
    clips = {"b": noise(3, seed=1), "a": noise(2, seed=2)}
    arrays = {"a": {"labels": np.array([0, 1], np.uint8), "masks": np.ones((2, 16), np.uint8)}}
    for codec in ("raw", "jpeg"):
        files = [write(tmp_path, clips, codec, arrays, name).read_bytes() for name in ("1.h5", "2.h5")]
        assert files[0] == files[1]


def test_clips_keep_the_order_they_were_prepared_in(tmp_path):
    clips = {name: noise(1, seed=i) for i, name in enumerate(["z", "a", "m/x", "m/b"])}
    assert [clip.name for clip in open_cache(write(tmp_path, clips)).clips] == list(clips)


def test_a_clip_without_complete_is_not_there(tmp_path):
    path = write(tmp_path, {"a": noise(1), "b": noise(1)})
    with h5py.File(path, "r+") as file:
        del file["clips/a"].attrs["complete"]
    assert [clip.name for clip in open_cache(path).clips] == ["b"]


def refusal(path):
    with pytest.raises(FootageError) as error:
        open_cache(path)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


def test_what_is_no_cache_is_named(tmp_path):
    text, other, old, cut = (tmp_path / name for name in ("text.h5", "other.h5", "old.h5", "cut.h5"))
    text.write_text("hello")
    with h5py.File(other, "w") as file:
        file["x"] = 1
    whole = write(tmp_path, {"a": noise(40)})
    old.write_bytes(whole.read_bytes())
    with h5py.File(old, "r+") as file:
        file.attrs["version"] = 3
    cut.write_bytes(whole.read_bytes()[:3000])
    assert refusal(tmp_path / "missing.h5").startswith("not found. Make a cache with `vad prepare")
    assert refusal(tmp_path).startswith("a folder, not a cache")
    assert refusal(text).startswith("no HDF5 file, or a damaged one")
    assert refusal(cut).startswith("no HDF5 file, or a damaged one")
    assert refusal(other).startswith("an HDF5 file, but no cache of vad")
    assert refusal(old) == "cache version 3; this vad reads up to version 2. Prepare the footage again."


def spoilt(tmp_path, spoil, codec="raw"):
    labels = {"labels": np.zeros(2, np.uint8), "masks": np.zeros((2, 16), np.uint8)}
    path = write(tmp_path, {"a": noise(2)}, codec, {"a": labels | {"variants/b": labels["labels"]}})
    with h5py.File(path, "r+") as file:
        spoil(file, file["clips/a"])
    return path


def replaced(name, data):
    def spoil(file, clip):
        del clip[name]
        clip[name] = data

    return spoil


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda file, clip: file.attrs.update(size=8), "a damaged one"),
        (lambda file, clip: file.attrs.update(size=[8]), "a damaged one"),
        (lambda file, clip: file.attrs.update(size=[0, 16]), "frames of 0x16x3. Prepare"),
        (lambda file, clip: file.attrs.update(channels=7), "frames of 8x16x7. Prepare"),
        (
            lambda file, clip: file.attrs.update(channels=1),
            "clip a: frames are uint8 2 x 8 x 16 x 3, not uint8 n x 8 x 16 x 1",
        ),
        (
            lambda file, clip: file.attrs.update(codec="jpeg"),
            "clip a: frames are uint8 2 x 8 x 16 x 3, not the bytes of JPEGs",
        ),
        (replaced("frames", 5), "clip a: frames are int64 scalar, not uint8 n x 8 x 16 x 3"),
        (replaced("frames", noise(2) / 2), "clip a: frames are float64 2 x 8 x 16 x 3"),
        (replaced("labels", np.zeros(3, np.uint8)), "clip a: labels are uint8 3, not 2 integers"),
        (replaced("labels", 0.5), "clip a: labels are float64 scalar"),
        (replaced("masks", np.zeros((2, 8, 16), np.uint8)), "clip a: masks are uint8 2 x 8 x 16, not uint8 2 x 16"),
        (replaced("variants/b", np.zeros(1, np.uint8)), "clip a: variants/b are uint8 1"),
        (replaced("variants", 1), "a damaged one"),
        (lambda file, clip: clip.move("labels", "variants/c") or clip.move("variants", "labels"), "labels are a group"),
        (lambda file, clip: clip.move("frames", "f") or clip.move("variants", "frames"), "frames are a group"),
        (lambda file, clip: clip.attrs.update(fps=0), "clip a: 0 frames a second"),
        (lambda file, clip: clip.attrs.update(fps=np.nan), "clip a: nan frames a second"),
        (lambda file, clip: clip.attrs.update(order=[1, 2]), "a damaged one"),
    ],
)
def test_a_cache_that_contradicts_itself_is_refused_when_it_is_opened(tmp_path, spoil, problem):
    assert problem in refusal(spoilt(tmp_path, spoil))


@pytest.mark.parametrize("size", [(4, 16), (1, 1), (0, 0)])
def test_a_jpeg_of_another_size_is_named(tmp_path, size):
    data = encode_jpeg(noise(1, size)[0], []) if size[0] else np.empty(0, np.uint8)

    def spoil(file, clip):
        clip["frames"][1] = data

    with open_cache(spoilt(tmp_path, spoil, "jpeg")) as cache, pytest.raises(FootageError, match="JPEG frame in this"):
        cache.frames("a")


def test_a_part_that_was_not_finished_leaves_nothing(tmp_path):
    form = CacheFormat((8, 16), 3, "raw")
    with pytest.raises(RuntimeError), DecodedClipWriter(tmp_path, "a", form, 95) as writer:
        writer.write(noise(1)[0])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_part_is_found_again_only_if_it_is_whole(tmp_path):
    form = CacheFormat((8, 16), 3, "raw")
    with DecodedClipWriter(tmp_path, "a", form, 95) as writer:
        writer.write(noise(1)[0])
        part = writer.finish(INFO, {})
    assert find_decoded(tmp_path, "a") == part and find_decoded(tmp_path, "b") is None
    part.frames.write_bytes(b"short")
    assert find_decoded(tmp_path, "a") is None
    (tmp_path / f"{draft_key('a')}.json").write_text("{")
    assert find_decoded(tmp_path, "a") is None
