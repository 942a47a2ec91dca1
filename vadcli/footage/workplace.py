"""The folder in which a cache is made: one run's at a time, kept for the next when a run was cut short."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from vadcli.errors import FootageError, InputError
from vadcli.footage.parts import parts_folder

LOCK = "lock"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """The folder of parts of a cache, for this run alone; whoever has it may read the cache and replace it.

    It goes when all went well, or when the footage was at fault and no clip was decoded; it stays when interrupted or
    out of space.

    Raises:
        InputError: when another run has it, or the disk is full.
    """
    folder = parts_folder(out)
    with _locked(out, folder):
        try:
            yield folder
        except FootageError:
            if not _finished(folder):
                _remove(folder)
            raise
        except (OSError, RuntimeError) as error:
            if not _is_full(error):
                raise
            raise InputError(f"{out}: the disk is full. {_clear(folder)}") from error
        _remove(folder)


@contextmanager
def _locked(out: Path, folder: Path) -> Iterator[None]:
    """Hold the folder's lock; where the run before took folder or lock away between two steps, from the beginning."""
    held = False
    while not held:
        folder.mkdir(exist_ok=True)
        try:
            lock = (folder / LOCK).open("w")
        except FileNotFoundError:
            continue
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(f"{out}: another `vad prepare` is writing it. Wait, or use another --out.") from error
            held = _is_there(lock, folder / LOCK)
            if held:
                yield


def _is_there(lock: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _is_full(error: OSError | RuntimeError) -> bool:
    """Whether the disk is full, which HDF5 says in words alone."""
    said = str(error)
    return getattr(error, "errno", None) in FULL or "No space left" in said or "File too large" in said


def _remove(folder: Path) -> None:
    """Take the folder away, its lock last; a run that asks for the lock from then on has the folder."""
    for file in folder.iterdir():
        if file.name != LOCK:
            file.unlink()
    (folder / LOCK).unlink()
    with suppress(OSError):  # the next run is in it already
        folder.rmdir()


def _finished(folder: Path) -> int:
    """How many decoded clips it holds."""
    return len(list(folder.glob("*.json")))


def _clear(folder: Path) -> str:
    """Remove files that cannot be used again after a full disk, and report those that remain."""
    (folder / "cache.h5").unlink(missing_ok=True)
    if kept := _finished(folder):
        return (
            f"Make room and run the same command to go on; {kept} decoded clips are kept in {folder.name}, "
            "which may be deleted instead."
        )
    _remove(folder)
    return "Nothing was written. Make room and run the same command again."
