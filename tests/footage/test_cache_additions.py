"""Clips added to a cache: nothing that was there is written again, and a kill at any moment leaves one or the other."""

import errno
import os
import shutil
import signal

import h5py
import numpy as np
import pytest

from tests.footage.test_cache import INFO, noise, write
from vadcli.footage.cache import VERSION, open_cache, reader, writer
from vadcli.footage.cache.decoded import CacheFormat, DecodedClipWriter
from vadcli.footage.cache.heap import checked_hdf5
from vadcli.footage.cache.uncommitted import PAGE_BYTES, UncommittedFile
from vadcli.footage.cache.writer import MOST_ADDITIONS, add_clips, write_cache

FORM = {codec: CacheFormat((8, 16), 3, codec) for codec in ("raw", "jpeg")}


def decoded(tmp_path, name, frames, codec="raw"):
    with DecodedClipWriter(tmp_path, name, FORM[codec], 95) as draft:
        for frame in frames:
            draft.write(frame)
        return draft.finish(INFO, {"labels": np.ones(len(frames), np.uint8)})


def names(path):
    with open_cache(path) as cache:
        for clip in cache.clips:
            assert len(cache.frames(clip.name)) == clip.num_frames
        return [clip.name for clip in cache.clips]


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_added_clips_are_there_and_only_the_first_page_of_the_others_changed(tmp_path, codec):
    first = {"s/a": noise(40), "s/b": noise(2, seed=1)}
    path = write(tmp_path, first, codec)
    before = path.read_bytes()
    with open_cache(path) as cache:
        earlier = [cache.frames(name) for name in first]
    for number in range(12):
        assert add_clips(
            path, FORM[codec], [decoded(tmp_path, f"s/{number}", noise(3, seed=number), codec)], 2 + number
        )
    assert path.read_bytes()[PAGE_BYTES : len(before)] == before[PAGE_BYTES:]
    assert names(path) == ["s/a", "s/b", *(f"s/{number}" for number in range(12))]
    with open_cache(path) as cache:
        for name, frames in zip(first, earlier, strict=True):
            np.testing.assert_array_equal(cache.frames(name), frames)
        if codec == "raw":
            np.testing.assert_array_equal(cache.frames("s/7"), noise(3, seed=7))
        assert cache.labels("s/7").tolist() == [1, 1, 1] and cache.labels("s/a") is None


def test_ended_at_any_moment_of_adding_the_cache_is_as_it_was_and_can_be_added_to(tmp_path, monkeypatch):
    path = write(tmp_path, {"a": noise(9)})
    check, seen = UncommittedFile.check, []

    def killed(stored):
        copy = tmp_path / f"killed{len(seen)}.h5"
        shutil.copy(path, copy)
        seen.append(copy)
        return check(stored)

    monkeypatch.setattr(UncommittedFile, "check", killed)
    added = [decoded(tmp_path, name, noise(30)) for name in "bcd"]
    assert add_clips(path, FORM["raw"], added, 1) and names(path) == list("abcd")
    monkeypatch.undo()
    *before, after = seen
    assert len(before) > 90 and before[-1].stat().st_size == path.stat().st_size
    assert after.read_bytes() == path.read_bytes()
    for copy in before:
        assert names(copy) == ["a"]
        assert add_clips(copy, FORM["raw"], added, 1) and copy.read_bytes() == path.read_bytes()


def test_a_reader_that_has_the_cache_open_keeps_what_it_had(tmp_path):
    path = write(tmp_path, {name: noise(30, seed=ord(name)) for name in "abc"})
    shown = h5py.File(path, "r", rdcc_nbytes=0)
    assert add_clips(path, FORM["raw"], [decoded(tmp_path, "d", noise(3))], 3)
    for name in "abc":
        np.testing.assert_array_equal(shown[f"clips/{name}/frames"][:], noise(30, seed=ord(name)))
    shown.close()


