"""HDF5 files that somebody else may have made: how they are opened, and what in them is not read.

HDF5 reads other files of the machine where a file says so (external links, external storage, virtual data sets), loads
plug-ins for filters, and takes memory for whatever size is claimed. Whoever reads a file from here looks at an object
only by `members` and at a data set only after `why_not_read` said nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

PLAIN_FILTERS = frozenset([h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE])
MOST_MEMBERS = 1_000_000
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
        ValueError: as `members`; and for groups that hold each other, or are nested without end.
    """
    waiting = [("", group)]
    while waiting:
        path, outer = waiting.pop()
        for name, inner in members(outer):
            if isinstance(inner, h5py.Group):
                full = f"{path}{name}"
                if full.count("/") > DEEPEST:
                    raise ValueError("groups are nested without end")
                yield full, inner
                waiting.append((f"{full}/", inner))


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
    return None
