"""Caches that vad did not write: no other file is read, no memory taken for what is only claimed, one line each."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.caches import Given, noise, write
from vadcli.errors import FootageError
from vadcli.footage.cache import open_cache

AREA = {"area": np.ones((2, 3), np.float16)}


def refusal(path):
    with pytest.raises(FootageError) as error:
        open_cache(path)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


def whole(path, codec="raw"):
    clips = {"a": Given(noise(2), [0, 1], np.ones((2, 8, 16), bool), {"b": [1, 1]}, [None, AREA]), "z": noise(3)}
    return write(path, clips, codec)


def test_what_is_no_cache_is_named(tmp_path):
    text, other, old, cut = (tmp_path / name for name in ("text.h5", "other.h5", "old.h5", "cut.h5"))
    text.write_text("hello")
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with h5py.File(old, "w") as file:
        file.attrs.update(format="vad-cache", version=2, size=(8, 16), channels=3, codec="raw")
        file.create_group("clips/a").create_dataset("frames", data=noise(2))
    cut.write_bytes(whole(tmp_path / "c.h5").read_bytes()[:3000])
    assert refusal(tmp_path / "missing.h5").startswith("not found. Make a cache with `vad prepare")
    assert refusal(tmp_path).startswith("a folder, not a cache")
    assert refusal(text).startswith("no HDF5 file, or a damaged one")
    assert refusal(cut).startswith("no HDF5 file, or a damaged one")
    assert refusal(other) == "an HDF5 file, but no cache of vad. Prepare the footage again, into another file."
    assert refusal(old) == "a cache of an earlier vad. Prepare the footage again, into another file."


def spoilt(tmp_path, spoil):
    path, secret = whole(tmp_path / "c.h5"), tmp_path / "secret"
    secret.write_bytes(bytes(10_000))
    with h5py.File(path, "r+", libver="v110") as file:
        spoil(file, secret)
    return path


def anew(name, **how):
    def spoil(file, secret):
        data = file[name][...]
        del file[name]
        file.create_dataset(name, **({"data": data} | how))

    return spoil


def put(name, value):
    """Whatever HDF5 can hold by a name: a link, a group's, a type, a value."""

    def spoil(file, secret):
        if name in file:
            del file[name]
        file[name] = value(file, str(secret)) if callable(value) else value

    return spoil


def external(file, secret):
    del file["frames"]
    file.create_dataset("frames", (1920,), "u1", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def virtual(file, secret):
    del file["frames"]
    layout = h5py.VirtualLayout((1920,), "u1")
    layout[:] = h5py.VirtualSource(str(secret), "x", (1920,))
    file.create_virtual_dataset("frames", layout)


def group(file, secret):
    del file["labels"]
    file.create_group("labels")["x"] = 1


HUGE = {"data": None, "shape": (1 << 40,), "dtype": "u1"}
ELSEWHERE = {
    name: put(name, lambda file, secret: h5py.ExternalLink(secret, "/x")) for name in ("frames", "manifest", "x")
}


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        *((spoil, f"holds a link to another file, '{name}'") for name, spoil in ELSEWHERE.items()),
        (put("gaps", h5py.SoftLink("/labels")), "holds a soft link, 'gaps'"),
        (put("again", lambda file, secret: file["/"]), "holds 'again', which no cache has"),
        (external, "'frames' is stored in other files"),
        (virtual, "'frames' is damaged, or stored in a way that no cache is"),
        (group, "'labels' is not an array"),
        (anew("frames", compression="gzip"), "'frames' is not stored in one piece"),
        (anew("frames", **HUGE), "'frames' is said to take 1,099,511,627,776 bytes of a file of"),
        (anew("labels", data=["a"] * 4, dtype=h5py.string_dtype()), "'labels' is of another type than uint8"),
        (anew("labels", data=np.zeros((2, 2), "u1")), "'labels' has 2 dimensions, not one"),
        (anew("labels", data=np.zeros(3, "u1")), "'labels' has 3 items, and its clips 4"),
        (lambda file, secret: file.__delitem__("cues"), "'cues' has 0 items, and its clips 12"),
        (lambda file, secret: file.__delitem__("manifest"), "an HDF5 file, but no cache of vad"),
        (put("ends", np.zeros(5, "i8")), "'ends' has 5 items, and its clips 0"),
    ],
)
def test_what_is_not_stored_as_we_store_it_is_refused_by_name_when_it_is_opened(tmp_path, spoil, problem):
    assert problem in refusal(spoilt(tmp_path, spoil))


def restated(tmp_path, change, codec="raw"):
    path = whole(tmp_path / "c.h5", codec)
    with h5py.File(path, "r+", libver="v110") as file:
        facts = json.loads(file["manifest"][...].tobytes())
        data = change(facts) or json.dumps(facts)
        del file["manifest"]
        file["manifest"] = np.frombuffer(data if isinstance(data, bytes) else data.encode(), "u1")
    return path


