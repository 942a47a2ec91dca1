"""A file as HDF5 writes it: new bytes go to its end, and what it changes before that shows in one write at the end.

HDF5 changes its structures where they lie, in no order that a kill would respect. Here only the first page of a file
may change, which the operating system writes as one: until then the file's own head leads to nothing new, and readers
find what they had. A cache is laid out so that adding clips changes no other page (`writer`).
"""

import os
import struct
from collections.abc import Callable
from io import SEEK_CUR, SEEK_END
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PAGE_BYTES = 4096
_HEAD = struct.Struct("<8sBBBBQQQ")  # signature, version, sizes of offsets and lengths, flags, base, extension, end


def end_of_hdf5(path: Path) -> int | None:
    """The length that an HDF5 file says it has; None of a kind that is not added to.

    Longer is a file to which adding was ended midway.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    signature, version, offsets, lengths, _, base, _, end = _HEAD.unpack(head)
    known = signature == b"\x89HDF\r\n\x1a\n" and version in (2, 3) and (offsets, lengths, base) == (8, 8, 0)
    return int(end) if known and PAGE_BYTES <= end <= path.stat().st_size else None


class UncommittedFile:
    """The file that HDF5 writes to, which is as it was unless `commit` was reached.

    Errors of writing and interruptions wait for `check` or `commit`, since HDF5 crashes at the program's end where it
    met one.
    """

    def __init__(self, path: Path, end: int, interrupted: Callable[[], bool]) -> None:
        """Open a file to write behind its first `end` bytes.

        Args:
            path: of the file.
            end: its length without what an earlier run left behind its end.
            interrupted: whether somebody asked to stop.
        """
        self._file = path.open("r+b", buffering=0)
        self._end, self._interrupted = end, interrupted
        self._was = self._file.read(min(PAGE_BYTES, end))
        self._page = bytearray(self._was)
        self._at = 0
        self._changed_before = False
        self._error: OSError | None = None
        self._committed = False
        self._file.truncate(end)

    def check(self) -> None:
        """Raise what went wrong so far.

        Raises:
            OSError: as it was met.
            KeyboardInterrupt: when somebody asked to stop.
        """
        if self._error is not None:
            raise self._error
        if self._interrupted():
            raise KeyboardInterrupt

    def commit(self) -> bool:
        """Make what was written part of the file, once HDF5 has closed it.

        Returns:
            whether that is possible: more changed than the first page otherwise, and nothing is.

        Raises:
            OSError: when something could not be written.
            KeyboardInterrupt: when somebody asked to stop, before or while it became part of the file.
        """
        self.check()
        if self._changed_before:
            return False
        os.fsync(self._file.fileno())
        self.check()
        self._committed = True  # whatever fails from here on, the head may lead to the new bytes
        if self._page != self._was:
            self._file.seek(0)
            self._file.write(self._page)
            os.fsync(self._file.fileno())
        self.check()
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place in the file."""
        start = {SEEK_CUR: self._at, SEEK_END: self._length()}.get(whence, 0)
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """The place in the file."""
        return self._at

    def read(self, size: int) -> bytes:
        """Bytes as HDF5 wrote them, be they shown yet or not."""
        data = bytearray(size)
        self.readinto(data)
        return bytes(data)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with bytes as HDF5 wrote them."""
        view = memoryview(buffer).cast("B")
        self._file.seek(self._at)
        done = 0
        while done < len(view) and (got := self._file.readinto(view[done:])):
            done += got
        if (held := min(len(self._page) - self._at, len(view))) > 0:
            view[:held] = self._page[self._at : self._at + held]
        self._at += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Take bytes: of the first page to be shown later, behind the end at once."""
        view = memoryview(data).cast("B")
        start, count = self._at, len(view)
        self._at += count
        old = min(max(self._end - start, 0), count)  # bytes that lie where the file had some
        held = min(max(len(self._page) - start, 0), old)
        self._page[start : start + held] = view[:held]
        if held < old and self._stored(start + held, old - held) != view[held:old]:
            self._changed_before = True
        if old < count and self._error is None:
            try:
                self._file.seek(start + old)
                while old < count:
                    old += self._file.write(view[old:]) or 0
            except OSError as error:
                self._error = error
        return count

    def flush(self) -> None:
        """Nothing waits but the first page."""

    def truncate(self, size: int) -> int:
        """Set the file's length, but never below what it had."""
        try:
            self._file.truncate(max(size, self._end))
        except OSError as error:
            self._error = self._error or error
        return size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if not self._committed:
                self._file.truncate(self._end)

    def _length(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _stored(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        return self._file.read(count) or b""
