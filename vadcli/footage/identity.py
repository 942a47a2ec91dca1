"""How a source is known again: by its place, by its bytes, and more cheaply by sizes and times of change."""

import hashlib
from pathlib import Path

from vadcli.footage.naming import images_in


def place_of(source: Path) -> str:
    """Where a source lies, the same from every working directory and through every link."""
    return str(source.resolve())


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
    if source.is_file():
        with source.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in images_in(source):
        add_file(digest, file, file.read_bytes())
    return digest.hexdigest()


def add_file(digest: "hashlib._Hash", file: Path, content: bytes) -> None:
    """Take one picture of a folder into the folder's digest."""
    digest.update(f"{file.name}\n".encode())
    digest.update(content)
