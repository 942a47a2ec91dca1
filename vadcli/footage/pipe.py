"""A pipe, socket or FIFO as the file object that PyAV reads: looked at before it is opened, and left at any time."""

import os
import select
import stat
import threading
from pathlib import Path

HEAD_BYTES = 4096  # looked at before FFmpeg sees anything
WAIT_SECONDS = 0.2


class Pipe:
    """Bytes that are read forward; blocks until there are some, but not for long once it was stopped.

    The kernel's pipe is all that is held: nothing is spooled, and whoever writes waits for us. When `stopped` is set,
    from any thread, the pipe is at its end.
    """

    def __init__(self, descriptor: int, owned: bool) -> None:
        """Look at the first bytes, `head`, of a descriptor that `close` closes if it is `owned`."""
        self._descriptor, self._owned, self.stopped = descriptor, owned, threading.Event()
        self.head = b""
        while len(self.head) < HEAD_BYTES and (block := self._wait(HEAD_BYTES - len(self.head))):
            self.head += block
        self._begin = self.head

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        if not self._begin:
            return self._wait(size)
        data, self._begin = self._begin[:size], self._begin[size:]
        return data

    def close(self) -> None:
        """Close the descriptor if it is ours."""
        if self._owned:
            os.close(self._descriptor)
            self._owned = False

    def _wait(self, size: int) -> bytes:
        while not self.stopped.is_set():
            if select.select((self._descriptor,), (), (), WAIT_SECONDS)[0]:
                return os.read(self._descriptor, size)
        return b""


def is_pipe(path: Path) -> bool:
    """Whether a path is a FIFO, as `<(…)` makes them, or a device that is read forward."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