def says(place, value):
    def change(facts):
        *way, last = place.split(".")
        for step in way:
            facts = facts[int(step) if step.isdecimal() else step]
        facts[int(last) if last.isdecimal() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (says("version", 4), "cache version 4; this vad reads version 3. Prepare the footage again, into"),
        (says("format", "other"), "an HDF5 file, but no cache of vad"),
        (lambda facts: b"[]", "an HDF5 file, but no cache of vad"),
        (lambda facts: b"\xff", "its manifest is damaged"),
        (lambda facts: b"[" * 200_000, "its manifest is damaged"),
        (says("frames.size", [8]), "its manifest says of frames.size"),
        (says("frames.size", [1 << 23, 1 << 23]), "frames of 8388608x8388608x3"),
        (says("frames.size", [8, 15]), "clip a: 768 bytes for 2 frames of 8x15x3 raw"),
        (says("frames.codec", "jpeg"), "'ends' has 0 items, and its clips 5"),
        (says("clips", []), "'frames' has 1,920 items, and its clips 0"),
        (says("clips.0.name", "z"), "two clips z"),
        (says("clips.0.name", "\ud800"), "its manifest is damaged"),
        (says("clips.0.fps", float("nan")), "its manifest says of clips.0.fps"),
        (says("clips.0.num_frames", 10**30), "its manifest says of clips.0.num_frames"),
        (says("clips.0.has_labels", False), "'labels' has 4 items, and its clips 2"),
        (says("clips.0.cues", {"area": [1 << 20] * 4}), "'cues' has 12 items, and its clips"),
        (says("clips.0.cues", {"area": [-2, -3]}), "its manifest says of clips.0.cues.area.0"),
    ],
)
def test_a_manifest_that_does_not_fit_what_is_stored_is_refused(tmp_path, change, problem):
    assert problem in refusal(restated(tmp_path, change))


def patched(tmp_path, array, values, codec="raw"):
    path = whole(tmp_path / "c.h5", codec)
    with h5py.File(path, "r+", libver="v110") as file:
        file[array][: len(values)] = values
    return open_cache(path)


@pytest.mark.parametrize(
    ("array", "values", "ask"),
    [
        ("times_s", [0, np.nan], lambda cache: cache.timeline("a")),
        ("times_s", [1, 0.5], lambda cache: cache.timeline("a")),
        ("indices", [5, 5], lambda cache: cache.timeline("a")),
        ("labels", [0, 7], lambda cache: cache.labels("a")),
        ("cues", [0] * 6 + [np.inf], lambda cache: cache.cues("a", 1)),
        *(("ends", ends, lambda cache: cache.frames("a")) for ends in ([-5], [1 << 60], [10, 5], [0, 0], [5, 5])),
        ("frames", [255] * 50, lambda cache: cache.frames("a")),
    ],
)
def test_numbers_that_make_no_sense_are_damage_where_they_are_asked_for(tmp_path, array, values, ask):
    with patched(tmp_path, array, values, "jpeg") as cache:
        assert len(cache.frames("z")) == 3
        with pytest.raises(FootageError, match=r"c\.h5: clip a is damaged"):
            ask(cache)


OPENED = """
import sys, resource
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from pathlib import Path
from vadcli.errors import FootageError
from vadcli.footage.cache import open_cache
for path in map(Path, sys.argv[1:]):
    try:
        with open_cache(path) as cache:
            for clip in cache.clips:
                cache.frames(clip.name), cache.labels(clip.name), cache.masks(clip.name), cache.timeline(clip.name)
                [cache.cues(clip.name, number) for number in range(clip.num_frames)]
    except FootageError as error:
        assert str(error).count(chr(10)) == 0, str(error)
        assert str(error).startswith(str(path)), str(error)
    else:
        print("read", path)
"""


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_damaged_bytes_are_read_past_or_one_line_that_names_the_cache(tmp_path, codec):
    data, random, damaged = whole(tmp_path / "c.h5", codec).read_bytes(), np.random.default_rng(0), []
    with h5py.File(tmp_path / "c.h5") as file:
        described = min(file[name].id.get_offset() for name in file)
    for number in range(300):
        spoilt, within = bytearray(data), described if number % 3 else len(data)
        for _ in range(1 + number % 4):
            at, count = int(random.integers(within)), int(random.integers(1, 64))
            spoilt[at : at + count] = random.bytes(len(spoilt[at : at + count]))
        damaged.append(tmp_path / f"{number}.h5")
        damaged[-1].write_bytes(spoilt[: len(data) if number % 5 else int(random.integers(len(data)))])
    done = subprocess.run([sys.executable, "-c", OPENED, *damaged], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def test_a_heap_that_never_ends_is_not_entered(tmp_path):
    """A virtual data set keeps what it is made of in a heap, on whose objects of size 0 HDF5 stands still."""
    path = spoilt(tmp_path, virtual)
    data = path.read_bytes()
    at = data.index(b"GCOL") + 16
    path.write_bytes(data[:at] + bytes(16) + data[at + 16 :])
    done = subprocess.run([sys.executable, "-c", OPENED, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ESTALE])
def test_a_good_cache_that_the_system_does_not_hand_over_is_not_called_damaged(tmp_path, monkeypatch, code):
    path = whole(tmp_path / "c.h5")

    def fails(*arguments, **more):
        raise OSError(code, "it says a lot")

    for name in ("open", "preadv"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fails)
            assert refusal(path) == f"cannot be read: {os.strerror(code).lower()}. Try again."


def test_no_descriptor_is_left_open_whether_a_cache_is_closed_refused_or_forgotten(tmp_path):
    bad, path = spoilt(tmp_path, group), whole(tmp_path / "d.h5")
    before = len(list(Path("/dev/fd").iterdir()))
    refusal(bad)
    cache = open_cache(path)
    cache.close()
    with pytest.raises(FootageError, match="cannot be read"):
        cache.frames("a")
    open_cache(path)
    assert len(list(Path("/dev/fd").iterdir())) == before
