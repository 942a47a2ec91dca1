"""Text on its way out: nothing in it commands a terminal, and a run outlasts whoever reads it."""

import codecs
import io
import os
import re
import sys
from contextlib import suppress
from typing import TextIO

_COMMANDS = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"  # and marks that turn text around
_COMMAND = re.compile(f"[{_COMMANDS}]")
_COMMAND_OR_LINE_END = re.compile(f"[{_COMMANDS}\n]")


def printable(text: object) -> str:
    r"""One line, whatever a file, an adapter or a cache is called: control characters stand as escapes.

    >>> print(printable("a\x1b[31mb\nvad: fine"))
    a\x1b[31mb\nvad: fine
    """
    return _COMMAND_OR_LINE_END.sub(_escaped, str(text))


def printable_lines(text: str) -> str:
    """The same for text whose line ends are meant."""
    return _COMMAND.sub(_escaped, text)


def shortened(text: str, most: int, *, end: bool = False) -> str:
    """At most so many characters of a text: its beginning, or its end, where names of files differ.

    >>> shortened("recordings/gate/monday.mp4", 12), shortened("recordings/gate/monday.mp4", 12, end=True)
    ('recordings/…', '…/monday.mp4')
    """
    if len(text) <= most:
        return text
    return f"…{text[1 - most :]}" if end else f"{text[: most - 1]}…"


def first_line(error: BaseException) -> str:
    """The first line of what an error of another program says, at most 120 characters of it; else its kind."""
    return shortened((str(error).splitlines() or [type(error).__name__])[0], 120)


class Outlet(io.TextIOWrapper):
    """stdout or stderr: a name goes out as the bytes it is, and what the encoding does not have as an escape.

    Where the reader has gone, what is written is dropped, so that a file is still written and a gate still judged.
    Another error, such as a full disk, is raised once by stdout, whose later writes are dropped, and never by stderr.

    Attributes:
        outlasts_reader: whether a run goes on when its reader has gone; else BrokenPipeError is raised.
    """

    def __init__(self, descriptor: int, encoding: str, *, line_buffering: bool, needed: bool) -> None:
        """Of an open descriptor, which stays open; an error of one that is `needed` is raised."""
        buffer = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
        super().__init__(buffer, encoding, "vad.name", line_buffering=line_buffering)
        self.outlasts_reader, self._needed = True, needed

    def write(self, text: str) -> int:
        """Write text, unless nobody reads it."""
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, unless nobody reads it."""
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        gone = isinstance(error, BrokenPipeError)
        if gone or self._needed:  # what is held, and all that follows, goes nowhere
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
        if self._needed and not (gone and self.outlasts_reader):
            raise error


def open_outlets() -> None:
    """Put outlets in the place of stdout and stderr; one that is closed leads nowhere."""
    for descriptor in range(3):  # else the next file that is opened would be taken for it
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream: TextIO | None = getattr(sys, name)
        with suppress(OSError):
            encoding = stream.encoding if stream is not None else "utf-8"
            at_once = descriptor == 2 or (stream is not None and stream.isatty())
            setattr(sys, name, Outlet(descriptor, encoding, line_buffering=at_once, needed=descriptor == 1))


def stop_with_reader() -> None:
    """From now on, a run that has nothing to do but print ends when its reader has gone."""
    if isinstance(sys.stdout, Outlet):
        sys.stdout.outlasts_reader = False


class PrintableStream:
    """A stream that hands printable text to a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text; its line ends are meant."""
        return self._stream.write(printable_lines(text))

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _written(error: UnicodeError) -> tuple[bytes | str, int]:
    """A character that an encoding does not have: a name's byte that it stands for, or an escape as JSON has it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    try:
        return character.encode("ascii", "surrogateescape"), error.start + 1
    except UnicodeEncodeError:
        units = character.encode("utf-16-be", "surrogatepass")
        return b"".join(
            b"\\u%04x" % int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)
        ), error.start + 1


codecs.register_error("vad.name", _written)
