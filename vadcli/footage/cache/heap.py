"""The global heap of an HDF5 file, where texts and JPEG frames lie, and the check of it before HDF5 uses it.

Its collections have no checksums. HDF5 walks one from object to object, and stands still for ever at a size of 0.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import h5py

from vadcli.interruption import interruptions_noted

_SIGNATURE = b"GCOL"
_REFERENCE = struct.Struct("<IQI")  # bytes, address of the collection, number in it
_COLLECTION = struct.Struct("<4sB3xQ")  # signature, version, bytes
_OBJECT = struct.Struct("<HH4xQ")  # number, 0 for free space; references; bytes
_MOST_OBJECTS = 1 << 16


@contextmanager
def checked_hdf5(path: Path) -> Iterator[h5py.File]:
    """A file for reading its structure, in which HDF5 sees no damaged collection; Ctrl-C waits, as HDF5 loses it."""
    with interruptions_noted(patient=True) as interrupted:
        with _CheckedFile(path) as stored, h5py.File(stored, "r") as file:
            yield file
        if interrupted():
            raise KeyboardInterrupt


def is_checkable(file: h5py.File) -> bool:
    """Whether addresses and sizes in a file are as HDF5 writes them by default, from its first byte on."""
    return bool(file.userblock_size == 0 and file.id.get_create_plist().get_sizes() == (8, 8))


def check_collections(data: h5py.Dataset, start: int, stop: int) -> None:
    """Check the collections that rows of variable length lie in.

    Args:
        data: (n,), in chunks of one row each, uncompressed, of a file that `is_checkable`, opened by its path.
        start: the first row.
        stop: the row after the last.

    Raises:
        ValueError: for a damaged one.
    """
    handle, checked = data.file.id.get_vfd_handle(), {0}  # 0 is of a row without bytes
    for row in range(start, stop):
        _, reference = data.id.read_direct_chunk((row,))
        _, address, _ = _REFERENCE.unpack(reference)
        if address not in checked:
            _check(handle, address)
            checked.add(address)


class _CheckedFile(FileIO):
    """A file that shows a damaged collection without its signature, so that HDF5 refuses it."""

    def readinto(self, buffer: Any) -> int:
        view, address = memoryview(buffer).cast("B"), self.tell()
        count = super().readinto(view) or 0
        if view[:4] == _SIGNATURE:
            try:
                _check(self.fileno(), address)
            except ValueError:
                view[:4] = bytes(4)
        return count


def _check(handle: int, address: int) -> None:
    """Walk a collection of an open file as HDF5 does."""
    signature, _, size = _COLLECTION.unpack(_bytes_at(handle, address))
    if signature != _SIGNATURE:
        raise ValueError("no global heap")
    at = _COLLECTION.size
    for _ in range(_MOST_OBJECTS):
        if size - at < _OBJECT.size:
            break
        number, _, held = _OBJECT.unpack(_bytes_at(handle, address + at))
        step = held if number == 0 else _OBJECT.size + -(-held // 8) * 8
        if step < _OBJECT.size:
            raise ValueError(f"an object of {step} bytes in a global heap")
        at += step
    if not size - _OBJECT.size < at <= size:
        raise ValueError(f"objects of more than the {size} bytes of a global heap")


def _bytes_at(handle: int, at: int) -> bytes:
    if at >= 1 << 63 or len(data := os.pread(handle, _OBJECT.size, at)) < _OBJECT.size:
        raise ValueError(f"{at}: past the end")
    return data
