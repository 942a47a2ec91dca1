"""Finished parts, and clips of an earlier cache, put together into one new cache file."""

import errno
import math
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vadcli.footage.cache import FORMAT, VERSION
from vadcli.footage.parts import CacheFormat, Part

FRAME_BYTES = 512  # at most, of HDF5's own beside a JPEG
SPARE_BYTES = 4 << 20
MEMBERS = ("frames", "labels", "masks", "variants")  # what a clip's group holds


def write_cache(
    path: Path,
    form: CacheFormat,
    clips: Sequence[Part | str],
    earlier: Path | None = None,
    advance: Callable[[int], None] = lambda frames: None,
) -> None:
    """Write a cache; the same clips give the same bytes.

    Args:
        path: a temporary name; the caller renames it.
        form: size, channels and codec of all clips.
        clips: in the order they will have: parts, or names of clips to take over from `earlier`.
        earlier: the cache that this one replaces.
        advance: called with the number of frames written.

    Raises:
        OSError: when the disk is full.
    """
    if form.codec == "jpeg":
        _check_room(path, clips, earlier)
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file.attrs.update(format=FORMAT, version=VERSION, size=form.size, channels=form.channels, codec=form.codec)
        root = file.create_group("clips")
        old = h5py.File(earlier, "r") if earlier is not None else None
        try:
            for order, clip in enumerate(clips):
                if isinstance(clip, Part):
                    group = _write_part(root.create_group(clip.info.name), form, clip)
                else:
                    if old is None:
                        raise ValueError(f"clip {clip} is to be taken over, but there is no earlier cache")
                    group = _take_over(old[f"clips/{clip}"], root.create_group(clip))
                group.attrs["order"] = order
                advance(len(group["frames"]))
        finally:
            if old is not None:
                old.close()


def _check_room(path: Path, clips: Sequence[Part | str], earlier: Path | None) -> None:
    """Raise beforehand what a full disk would: after a write of JPEGs that fails, HDF5 crashes at the program's end."""
    needed = SPARE_BYTES
    if earlier is not None and any(isinstance(clip, str) for clip in clips):
        needed += earlier.stat().st_size
    for part in clips:
        if isinstance(part, Part):
            needed += part.info.stored_bytes + part.arrays_bytes + FRAME_BYTES * part.info.num_frames
    if needed > shutil.disk_usage(path.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def clashes(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Pairs of clip names of which the first would lie where the second has its own frames, labels or masks."""
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            outer = "/".join(parts[:depth])
            if parts[depth] in MEMBERS and outer in names:
                yield name, outer


def _take_over(old: h5py.Group, group: h5py.Group) -> h5py.Group:
    """A clip's own data, without other clips that lie in its folder."""
    for member in MEMBERS:
        if member in old:
            old.copy(member, group)
    group.attrs.update(old.attrs)
    return group


def _write_part(group: h5py.Group, form: CacheFormat, part: Part) -> h5py.Group:
    info, arrays = part.info, part.arrays()
    _write_frames(group, form, part, arrays.get("lengths"))
    for key, values in sorted(arrays.items()):
        if key == "masks":
            group.create_dataset(key, data=values, chunks=(1, values.shape[1]), compression="gzip", compression_opts=1)
        elif key == "labels" or key.startswith("variants/"):
            group.create_dataset(key, data=values)
    group.attrs.update(
        source=info.source,
        place=info.place,
        sha256=info.sha256,
        stamp=info.stamp,
        recipe=info.recipe,
        fps=info.fps,
        split=info.split,
        scene=info.scene,
        complete=True,
    )
    return group


def _write_frames(group: h5py.Group, form: CacheFormat, part: Part, lengths: Any) -> None:
    count = part.info.num_frames
    with part.frames.open("rb") as stored:
        if form.codec == "raw":
            shape = (*form.size, form.channels)
            frames = group.create_dataset("frames", shape=(count, *shape), dtype=np.uint8, chunks=(1, *shape))
            chunk = bytearray(math.prod(shape))
            for index in range(count):
                stored.readinto(chunk)
                frames.id.write_direct_chunk((index, 0, 0, 0), chunk)
        else:
            frames = group.create_dataset("frames", shape=(count,), dtype=h5py.vlen_dtype(np.uint8), chunks=(1,))
            for index, length in enumerate(lengths):
                frames[index] = np.frombuffer(stored.read(length), dtype=np.uint8)
