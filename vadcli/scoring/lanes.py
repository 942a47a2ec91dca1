"""Sources read side by side: a thread a source fills a short queue, and batches are gathered from all of them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from vadcli.footage.frames import Frame, Gap, SourceInfo

# How long stopping waits for threads that are stuck in a read.
_STOP_SECONDS = 3.0


class Footage(Protocol):
    """Frames of one source, in order, once; `vadcli.footage.source.FrameSource` is one."""

    info: SourceInfo

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, complete when iteration has ended."""

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Where a stream was lost and reopened so far."""

    def __iter__(self) -> Iterator[Frame]:
        """Frames, waiting for them."""


@dataclass(frozen=True)
class Opener:
    """A source that is not open yet.

    Attributes:
        open: opens it; whatever it raises ends the source and no other.
        live: frames come when they come, so none is kept waiting for others.
    """

    open: Callable[[], AbstractContextManager[Footage]]
    live: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A source was opened."""

    source: int
    info: SourceInfo


@dataclass(frozen=True, slots=True)
class Read:
    """A frame was read; `after_gap` if frames are missing before it."""

    source: int
    frame: Frame
    after_gap: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A source ended, by itself or by an error."""

    source: int
    frames: int
    error: Exception | None
    notes: tuple[str, ...] = ()


Item = Begun | Read | Ended


class Lanes:
    """Reads up to `side_by_side` sources at a time, each in a thread, and gathers batches from them.

    Args:
        openers: the sources, in order; a source is opened when it is its turn.
        side_by_side: how many recordings are read at a time; live sources are all read at once.
        batch_size: most frames gathered at a time.
    """

    def __init__(self, openers: list[Opener], *, side_by_side: int, batch_size: int) -> None:
        self._openers, self._side_by_side, self._batch_size = openers, side_by_side, batch_size
        self._waiting = deque(range(len(openers)))
        self._queues: dict[int, deque[Item]] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def gather(self) -> list[Item]:
        """The next items, of one source in its order; empty when all have ended.

        Live frames are handed over as they come; recordings fill their share of the batch first.
        """
        self._admit()
        with self._changed:
            while self._queues and not self._stopped and not self._ready():
                self._changed.wait()
            if self._stopped:
                return []
            taken: list[Item] = []
            share = max(1, self._batch_size // max(1, len(self._queues)))
            for lane in list(self._queues):
                items = self._queues[lane]
                frames = 0
                while items and frames < share:
                    item = items.popleft()
                    taken.append(item)
                    frames += isinstance(item, Read)
                    if isinstance(item, Ended):
                        del self._queues[lane]
                        break
            self._changed.notify_all()
        return taken

    def stop(self) -> None:
        """Stop reading; a thread that waits for a stream is left to end by itself."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _admit(self) -> None:
        """Start reading the sources whose turn it is."""
        recordings = sum(not self._openers[lane].live for lane in self._queues)
        for source in list(self._waiting):
            live = self._openers[source].live
            if live or recordings < self._side_by_side:
                recordings += not live
                self._waiting.remove(source)
                self._queues[source] = deque()
                thread = threading.Thread(target=self._read, args=(source,), name=f"source {source}", daemon=True)
                self._threads = [*(t for t in self._threads if t.is_alive()), thread]
                thread.start()

    def _ready(self) -> bool:
        """Whether a live source has something, or every recording has its share of frames or its end.

        Frames alone count, so that batches of recordings, and with them the last bits of what several threads compute,
        do not depend on how fast anything is read.
        """
        share = max(1, self._batch_size // max(1, len(self._queues)))
        full = [
            sum(isinstance(item, Read) for item in items) >= share or any(isinstance(item, Ended) for item in items)
            for lane, items in self._queues.items()
            if not self._openers[lane].live
        ]
        live = any(items for lane, items in self._queues.items() if self._openers[lane].live)
        return live or (bool(full) and all(full))

    def _read(self, source: int) -> None:
        frames, error = 0, None
        notes: tuple[str, ...] = ()
        try:
            with self._openers[source].open() as footage:
                self._hand_over(source, Begun(source, footage.info))
                previous_s = -1.0
                for frame in footage:
                    frames += 1
                    after_gap = any(previous_s < gap.end_s <= frame.time_s for gap in footage.gaps)
                    previous_s = frame.time_s
                    if not self._hand_over(source, Read(source, frame, after_gap)):
                        break
                notes = footage.notes
        except Exception as caught:
            error = caught
        self._hand_over(source, Ended(source, frames, error, notes))

    def _hand_over(self, source: int, item: Item) -> bool:
        with self._changed:
            while not self._stopped and len(self._queues[source]) > self._batch_size:
                self._changed.wait()
            if self._stopped:
                return False
            self._queues[source].append(item)
            self._changed.notify_all()
        return True
