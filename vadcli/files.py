"""Outputs that appear whole or not at all."""

import errno
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from vadcli.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

_TEMPORARY = ".vad-"
_LEFT_BEHIND = re.compile(rf"\..*{re.escape(_TEMPORARY)}[a-z0-9_]{{8}}(\.[^.]*)?")
_KEPT_OF_NAME = 80  # characters, so that a temporary name is not too long where its own is not
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_swept: set[Path] = set()


def check_output(flag: str, path: Path, taken: Mapping[Path, str]) -> None:
    """Refuse an output before any work is done for it.

    Args:
        flag: that named it, for messages.
        path: to write.
        taken: what is read or written besides: resolved paths, and what people call them.

    Raises:
        InputError: if it would replace one of those, is a folder, or lies where nothing can be written.
    """
    if path.resolve() in taken:
        raise InputError(f"{flag} {path}: would replace {taken[path.resolve()]}. Choose another name.")
    if path.is_dir():
        raise InputError(f"{flag} {path}: a folder. Give the name of a file.")
    check_folder(flag, path.parent)


def check_folder(flag: str, folder: Path) -> None:
    """Refuse a folder that nothing can be written to.

    Raises:
        InputError: if it does not exist or may not be written to.
    """
    if not folder.is_dir():
        raise InputError(f"{flag}: the folder {folder} does not exist. Make it first.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{flag}: the folder {folder} cannot be written to. Choose another.")


def named(*paths: Path | None) -> dict[Path, str]:
    """Paths that outputs must leave alone, as `check_output` takes them; None stands for none."""
    return {path.resolve(): str(path) for path in paths if path is not None}


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; what was written there takes its place only if all went well.

    A device or named pipe, such as /dev/null, is written to as it is: replacing it would destroy it. What a run that
    was killed left in the same folder is taken away.

    Raises:
        OSError: with `path` as its filename when the folder is missing, read-only or full.
    """
    path = path.resolve()  # a link goes on pointing where it does
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    _sweep(path.parent)
    prefix = f".{path.name[:_KEPT_OF_NAME]}{_TEMPORARY}"
    try:
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix[:_KEPT_OF_NAME], dir=path.parent)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error
    temporary = Path(name)
    with _in_use(handle):
        try:
            with naming(path, temporary):
                yield temporary
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _in_use(handle: int) -> Iterator[None]:
    """Lock a temporary file, so that no other run takes it for what a killed one left, and close it in the end."""
    if fcntl is None:  # Windows neither renames nor deletes an open file
        os.close(handle)
        yield
        return
    try:
        with suppress(OSError):  # where locks do not exist, nothing is swept either
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Take away temporary files that nobody writes to, once in a run for every folder."""
    if fcntl is None or folder in _swept:
        return
    _swept.add(folder)
    with suppress(OSError):
        for path in folder.iterdir():
            if _LEFT_BEHIND.fullmatch(path.name) and path.is_file():
                with suppress(OSError), path.open("rb") as left:
                    fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


@contextmanager
def locked(lock: Path, busy: str, note: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Hold a lock file, which goes when it is let go.

    Args:
        lock: the file, in a folder that is there.
        busy: what to say where another run holds it.
        note: told where the disk has no locks, as some network disks: nothing then keeps another run away.

    Raises:
        InputError: where another run holds it.
    """
    held = FileLock(lock)
    try:
        held.acquire(timeout=0.1, poll_interval=0.02)
    except Timeout as error:
        raise InputError(busy) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise type(error)(error.errno, error.strerror, error.filename or str(lock)) from error
        note(f"{lock.parent}: this disk has no file locks. See to it that no second run writes the same file.")
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
        held.release()


@contextmanager
def naming(path: Path, written: Path | None = None) -> Iterator[None]:
    """Give an OSError of writing that knows no file's name, or that of `written` in its place, the name of `path`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename and str(error.filename) != str(written):
            raise
        raise type(error)(error.errno, error.strerror or str(error), str(path)) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
