"""Ctrl-C and SIGTERM while something is done that cannot be cut short: noted, and heeded when it is whole."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interruptions_noted(*, patient: bool = False) -> Iterator[Callable[[], bool]]:
    """Yields what tells whether somebody asked to stop.

    The handler that was there is asked in any case, so that the program knows which signal it was; only its
    KeyboardInterrupt is kept back. A job that ignores signals goes on ignoring them, and a program that calls this
    outside its main thread is left as it is. With `patient`, who asks a second time waits as well.
    """
    asked = False
    before: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        try:
            before[number](number, frame)
        except KeyboardInterrupt:
            if asked and not patient:
                raise
            asked = True

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler) and not isinstance(handler, signal.Handlers):
                before[number] = handler
                try:
                    signal.signal(number, note)
                except ValueError:  # not the main thread, which alone is interrupted
                    del before[number]
                    break
        yield lambda: asked
    finally:
        for taken, earlier in before.items():
            signal.signal(taken, earlier)
