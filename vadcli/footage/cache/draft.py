"""The folder in which a cache is made: one run's at a time, kept for the next when a run was cut short."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vadcli.errors import FootageError, InputError
from vadcli.files import locked, naming
from vadcli.footage.cache.decoded import draft_folder

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def draft(out: Path, note: Callable[[str], None] = lambda text: None) -> Iterator[Path]:
    """The folder of a cache's decoded clips, for this run alone; whoever has it may read the cache and write to it.

    It goes when all went well, or when the footage was at fault and no clip was decoded; it stays when interrupted or
    out of space.

    Args:
        out: the cache.
        note: called where the disk has no locks.

    Raises:
        InputError: when another run has it, or the disk is full.
    """
    folder = draft_folder(out)
    busy = f"{out}: another `vad prepare` is writing it. Wait, or use another --out."
    with locked(out, busy, note):
        try:
            with naming(out, folder):
                folder.mkdir(exist_ok=True)
            yield folder
        except FootageError:
            if not _finished(folder):
                _remove(folder)
            raise
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise InputError(f"{out}: the disk is full. {_clear(folder)}") from error
        _remove(folder)


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def _finished(folder: Path) -> int:
    """The number of decoded clips in it."""
    return len(list(folder.glob("*.json")))


def _clear(folder: Path) -> str:
    """Remove files that cannot be used again after a full disk, and report those that remain."""
    if not folder.is_dir():
        return "Nothing was written. Make room and run the same command again."
    (folder / "cache.h5").unlink(missing_ok=True)
    if kept := _finished(folder):
        return (
            f"Make room and run the same command to go on; {kept} decoded clips are kept in {folder.name}, "
            "which may be deleted instead."
        )
    _remove(folder)
    return "Nothing was written. Make room and run the same command again."
