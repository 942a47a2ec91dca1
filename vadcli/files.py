"""Outputs that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; what was written there takes its place only if all went well.

    A device or named pipe, such as /dev/null, is written to as it is: replacing it would destroy it.

    Raises:
        OSError: with `path` as its filename when the folder is missing, read-only or full.
    """
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
