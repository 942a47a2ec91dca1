"""How a source is known again: by its bytes, and more cheaply by the sizes and times of change of its files."""

import hashlib
from pathlib import Path

from vadcli.footage.naming import images_in

READ_BYTES = 1 << 20


def stamp_of(source: Path) -> str:
    """Changes whenever a file of the source is written; reads no content."""
    if source.is_file():
        status = source.stat()
        return f"{status.st_size}:{status.st_mtime_ns}"
    digest = hashlib.sha256()
    for file in images_in(source):
        status = file.stat()
        digest.update(f"{file.name}:{status.st_size}:{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def sha256_of(source: Path) -> str:
    """SHA-256 of a file's bytes; of a folder, over the names and bytes of its pictures in natural order."""
    digest = hashlib.sha256()
    for file in [source] if source.is_file() else images_in(source):
        if file is not source:
            digest.update(f"{file.name}\n".encode())
        with file.open("rb") as content:
            while block := content.read(READ_BYTES):
                digest.update(block)
    return digest.hexdigest()
