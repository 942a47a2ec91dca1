"""The folder in which a cache is made: one run's at a time, kept for the next when a run was cut short."""

import errno
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vadcli.errors import FootageError, InputError
from vadcli.footage.parts import parts_folder

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """The folder of parts of a cache, for this run alone.

    It goes when all went well, or when the footage was at fault; it stays when interrupted or out of space.

    Raises:
        InputError: when another run has it, or the disk is full.
    """
    folder = parts_folder(out)
    try:
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(f"{out}: another `vad prepare` is writing it. Wait, or use another --out.") from error
            try:
                yield folder
            except FootageError:
                shutil.rmtree(folder)
                raise
            shutil.rmtree(folder)
    except (OSError, RuntimeError) as error:
        full = getattr(error, "errno", None) in FULL or "No space left" in str(error) or "File too large" in str(error)
        if not full:
            raise
        raise InputError(f"{out}: the disk is full. {_clear(folder)}") from error


def _clear(folder: Path) -> str:
    """Take away what cannot be used again after a full disk, and say what was left."""
    (folder / "cache.h5").unlink(missing_ok=True)
    if kept := len(list(folder.glob("*.json"))):
        return (
            f"Make room and run the same command to go on; {kept} decoded clips are kept in {folder.name}, "
            "which may be deleted instead."
        )
    shutil.rmtree(folder, ignore_errors=True)
    return "Nothing was written. Make room and run the same command again."
