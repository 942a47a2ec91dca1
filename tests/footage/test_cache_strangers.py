"""Caches from strangers: no other file is read, no memory taken for what is only claimed, and damage is one line."""

import errno
import fcntl
import os
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest

from tests.footage.test_cache import noise, refusal, write
from vadcli.errors import FootageError
from vadcli.footage.cache import open_cache

SHAPE = (2, 8, 16, 3)
HUGE = (1 << 36, 8, 16, 3)


def made(tmp_path, spoil, codec="raw"):
    labels = {"labels": np.zeros(2, np.uint8), "masks": np.zeros((2, 16), np.uint8)}
    path = write(tmp_path, {"a": noise(2)}, codec, {"a": labels})
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(2 * 8 * 16 * 3))
    with h5py.File(path, "r+", libver="v110") as file:
        spoil(file, file["clips/a"], secret)
    return path


def anew(name, **how):
    def spoil(file, clip, secret):
        del clip[name]
        clip.create_dataset(name, **how)

    return spoil


def external(file, clip, secret):
    del clip["frames"]
    clip.create_dataset("frames", SHAPE, "u1", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def virtual(file, clip, secret):
    del clip["frames"]
    layout = h5py.VirtualLayout(SHAPE, "u1")
    layout[:] = h5py.VirtualSource(str(secret), "x", SHAPE)
    clip.create_virtual_dataset("frames", layout)


def linked(what):
    def spoil(file, clip, secret):
        where, link = what(secret)
        if where in file:
            del file[where]
        file[where] = link

    return spoil


def circle(file, clip, secret):
    clip["again"] = file["clips"]


def diamonds(file, clip, secret):
    for _ in range(60):  # each has the next twice: as many groups, and 2 to the power of 60 paths
        inner = clip.create_group("left")
        clip["right"] = inner
        clip = inner


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (external, "clip a: frames are stored in other files"),
        (virtual, "clip a: frames are stored in other files"),
        (linked(lambda secret: ("clips/a/frames", h5py.ExternalLink(str(secret), "/x"))), "a damaged one"),
        (linked(lambda secret: ("clips/b", h5py.ExternalLink(str(secret), "/x"))), "a damaged one"),
        (linked(lambda secret: ("clips", h5py.ExternalLink(str(secret), "/x"))), "a damaged one"),
        (linked(lambda secret: ("added", h5py.ExternalLink(str(secret), "/x"))), "a damaged one"),
        (linked(lambda secret: ("clips/b", h5py.SoftLink("/clips/a"))), "a damaged one"),
        (circle, "a damaged one"),
        (diamonds, "a damaged one"),
        (anew("frames", shape=HUGE, dtype="u1", chunks=(1, 8, 16, 3)), "frames take 0 of 26,388,279,066,624 bytes"),
        (anew("frames", data=noise(2), chunks=(1, 8, 16, 3), compression="gzip"), "clip a: frames are compressed"),
        (anew("frames", data=noise(2), chunks=(1, 8, 16, 3), compression="lzf"), "stored by filter 32000"),
        (anew("frames", data=noise(2), chunks=(2, 8, 16, 3)), "frames are stored in chunks of 2 x 8 x 16 x 3"),
        (anew("labels", shape=(2,), dtype="u1", chunks=(1 << 30,), maxshape=(None,)), "labels are stored in pieces of"),
        (anew("labels", data=np.zeros(2, "u1"), compression="gzip"), "clip a: labels are compressed"),
        (anew("masks", data=np.zeros((2, 16), "u1"), chunks=(2, 16)), "masks are stored in chunks of 2 x 16"),
        (lambda file, clip, secret: file.attrs.update(size=(1 << 20, 1 << 20)), "frames of 1048576x1048576x3"),
    ],
)
def test_what_is_not_stored_as_we_store_it_is_refused_when_it_is_opened(tmp_path, spoil, problem):
    assert problem in refusal(made(tmp_path, spoil))


def test_jpegs_that_are_only_claimed_are_refused(tmp_path):
    spoil = anew("frames", shape=(1 << 36,), dtype=h5py.vlen_dtype(np.uint8), chunks=(1,))
    assert "clip a: frames take 0 of 1,099,511,627,776 bytes" in refusal(made(tmp_path, spoil, "jpeg"))


