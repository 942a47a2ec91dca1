"""Identity of a source: by its location, by its bytes, and more cheaply by sizes and times of change."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.naming import images_in

AS_ON_DISK = "surrogateescape"  # the bytes of a file's name, whatever its encoding


def location_of(source: Path) -> str:
    """The real path of a source, the same from every working directory and through every link."""
    return os.path.realpath(source)  # which, unlike Path.resolve, takes links in a circle


def location_digest(source: Path) -> str:
    """The digest by which a cache knows a source's real path, without saying it."""
    return hashlib.sha256(location_of(source).encode(errors=AS_ON_DISK)).hexdigest()


def utf8_location(source: Path) -> str:
    """The real path of a source, for decoders and files that know only UTF-8.

    Raises:
        FootageError: when a name on the way, or that of a link to it, is of another encoding.
    """
    location = location_of(source)
    for name in (location, str(source)):
        if name != name.encode("utf-8", "replace").decode():
            raise FootageError(f"{name!a}: a name that is not UTF-8. Rename the file or its folder.")
    return location


def stamp_of(source: Path) -> str:
    """Changes whenever a file of the source is written; reads no content.

    Raises:
        FootageError: when it is gone, or may not be looked at.
    """
    with reading(source):
        if not source.is_dir():
            status = source.stat()
            return f"{status.st_size}:{status.st_mtime_ns}"
        digest = hashlib.sha256()
        for file in images_in(source):
            status = file.stat()
            digest.update(f"{file.name}:{status.st_size}:{status.st_mtime_ns}\n".encode(errors=AS_ON_DISK))
        return digest.hexdigest()


def sha256_of(source: Path) -> str:
    """SHA-256 of a file's bytes; of a folder, over the names and bytes of its pictures in natural order.

    Raises:
        FootageError: when it is gone, or may not be read.
    """
    with reading(source):
        if not source.is_dir():
            with source.open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest()
        digest = hashlib.sha256()
        for file in images_in(source):
            digest.update(f"{file.name}\n".encode(errors=AS_ON_DISK))
            digest.update(file.read_bytes())
        return digest.hexdigest()


@contextmanager
def reading(name: Path | str) -> Iterator[None]:
    """Footage that cannot be read is at fault, and not the run: recordings are rotated away, links lead nowhere.

    Raises:
        FootageError: for the system's errors, in one line.
    """
    try:
        yield
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise FootageError(f"{error.filename or name}: {problem}. Check the path.") from error
