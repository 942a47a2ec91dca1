"""Outputs that appear whole or not at all."""

import codecs
import errno
import os
import re
import secrets
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from vadcli.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

VIDEO_SUFFIXES = frozenset([
    ".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".ogv", ".flv", ".wmv", ".asf", ".y4m", ".mjpeg",
    ".mjpg", ".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".m2ts", ".mts", ".h264", ".264", ".h265", ".265", ".hevc", ".dav",
    ".mxf", ".divx", ".f4v", ".3g2", ".mod", ".qt",
])  # fmt: skip
IMAGE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".pgm", ".ppm", ".webp"])
Kind = Literal["records", "report", "checkpoint", "cache", "video", "picture", "exported model"]
# How the names of what we write end.
_ENDINGS: dict[Kind, tuple[str, ...]] = {
    "records": (".ndjson", ".jsonl", ".csv", ".json", ".txt", ".srt", ".vtt"),
    "report": (".html", ".htm"),
    "checkpoint": (".safetensors",),
    "cache": (".h5", ".hdf5"),
    "video": (".mp4",),
    "picture": (".png", ".jpg", ".jpeg"),
    "exported model": (".onnx",),
}
_KNOWN_BY_NAME = ("cache", "video", "picture", "exported model")
_OTHERS = {".pdf", ".yaml", ".yml", *VIDEO_SUFFIXES, *IMAGE_SUFFIXES}.union(*_ENDINGS.values())
_TEMPORARY = ".vad-"
_LEFT_BEHIND = re.compile(rf"\..*{re.escape(_TEMPORARY)}[a-z0-9_]{{8}}(\.[^.]*)?")
_KEPT_OF_NAME = 80  # characters, so that a temporary name is not too long where its own is not
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_UNLOCKED = "{}: this disk has no file locks. See to it that no second run writes the same file."
_swept: set[Path] = set()


