"""Ctrl-C and SIGTERM while a step is taken: noted, and heeded when the step is whole."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptions_noted() -> Iterator[Callable[[], bool]]:
    """Yields what tells whether somebody asked to stop; who asks a second time is not kept waiting.

    A step changes weights, moments and stored items one after the other: cut short anywhere, it can be neither kept
    nor taken again. Only signals that would raise KeyboardInterrupt are taken over, so that a job that ignores them
    goes on ignoring them, and a program that calls this outside its main thread is left as it is.
    """
    asked = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    taken = []
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is signal.default_int_handler:
                try:
                    signal.signal(number, note)
                except ValueError:  # not the main thread, which alone is interrupted
                    break
                taken.append(number)
        yield lambda: asked
    finally:
        for number in taken:
            signal.signal(number, signal.default_int_handler)
