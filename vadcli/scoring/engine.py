"""Sources side by side: a thread each reads, another computes all their windows in one batch, the caller takes.

Batches of recordings, and with them the last bits of what several threads compute, do not depend on how fast anything
is read. Where a source is live, everything is handed over as it comes.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Any

from vadcli.footage.frames import Change, Image, SourceInfo
from vadcli.scoring.measuring import FrameErrors
from vadcli.scoring.observing import Observation, Observed

_AHEAD = 2  # batches computed before the caller asks for them
_STOP_SECONDS = 3.0  # how long stopping waits for threads that are stuck in a read


@dataclass(frozen=True)
class Opener:
    """A source that is not open yet."""

    open: Callable[[], AbstractContextManager[Observed]]  # whatever it raises ends the source and no other
    live: bool = False  # frames come when they come, so none is kept waiting for others


@dataclass(frozen=True, slots=True)
class Begun:
    """A source was opened."""

    source: int
    info: SourceInfo


@dataclass(frozen=True, slots=True)
class Scored:
    """A frame and its errors; None where it is not the last of a window."""

    source: int
    observation: Observation
    errors: FrameErrors | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """An incident of a live stream."""

    source: int
    change: Change


@dataclass(frozen=True, slots=True)
class Ended:
    """A source ended, by itself or by an error."""

    source: int
    frames: int
    error: Exception | None
    notes: tuple[str, ...] = ()


Output = Begun | Scored | Changed | Ended
Outputs = queue.Queue[list[Output] | BaseException]
Measure = Callable[[list[Image], list[list[int]]], list[FrameErrors]]


@dataclass
class Timing:
    """Seconds that computing took, and waited for frames and for its results: the largest tells what to speed up."""

    decode_wait_s: float = 0.0
    compute_s: float = 0.0
    output_wait_s: float = 0.0

    def add(self, other: "Timing") -> None:
        """Add another run's seconds."""
        self.decode_wait_s += other.decode_wait_s
        self.compute_s += other.compute_s
        self.output_wait_s += other.output_wait_s


class Engine:
    """Measures the windows of sources.

    Args:
        measure: images and windows, which are indices into them, oldest first, to the errors of each window; None
            gives no errors.
        input_frames: images read to predict the next one (T).
        batch_size: most frames at a time.
        side_by_side: recordings read at a time; live sources are all read at once.
    """

    def __init__(
        self,
        measure: Measure | None,
        input_frames: int,
        *,
        batch_size: int,
        side_by_side: int = 1,
    ) -> None:
        self.measure, self.input_frames = measure, input_frames
        self.batch_size, self.side_by_side = batch_size, side_by_side
        self.timing = Timing()  # where the time went
        self.unsaid: tuple[str, ...] = ()  # notes of sources that were not at their end when `run` was closed

    def run(self, openers: list[Opener]) -> Generator[Output, None, None]:
        """Everything about the sources as it becomes known; each source's frames come in order.

        Close the iterator, or use it to its end: threads read and compute ahead of it.
        """
        readers = _Readers(openers, self.side_by_side, self.batch_size)
        done: Outputs = queue.Queue(_AHEAD)
        worker = threading.Thread(target=self._compute, args=(readers, done), name="compute", daemon=True)
        worker.start()
        try:
            while batch := done.get():
                if isinstance(batch, BaseException):
                    raise batch
                yield from batch
        finally:
            readers.stop()
            self.unsaid = tuple(readers.unsaid)
            _drain(done)
            worker.join(timeout=30.0)

    def _compute(self, readers: "_Readers", done: Outputs) -> None:
        history: dict[int, list[Image]] = {}
        batch: list[Output] | None = None
        try:
            mark = time.perf_counter()
            while batch != []:
                batch = readers.gather()
                gathered = time.perf_counter()
                batch = self._measured(batch, history) if self.measure else batch
                computed = time.perf_counter()
                done.put(batch)
                now = time.perf_counter()
                self.timing.decode_wait_s += gathered - mark
                self.timing.compute_s += computed - gathered
                self.timing.output_wait_s += now - computed
                mark = now
        except BaseException as error:
            done.put(error)

    def _measured(self, batch: list[Output], history: dict[int, list[Image]]) -> list[Output]:
        """The batch with the errors of all windows that it completes, by one call.

        `history` holds the last T images of each source, and is updated.
        """
        images: list[Image] = []
        windows: list[list[int]] = []
        window_of: dict[int, int] = {}  # by place in the batch
        latest: dict[int, deque[int]] = {}  # by source: where in `images` its last T + 1 are
        for place, output in enumerate(batch):
            if isinstance(output, Ended):
                history.pop(output.source, None)
                latest.pop(output.source, None)
            if not isinstance(output, Scored):
                continue
            if output.source not in latest:
                kept = history.pop(output.source, [])
                latest[output.source] = deque(range(len(images), len(images) + len(kept)), self.input_frames + 1)
                images += kept
            window = latest[output.source]
            if output.observation.after_gap:
                window.clear()
            if output.observation.image is not None:
                window.append(len(images))
                images.append(output.observation.image)
                if len(window) > self.input_frames:
                    window_of[place] = len(windows)
                    windows.append(list(window))
        for source, places in latest.items():
            history[source] = [images[place] for place in places][-self.input_frames :]
        errors = self.measure(images, windows) if self.measure and windows else []
        return [
            replace(output, errors=errors[window_of[place]])
            if place in window_of and isinstance(output, Scored)
            else output
            for place, output in enumerate(batch)
        ]


