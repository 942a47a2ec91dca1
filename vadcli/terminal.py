"""Text on its way to a terminal: one line stays one line, and nothing in it commands the terminal."""

import re
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
