"""HDF5 files that somebody else may have made: how they are opened, and what in them is not read.

HDF5 reads other files of the machine where a file says so (external links, external storage, virtual data sets), loads
plug-ins for filters, and takes memory for whatever size is claimed. Whoever reads a file from here looks at an object
only by `members` and at a data set only after `why_not_read` said nothing.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

PLAIN_FILTERS = frozenset([h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE])
MOST_MEMBERS = 1_000_000
MOST_CHUNK = 1 << 28  # bytes of a piece, which are in memory at once
DEEPEST = 64


def open_hdf5(file: Path | Any) -> h5py.File:
    """A file for reading; where locks do not exist, or a writer holds one, it is read without.

    Args:
        file: a path, or an object like an open binary file.
    """
    try:
        return h5py.File(file, "r")
    except OSError as error:
        if "lock" not in str(error):
            raise
        return h5py.File(file, "r", locking=False)


def members(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """The members of a group itself, each with its name.

    Raises:
        ValueError: for a link that leads elsewhere, be it into another file.
    """
    for number, name in enumerate(group):
        if number == MOST_MEMBERS:
            raise ValueError(f"more than {MOST_MEMBERS:,} things in one group")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link that leads elsewhere")
        yield name, group[name]


def groups_below(group: h5py.Group) -> Iterator[tuple[str, h5py.Group]]:
    """All groups below one, by their path from it, each before its own.

    Raises:
        ValueError: as `members`; and for one that is met by two paths, since a few such make paths without end, or
            that is nested too deep.
    """
    waiting, met = [("", group)], {_address(group)}
    while waiting:
        path, outer = waiting.pop()
        for name, inner in members(outer):
            if isinstance(inner, h5py.Group):
                full, address = f"{path}{name}", _address(inner)
                if address in met or full.count("/") > DEEPEST:
                    raise ValueError("groups hold each other, or are nested too deep")
                met.add(address)
                yield full, inner
                waiting.append((f"{full}/", inner))


def _address(group: h5py.Group) -> int:
    return int(h5py.h5o.get_info(group.id).addr)


def why_not_read(data: h5py.Dataset, length: int) -> str | None:
    """Why a data set is not read though it is well-formed; None where it can be.

    Args:
        data: only its description is looked at.
        length: of the whole file in bytes.
    """
    if data.is_virtual or data.external:
        return "stored in other files"
    how = data.id.get_create_plist()
    filters = {how.get_filter(index)[0] for index in range(how.get_nfilters())}
    if strange := filters - PLAIN_FILTERS:
        return f"stored by filter {min(strange)}"
    if data.id.get_storage_size() > length:
        return f"said to take {data.id.get_storage_size():,} bytes in a file of {length:,}"
    if data.chunks is not None and (piece := math.prod(data.chunks) * data.dtype.itemsize) > MOST_CHUNK:
        return f"stored in pieces of {piece:,} bytes"
    return None