class _Readers:
    """Threads that read up to `side_by_side` recordings and all live sources, each into a short queue.

    Recordings alone have a queue each, and every one gives its share of a batch, however long that takes. Where a
    source is live, all share one queue, and what is in it is a batch.
    """

    def __init__(self, openers: list[Opener], side_by_side: int, batch_size: int) -> None:
        self._openers, self._side_by_side, self._batch_size = openers, side_by_side, batch_size
        self._live = any(opener.live for opener in openers)
        room = max(batch_size, len(openers) if self._live else 1) + 2  # so that no thread waits once one was emptied
        queues = [queue.Queue[Output | None](room) for _ in (openers[:1] if self._live else openers)]
        self._queues = queues * len(openers) if self._live else queues
        self._waiting, self._read_now = deque(range(len(openers))), list[int]()
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self.unsaid: list[str] = []

    def gather(self) -> list[Output]:
        """The next batch; empty when all sources have ended, or reading was stopped."""
        self._admit()
        taken: list[Output] = []
        share = max(1, self._batch_size // max(1, len(self._read_now)))
        for source in self._read_now[:1] if self._live else self._read_now:
            taken += self._take(self._queues[source], self._batch_size if self._live else share)
        ended = {output.source for output in taken if isinstance(output, Ended)}
        self._read_now = [source for source in self._read_now if source not in ended]
        return [] if self._stopped.is_set() else taken

    def stop(self) -> None:
        """Stop reading; a thread that waits for a stream is left to end by itself."""
        self._stopped.set()
        for each in self._queues[:1] if self._live else self._queues:
            _drain(each)
            with suppress(queue.Full):  # then nobody waits for it
                each.put_nowait(None)
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _admit(self) -> None:
        """Start reading the sources whose turn it is."""
        recordings = sum(not self._openers[source].live for source in self._read_now)
        for source in list(self._waiting):
            live = self._openers[source].live
            if live or recordings < self._side_by_side:
                recordings += not live
                self._waiting.remove(source)
                self._read_now.append(source)
                thread = threading.Thread(target=self._read, args=(source,), name=f"source {source}", daemon=True)
                self._threads = [*(t for t in self._threads if t.is_alive()), thread]
                thread.start()

    def _take(self, own: "queue.Queue[Output | None]", most: int) -> list[Output]:
        """So many frames and what lies between them: up to a source's end, or of live ones what is there."""
        taken: list[Output] = []
        with suppress(queue.Empty):
            while most and (output := own.get(block=not (self._live and taken))) is not None:
                taken.append(output)
                most -= isinstance(output, Scored)
                if isinstance(output, Ended) and not self._live:
                    break
        return taken

    def _read(self, source: int) -> None:
        own, frames, error = self._queues[source], 0, None
        notes: tuple[str, ...] = ()
        try:
            with self._openers[source].open() as observed:
                own.put(Begun(source, observed.info))
                observed.listen(lambda change: own.put(Changed(source, change)))
                try:
                    for observation in observed:
                        if self._stopped.is_set():
                            break
                        own.put(Scored(source, observation))
                        frames += 1
                finally:
                    notes = observed.notes
        except Exception as caught:
            error = caught
        if not self._stopped.is_set():
            own.put(Ended(source, frames, error, notes))
        else:
            self.unsaid += notes


def _drain(full: "queue.Queue[Any]") -> None:
    """Empty a queue, so that whoever waits to put something goes on."""
    with suppress(queue.Empty):
        while True:
            full.get_nowait()