def encoding_of(path: Path) -> str:
    """UTF-8, or UTF-16 as Windows writes it, with or without a mark of the order of bytes."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-16-le" if head[1::2] == b"\0\0" else "utf-16-be" if head[::2] == b"\0\0" else "utf-8-sig"


def check_output(
    flag: str, path: Path, taken: Mapping[Path, str], kind: Kind | None = None, otherwise: str = ""
) -> None:
    """Refuse an output before any work is done for it.

    Args:
        flag: that named it, for messages.
        path: to write.
        taken: what is read or written besides, see `named`.
        kind: of what is written there, which a name has to suit; None for anything.
        otherwise: how to get what the name seems to ask for, a sentence.

    Raises:
        InputError: if it would replace one of those or a picture in one of them, is a folder, is the name of something
            else, or lies where nothing can be written.
    """
    if (replaced := _replaced(path, taken)) is not None:
        raise InputError(f"{flag} {path}: would replace {replaced}. Choose another name.")
    if path.is_dir():
        raise InputError(f"{flag} {path}: a folder. Give the name of a file.")
    if kind is not None and not _suits(path, kind):
        *most, last = _ENDINGS[kind]
        endings = f"{', '.join(most)} or {last}" if most else last
        what = "records are" if kind == "records" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} is"
        raise InputError(f"{flag} {path}: {what} written there. Use a name that ends in {endings}.{otherwise}")
    if kind is not None and path.is_file() and path.stat().st_size and not _is_ours(path, kind):
        raise InputError(f"{flag} {path}: exists, and is none of ours. Choose another name, or remove it.")
    check_folder(flag, path.parent)


def _is_ours(path: Path, kind: Kind) -> bool:
    """Whether a file that is there may be an older output of the same kind."""
    if path.suffix.lower() in _ENDINGS[kind]:
        return True
    with path.open("rb") as file:
        head = file.read(16)
    return head[8:9] == b"{" if kind == "checkpoint" else head.startswith(b'{"schema":"vad.')


def _suits(path: Path, kind: Kind) -> bool:
    """Whether a name, or a device, can be that of an output: records and checkpoints may be called anything else."""
    suffix = path.suffix.lower()
    if suffix in _ENDINGS[kind] or kind in _KNOWN_BY_NAME:
        return suffix in _ENDINGS[kind]
    special = path.exists() and not path.is_file()
    return not suffix or special or (kind != "report" and suffix not in _OTHERS)


def _replaced(path: Path, taken: Mapping[Path, str]) -> str | None:
    """The input that an output would replace: a file by any of its names, or footage in a folder of it."""
    place = path.resolve()
    if place in taken:
        return taken[place]
    if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES:
        for folder in place.parents:
            if folder in taken:
                return f"or join the footage in {taken[folder]}"
    if path.is_file():
        return next((name for other, name in taken.items() if other.is_file() and other.samefile(path)), None)
    return None


def check_folder(flag: str, folder: Path) -> None:
    """Raise InputError for a folder that does not exist or may not be written to."""
    if not folder.is_dir():
        raise InputError(f"{flag}: the folder {folder} does not exist. Make it first.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{flag}: the folder {folder} cannot be written to. Choose another.")


def check_output_folder(flag: str, folder: Path, taken: Mapping[Path, str]) -> None:
    """Refuse a folder for pictures, made if it is missing, before any work is done for it.

    Raises:
        InputError: if it is one of those or lies in one, is a file, or cannot be made.
    """
    place = folder.resolve()
    if found := next((each for each in (place, *place.parents) if each in taken and each.is_dir()), None):
        raise InputError(f"{flag} {folder}: its pictures would join the footage in {taken[found]}. Choose another.")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{flag} {folder}: a file. Give the name of a folder.")
    check_folder(flag, folder if folder.is_dir() else folder.parent)


def named(*paths: Path | None) -> dict[Path, str]:
    """Paths that outputs must leave alone, resolved, and what people call them; None stands for none."""
    return {path.resolve(): str(path) for path in paths if path is not None}


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; what was written there takes its place only if all went well.

    A device or named pipe, such as /dev/null, is written to as it is: replacing it would destroy it. What a run that
    was killed left in the same folder is taken away.

    Raises:
        OSError: with `path` as its filename when the folder is missing, read-only or full.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path  # as it is: behind /dev/stdout lies a pipe that has no name
        return
    path = path.resolve()  # a link goes on pointing where it does
    _sweep(path.parent)
    suffix = path.suffix[:_KEPT_OF_NAME]
    temporary = path.with_name(f".{path.name[:_KEPT_OF_NAME]}{_TEMPORARY}{secrets.token_hex(4)}{suffix}")
    with naming(path, temporary), temporary.open("xb") as held:
        if fcntl is None:  # Windows neither renames nor deletes an open file
            held.close()
        else:
            with suppress(OSError):  # so that no other run sweeps it; where locks do not exist, nothing is swept
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def temporary_folder() -> Path:
    """The folder for temporary files.

    Raises:
        InputError: where there is none.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise InputError(f"temporary files: {error.strerror}. Set TMPDIR to a folder with room.") from error


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
def locked(path: Path, busy: str, note: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Keep an output for this run by a lock file beside it, which goes when it is let go.

    Args:
        path: the output.
        busy: what to say where another run keeps it.
        note: called where the disk has no locks, as some network disks: nothing then keeps another run away.

    Raises:
        InputError: where another run keeps it, or its folder is none to write to.
        OSError: with `path` as its filename where the lock file cannot be made.
    """
    check_folder(str(path), path.parent)
    lock = path.with_name(f".{path.name[:_KEPT_OF_NAME]}.lock")
    held = FileLock(lock)
    try:
        with warnings.catch_warnings(action="ignore"):  # of a lock that is a file's being there
            held.acquire(timeout=0.1, poll_interval=0.02)
    except Timeout as error:
        if not lock.exists():  # nor can it: another run would have let go of it meanwhile
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from error
        raise InputError(busy) from error
    except NotImplementedError:
        note(_UNLOCKED.format(path.parent))
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise type(error)(error.errno, error.strerror, str(path)) from error
        note(_UNLOCKED.format(path.parent))
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