def test_a_mask_that_unfolds_without_end_is_not_unfolded(tmp_path):
    def bomb(file, clip, secret):
        clip["masks"].id.write_direct_chunk((1, 0), zlib.compress(bytes(40_000_000)))

    with open_cache(made(tmp_path, bomb)) as cache:
        assert not cache.masks("a", 0, 1).any()
        with pytest.raises(FootageError, match=r"c\.h5: clip a is damaged"):
            cache.masks("a")


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
                cache.frames(clip.name), cache.labels(clip.name), cache.masks(clip.name)
    except FootageError as error:
        assert str(error).count(chr(10)) == 0, str(error)
        assert str(error).startswith(str(path)) or "JPEG frame in this cache" in str(error), str(error)
    else:
        print("read", path)
"""


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_damaged_bytes_are_read_past_or_one_line_that_names_the_cache(tmp_path, codec):
    arrays = {"labels": np.zeros(3, np.uint8), "masks": np.ones((3, 16), np.uint8)}
    path = write(tmp_path, {"s/a": noise(3), "b": noise(3, seed=1)}, codec, {"b": arrays})
    whole, random, damaged = path.read_bytes(), np.random.default_rng(0), []
    for number in range(60):
        spoilt = bytearray(whole)
        for _ in range(1 + number % 3):
            at, count = int(random.integers(len(whole))), int(random.integers(1, 64))
            spoilt[at : at + count] = random.bytes(len(spoilt[at : at + count]))
        damaged.append(tmp_path / f"{number}.h5")
        damaged[-1].write_bytes(spoilt)
    done = subprocess.run([sys.executable, "-c", OPENED, *damaged], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def test_a_cache_is_read_while_somebody_has_it_locked(tmp_path):
    path = write(tmp_path, {"a": noise(2)})
    with path.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open_cache(path) as cache:
            assert len(cache.frames("a")) == 2


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EAGAIN, errno.ENOSYS])
def test_a_cache_is_read_where_there_are_no_locks(tmp_path, monkeypatch, code):
    path, opened = write(tmp_path, {"a": noise(2)}), h5py.File.__init__

    def without_locks(file, *arguments, locking=None, **more):
        if locking is not False and arguments[0] == path:
            raise OSError(code, f"[Errno {code}] Unable to synchronously open file (unable to lock file)")
        opened(file, *arguments, locking=locking, **more)

    monkeypatch.setattr(h5py.File, "__init__", without_locks)
    with open_cache(path) as cache:
        assert len(cache.frames("a")) == 2


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ESTALE])
def test_a_good_cache_that_the_system_does_not_hand_over_is_not_called_damaged(tmp_path, monkeypatch, code):
    path = write(tmp_path, {"a": noise(2)})

    def fails(*arguments, **more):
        raise OSError(code, "h5py says a lot")

    monkeypatch.setattr(h5py.File, "__init__", fails)
    assert refusal(path) == f"cannot be read: {os.strerror(code).lower()}. Try again."


def test_too_little_memory_is_not_damage(tmp_path):
    path = write(tmp_path, {"a": noise(200, (256, 256))})
    code = """
import resource, sys
from pathlib import Path
from vadcli.errors import FootageError
from vadcli.footage.cache import open_cache
cache = open_cache(Path(sys.argv[1]))
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (20 << 20),) * 2)
try:
    cache.frames("a")
except MemoryError:
    print("memory")
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout == "memory\n", done.stderr


OBJECTS_THAT_END_NOWHERE = [bytes(16), bytes(8) + b"\1" + bytes(7), b"\1" + bytes(7) + b"\xf0" + b"\xff" * 7]


def spoil_collection(path, clip, row, damage):
    with h5py.File(path) as file:
        _, reference = file[f"clips/{clip}/frames"].id.read_direct_chunk((row,))
    at, data = int.from_bytes(reference[4:12], "little") + 16, path.read_bytes()
    path.write_bytes(data[:at] + damage + data[at + len(damage) :])


@pytest.mark.parametrize("damage", OBJECTS_THAT_END_NOWHERE)
def test_damage_on_which_hdf5_never_ends_is_refused_where_frames_lie(tmp_path, damage):
    path = write(tmp_path, {"a": noise(40, (64, 64))}, "jpeg")  # texts go to one of the last 16 collections
    spoil_collection(path, "a", 12, damage)
    with open_cache(path) as cache:
        assert len(cache.frames("a", 0, 5)) == 5
        with pytest.raises(FootageError, match="clip a is damaged"):
            cache.frames("a")


@pytest.mark.parametrize("damage", OBJECTS_THAT_END_NOWHERE)
def test_damage_on_which_hdf5_never_ends_is_refused_where_texts_lie(tmp_path, damage):
    path = write(tmp_path, {"a": noise(1)}, "jpeg")  # so few bytes that they share a collection
    spoil_collection(path, "a", 0, damage)
    assert "a damaged one" in refusal(path)
