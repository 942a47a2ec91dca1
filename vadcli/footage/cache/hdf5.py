"""The HDF5 file of a cache: flat arrays in its root, each in one piece, and nothing else.

HDF5 is asked where an array lies; its bytes are read and written without it. So a file may say what it likes of other
files (links, external storage, virtual data sets), filters or types: none of that is ever followed.
"""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO, FileIO
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from vadcli.footage.cache.manifest import DTYPES, CacheFormat, Manifest, NoCacheError, StoredClip
from vadcli.interruption import interruptions_noted

HEAD_BYTES = 1 << 16  # more than all descriptions take
MOST_NAMES = 64
COPY_BYTES = 1 << 22
MANIFEST, MANIFEST_DTYPE = "manifest", np.dtype("u1")  # the array of its bytes
_HEAP = b"GCOL"  # of texts and references, on whose damage HDF5 may never end


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


def lay_out(arrays: Mapping[str, tuple[np.dtype[Any], int]]) -> tuple[bytes, dict[str, int], int]:
    """A file for arrays of these types and lengths, none of them empty.

    Returns:
        its first bytes, where each array begins, and the length of the file.
    """
    head = _Head()
    offsets: dict[str, int] = {}
    with (
        interruptions_noted(patient=True) as interrupted,
        h5py.File(head, "w", libver=("v110", "v110")) as file,
    ):
        how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        how.set_layout(h5py.h5d.CONTIGUOUS)
        how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        how.set_obj_track_times(False)  # the same arrays, the same bytes
        for name, (dtype, length) in arrays.items():
            h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(dtype), h5py.h5s.create_simple((length,)), how)
        file.flush()
        for name in arrays:  # which lie behind all descriptions, since none has its place before it is written to
            file[name][:1] = 0
            offsets[name] = file[name].id.get_offset()
    if interrupted():
        raise KeyboardInterrupt
    return head.getvalue(), offsets, head.length


def find_arrays(file: int) -> dict[str, tuple[int, int]]:
    """Where each array of an open file begins, and how many items it has; no array is read.

    Raises:
        NoCacheError: for anything that vad does not write, by its name.
        Exception: of HDF5, for damage.
    """
    length = os.fstat(file).st_size
    with interruptions_noted(patient=True) as interrupted:  # HDF5 loses what is raised while it reads
        with _WithoutHeaps(file, closefd=False) as stored, h5py.File(stored, "r") as opened:
            names = list(islice(opened, MOST_NAMES))
            if MANIFEST not in names:
                raise NoCacheError(
                    "a cache of an earlier vad" if "clips" in names else "an HDF5 file, but no cache of vad"
                )
            found = {name: _place(opened, name, length) for name in names}
        if interrupted():
            raise KeyboardInterrupt
    return found


def _place(file: h5py.File, name: str, length: int) -> tuple[int, int]:
    dtype = DTYPES.get(name, MANIFEST_DTYPE if name == MANIFEST else None)
    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        kind = {h5py.ExternalLink: "a link to another file", h5py.SoftLink: "a soft link"}.get(type(link), "a link")
        raise NoCacheError(f"holds {kind}, '{name}'")
    if dtype is None:
        raise NoCacheError(f"holds '{name}', which no cache has")
    try:
        data = file[name]
    except Exception as error:
        raise NoCacheError(f"'{name}' is damaged, or stored in a way that no cache is") from error
    if not isinstance(data, h5py.Dataset):
        raise NoCacheError(f"'{name}' is not an array")
    if data.external:
        raise NoCacheError(f"'{name}' is stored in other files")
    if data.id.get_create_plist().get_layout() != h5py.h5d.CONTIGUOUS:
        raise NoCacheError(f"'{name}' is not stored in one piece")  # in chunks, with or without filters, or elsewhere
    kind = data.id.get_type()
    if kind.committed() or kind != h5py.h5t.py_create(dtype):
        raise NoCacheError(f"'{name}' is of another type than {dtype}")
    if data.ndim != 1:
        raise NoCacheError(f"'{name}' has {data.ndim} dimensions, not one")
    offset, count = data.id.get_offset(), int(data.shape[0])
    if offset is None or offset + count * dtype.itemsize > length:
        raise NoCacheError(f"'{name}' is said to take {count * dtype.itemsize:,} bytes of a file of {length:,}")
    return int(offset), count


class _Head(BytesIO):
    """The beginning of a file, as HDF5 writes it; what it writes behind that is dropped."""

    length = 0  # of the whole file

    def write(self, data: Any) -> int:
        if self.tell() < HEAD_BYTES:
            return super().write(data)
        if any(data):
            raise ValueError("a description behind the arrays")
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        self.length = size or 0
        return self.length


class _WithoutHeaps(FileIO):
    """A file that shows no heap of texts and references, since none is read here: HDF5 refuses what needs it."""

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = super().readinto(view) or 0
        if view[:4] == _HEAP:
            view[:4] = bytes(4)
        return count