def test_a_cache_that_is_open_is_read_on_while_clips_are_added(tmp_path):
    path = write(tmp_path, {"a": noise(2)})
    for name in "bc":
        add_clips(path, FORM["raw"], [decoded(tmp_path, name, noise(2, seed=ord(name)))], ord(name))
    with open_cache(path) as cache:  # which opens the file again where a frame is first asked for
        for name in "de":
            add_clips(path, FORM["raw"], [decoded(tmp_path, name, noise(2))], ord(name))
        for name in "bc":
            np.testing.assert_array_equal(cache.frames(name), noise(2, seed=ord(name)))
            assert cache.labels(name).tolist() == [1, 1]


def test_a_cache_that_grows_while_it_is_opened_is_read_again(tmp_path, monkeypatch):
    path, opened = write(tmp_path, {"a": noise(2)}), []

    def grown(file):
        opened.append(file)
        if len(opened) == 1:
            add_clips(path, FORM["raw"], [decoded(tmp_path, "b", noise(2))], 1)
            raise KeyError("address of object past end of allocation")
        return checked_hdf5(file)

    monkeypatch.setattr(reader, "checked_hdf5", grown)
    assert names(path) == ["a", "b"] and len(opened) == 2


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    ("owner", "call", "number", "after"),
    [
        (UncommittedFile, "write", 1, "a"),
        (UncommittedFile, "write", 5, "a"),
        (os, "fsync", 1, "a"),
        (os, "fsync", 2, "ab"),
    ],
)
def test_ctrl_c_at_any_moment_of_adding_leaves_one_or_the_other(
    tmp_path, monkeypatch, owner, call, number, after, times
):
    path, called, calls = write(tmp_path, {"a": noise(9)}), getattr(owner, call), []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == number:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return called(*arguments)

    monkeypatch.setattr(owner, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        add_clips(path, FORM["raw"], [decoded(tmp_path, "b", noise(30))], 1)
    monkeypatch.undo()
    assert names(path) == list(after)


def test_a_full_disk_leaves_the_cache_as_it_was(tmp_path, monkeypatch):
    path = write(tmp_path, {"a": noise(9)}, "jpeg")
    before, room = path.read_bytes(), [6]

    class Full:
        def __init__(self, file):
            self._file = file

        def write(self, data):
            room[0] -= 1
            if room[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self._file.write(data)

        def __getattr__(self, name):
            return getattr(self._file, name)

        def __enter__(self):
            return self

        def __exit__(self, *ignored):
            self._file.close()

    begin = UncommittedFile.__init__

    def full(stored, *arguments):
        begin(stored, *arguments)
        stored._file = Full(stored._file)

    monkeypatch.setattr(UncommittedFile, "__init__", full)
    with pytest.raises(OSError, match="No space left"):
        add_clips(path, FORM["jpeg"], [decoded(tmp_path, name, noise(30), "jpeg") for name in "bc"], 1)
    assert path.read_bytes() == before and room[0] < 0


def test_a_cache_of_an_old_kind_or_added_to_often_is_left_for_writing_anew(tmp_path, monkeypatch):
    path, old = write(tmp_path, {"a": noise(1)}), tmp_path / "old.h5"
    with h5py.File(old, "w") as file, h5py.File(path) as given:
        given.copy("clips", file)
        file.attrs.update(given.attrs)
    before = old.read_bytes()
    assert not add_clips(old, FORM["raw"], [decoded(tmp_path, "b", noise(1))], 1) and old.read_bytes() == before
    with h5py.File(path, "r+", libver="v110") as file:
        file.attrs["version"] = 1
    assert not add_clips(path, FORM["raw"], [decoded(tmp_path, "b", noise(1))], 1)
    anew = tmp_path / "anew.h5"
    write_cache(anew, FORM["raw"], ["a", decoded(tmp_path, "c", noise(1))], path)
    assert names(anew) == ["a", "c"]
    with h5py.File(path, "r+", libver="v110") as file:
        file.attrs["version"] = VERSION
    monkeypatch.setattr(writer, "MOST_ADDITIONS", 2)
    assert MOST_ADDITIONS > 2
    for number, added in enumerate([True, True, False]):
        before = path.read_bytes()
        clip = decoded(tmp_path, str(number), noise(1))
        assert add_clips(path, FORM["raw"], [clip], 1) is added and (path.read_bytes() != before) is added
