"""Outputs that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vadcli.errors import InputError


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

    A device or named pipe, such as /dev/null, is written to as it is: replacing it would destroy it.

    Raises:
        OSError: with `path` as its filename when the folder is missing, read-only or full.
    """
    path = path.resolve()  # a link goes on pointing where it does
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError of writing, which knows no file's name, the name of `path`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise type(error)(error.errno, error.strerror, error.filename or str(path)) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
