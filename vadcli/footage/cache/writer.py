"""A cache written whole: decoded clips, and clips of the cache that it replaces."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from vadcli.footage.cache.hdf5 import MANIFEST, MANIFEST_DTYPE, lay_out
from vadcli.footage.cache.manifest import DTYPES, CacheFormat, Manifest, StoredClip

COPY_BYTES = 1 << 22


def write_cache(
    path: Path, form: CacheFormat, clips: Sequence[StoredClip], advance: Callable[[int], None] = lambda frames: None
) -> None:
    """Write a cache of clips in their order, under a temporary name; the same clips give the same bytes.

    Raises:
        OSError: when the disk is full.
    """
    manifest = Manifest(form, tuple(stored.clip for stored in clips))
    written = manifest.to_json()
    lengths = {array: starts[-1] for array, starts in manifest.starts().items() if starts[-1]}
    arrays = {MANIFEST: (MANIFEST_DTYPE, len(written))}
    arrays |= {array: (DTYPES[array], length) for array, length in lengths.items()}
    head, offsets, length = lay_out(arrays)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(length)
        file.seek(offsets[MANIFEST])
        file.write(written)
        for array in lengths:
            file.seek(offsets[array])
            for stored in clips:
                _copy(*stored.regions(array), file)
                if array == "frames":
                    advance(stored.clip.num_frames)
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
