"""A cache written whole: decoded clips, and clips of the cache that it replaces."""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vadcli.footage.cache.hdf5 import MANIFEST, lay_out
from vadcli.footage.cache.manifest import DTYPES, CacheFormat, Clip, Manifest

COPY_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Part:
    """A clip, and where its part of every array lies.

    Attributes:
        clip: its record.
        regions: of an array by its name: a file, the first byte in it, and the number of bytes.
    """

    clip: Clip
    regions: Callable[[str], tuple[Path, int, int]]


def write_cache(
    path: Path, form: CacheFormat, parts: Sequence[Part], advance: Callable[[int], None] = lambda frames: None
) -> None:
    """Write a cache; the same clips give the same bytes.

    Args:
        path: a temporary name; the caller renames it.
        form: of all frames.
        parts: the clips, in the order they will have.
        advance: called with the number of frames written.

    Raises:
        OSError: when the disk is full.
    """
    manifest = Manifest(form, tuple(part.clip for part in parts))
    written = manifest.to_json()
    lengths = {array: starts[-1] for array, starts in manifest.starts().items() if starts[-1]}
    arrays = {MANIFEST: (np.dtype("u1"), len(written))}
    arrays |= {array: (DTYPES[array], length) for array, length in lengths.items()}
    head, offsets, length = lay_out(arrays)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(length)
        file.seek(offsets[MANIFEST])
        file.write(written)
        for array in lengths:
            file.seek(offsets[array])
            for part in parts:
                _copy(*part.regions(array), file)
                if array == "frames":
                    advance(part.clip.num_frames)
        file.flush()
        os.fsync(file.fileno())


def _copy(source: Path, start: int, size: int, file: BinaryIO) -> None:
    """Write so many bytes of a file to another."""
    if not size:
        return
    with source.open("rb", buffering=0) as opened:
        opened.seek(start)
        while size:
            data = opened.read(min(size, COPY_BYTES))
            if not data:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(source))
            file.write(data)
            size -= len(data)
