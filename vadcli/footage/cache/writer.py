"""Decoded clips put together into a cache: a new file, or more of one that is there."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vadcli.footage.cache.decoded import CacheFormat, DecodedClip
from vadcli.footage.cache.heap import check_collections
from vadcli.footage.cache.inventory import relocated
from vadcli.footage.cache.layout import ADDED, BEFORE, FORMAT, VERSION, additions, clip_groups
from vadcli.footage.cache.uncommitted import UncommittedFile, end_of_hdf5
from vadcli.footage.strangers import open_hdf5
from vadcli.interruption import interruptions_noted

MEMBERS = ("frames", "labels", "masks", "variants")  # what a clip's group holds
LIBVER = ("v110", "v110")
MOST_ADDITIONS = 50  # after which a cache is written anew
ROOM_BYTES = 1024  # in the first page, for a link and attributes to come


def write_cache(
    path: Path,
    form: CacheFormat,
    clips: Sequence[DecodedClip | str],
    earlier: Path | None = None,
    advance: Callable[[int], None] = lambda frames: None,
) -> None:
    """Write a cache; the same clips give the same bytes.

    Args:
        path: a temporary name; the caller renames it.
        form: size, channels and codec of all clips.
        clips: in the order they will have: decoded, or names of clips to take over from `earlier`.
        earlier: the cache that this one replaces.
        advance: called with the number of frames written.

    Raises:
        OSError: when the disk is full.
        KeyboardInterrupt: when somebody asked to stop, between two frames.
    """
    path.write_bytes(b"")
    with interruptions_noted(patient=True) as interrupted, UncommittedFile(path, 0, interrupted) as stored:
        with h5py.File(stored, "w", libver=LIBVER) as file:
            _make_room(file)
            file.attrs.update(format=FORMAT, version=VERSION, size=form.size, channels=form.channels, codec=form.codec)
            root = file.create_group("clips")
            old = open_hdf5(earlier) if earlier is not None else None
            try:
                had = {name: group for _, name, group in clip_groups(old)} if old is not None else {}
                for order, clip in enumerate(clips):
                    if isinstance(clip, DecodedClip):
                        group = _write_clip(root, form, clip, order, stored.check)
                    else:
                        group = _take_over(had[clip], root.create_group(clip), order)
                    advance(len(group["frames"]))
                    stored.check()
            finally:
                if old is not None:
                    old.close()
        stored.commit()


def add_clips(
    path: Path,
    form: CacheFormat,
    clips: Sequence[DecodedClip],
    first: int,
    advance: Callable[[int], None] = lambda frames: None,
) -> bool:
    """Add clips to a cache where it is; ended at any moment, it is as it was, or has all of them.

    Args:
        path: of the cache, which nobody else writes to.
        form: size, channels and codec of all clips.
        clips: of names that the cache has not.
        first: order of the first.
        advance: called with the number of frames written.

    Returns:
        whether they were added; otherwise the cache is as it was and has to be written anew: it has been added to
        often enough, or is of an old kind.

    Raises:
        OSError: when the disk is full; the cache is as it was.
        KeyboardInterrupt: when somebody asked to stop, between two frames.
    """
    end = end_of_hdf5(path)
    if end is None:
        return False
    with interruptions_noted(patient=True) as interrupted, UncommittedFile(path, end, interrupted) as stored:
        with h5py.File(stored, "r+", libver=LIBVER) as file:
            if file.attrs["version"] != VERSION or len(additions(file)) > MOST_ADDITIONS:
                return False
            if ADDED in file:
                file.create_group("next")
                file.move(ADDED, f"next/{BEFORE}")
                file.move("next", ADDED)
            root = file.require_group(f"{ADDED}/clips")
            for order, clip in enumerate(clips, first):
                advance(len(_write_clip(root, form, clip, order, stored.check)["frames"]))
        return stored.commit()


def clashes(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Pairs of clip names of which the first would lie where the second has its own frames, labels or masks."""
    for name in names:
        steps = name.split("/")
        for depth in range(1, len(steps)):
            outer = "/".join(steps[:depth])
            if steps[depth] in MEMBERS and outer in names:
                yield name, outer


def _make_room(file: h5py.File) -> None:
    """Keep room in the file's first page, so that adding to it changes nothing else (see `uncommitted`)."""
    file.attrs["room"] = np.void(bytes(ROOM_BYTES))
    file.flush()
    del file.attrs["room"]


def _take_over(old: h5py.Group, group: h5py.Group, order: int) -> h5py.Group:
    """A clip's own data, without other clips that lie in its folder."""
    if h5py.check_vlen_dtype(old["frames"].dtype) is not None:
        check_collections(old["frames"], 0, len(old["frames"]))
    for member in MEMBERS:
        if member in old:
            old.copy(member, group)
    group.attrs.update(relocated(dict(old.attrs)) | {"order": order})
    return group


def _write_clip(
    root: h5py.Group, form: CacheFormat, clip: DecodedClip, order: int, check: Callable[[], None]
) -> h5py.Group:
    facts, arrays = clip.facts, clip.arrays()
    group = root.create_group(facts.name)
    _write_frames(group, form, clip, arrays.get("lengths"), check)
    for key, values in sorted(arrays.items()):
        if key == "masks":
            group.create_dataset(key, data=values, chunks=(1, values.shape[1]), compression="gzip", compression_opts=1)
        elif key == "labels" or key.startswith("variants/"):
            group.create_dataset(key, data=values)
    group.attrs.update(
        source=facts.source,
        location=facts.location,
        sha256=facts.sha256,
        stamp=facts.stamp,
        recipe=facts.recipe,
        fps=facts.fps,
        split=facts.split,
        scene=facts.scene,
        complete=True,
        order=order,
    )
    return group


def _write_frames(
    group: h5py.Group, form: CacheFormat, clip: DecodedClip, lengths: Any, check: Callable[[], None]
) -> None:
    count = clip.facts.num_frames
    with clip.frames.open("rb") as stored:
        if form.codec == "raw":
            shape = (*form.size, form.channels)
            frames = group.create_dataset("frames", shape=(count, *shape), dtype=np.uint8, chunks=(1, *shape))
            chunk = bytearray(math.prod(shape))
            for index in range(count):
                stored.readinto(chunk)
                frames.id.write_direct_chunk((index, 0, 0, 0), chunk)
                check()
        else:
            frames = group.create_dataset("frames", shape=(count,), dtype=h5py.vlen_dtype(np.uint8), chunks=(1,))
            for index, length in enumerate(lengths):
                frames[index] = np.frombuffer(stored.read(length), dtype=np.uint8)
                check()
