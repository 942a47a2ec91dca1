"""Streams of errors from sources of frames: decoding, computing and whatever the caller does overlap."""

import queue
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass

from vadcli.footage.frames import Frame, Image
from vadcli.scoring.lanes import Begun, Ended, Item, Lanes, Opener, Read
from vadcli.scoring.measuring import Measured, Measurer

# Batches computed before the caller asks for them.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Scored:
    """A frame and its errors; `measured` is None for a source's first T frames, which have none."""

    source: int
    frame: Frame
    measured: Measured | None


@dataclass
class Timing:
    """Seconds that computing took, and waited for frames and for its results to be taken.

    They add up to the engine's own time, so that the largest tells what to speed up.
    """

    decode_wait_s: float = 0.0
    compute_s: float = 0.0
    output_wait_s: float = 0.0

    def add(self, other: "Timing") -> None:
        """Add another run's seconds."""
        self.decode_wait_s += other.decode_wait_s
        self.compute_s += other.compute_s
        self.output_wait_s += other.output_wait_s


Output = Begun | Scored | Ended


class Engine:
    """Runs a network over sources.

    Args:
        measurer: the network, and what to measure.
        input_frames: frames read to predict the next one (T).
        batch_size: most windows a forward.
        side_by_side: recordings read at a time.
    """

    def __init__(self, measurer: Measurer, input_frames: int, *, batch_size: int, side_by_side: int = 1) -> None:
        self.measurer, self.input_frames = measurer, input_frames
        self.batch_size, self.side_by_side = batch_size, side_by_side
        self.timing = Timing()

    def run(self, openers: list[Opener]) -> Generator[Output, None, None]:
        """Everything about the sources as it becomes known; each source's frames come in order.

        Close the iterator, or use it to its end: threads read and compute ahead of it.
        """
        lanes = Lanes(openers, side_by_side=self.side_by_side, batch_size=self.batch_size)
        done: queue.Queue[list[Output] | BaseException | None] = queue.Queue(_AHEAD)
        stop = threading.Event()
        worker = threading.Thread(target=self._compute, args=(lanes, done, stop), name="compute", daemon=True)
        worker.start()
        try:
            while (batch := done.get()) is not None:
                if isinstance(batch, BaseException):
                    raise batch
                yield from batch
        finally:
            stop.set()
            lanes.stop()
            worker.join(timeout=30.0)

    def _compute(
        self, lanes: Lanes, done: "queue.Queue[list[Output] | BaseException | None]", stop: threading.Event
    ) -> None:
        history: dict[int, deque[Image]] = {}
        ending: BaseException | None = None
        try:
            mark = time.perf_counter()
            while not stop.is_set() and (items := lanes.gather()):
                gathered = time.perf_counter()
                outputs = self._measure(items, history)
                computed = time.perf_counter()
                if not _put(done, outputs, stop):
                    break
                now = time.perf_counter()
                self.timing.decode_wait_s += gathered - mark
                self.timing.compute_s += computed - gathered
                self.timing.output_wait_s += now - computed
                mark = now
        except BaseException as error:
            ending = error
        _put(done, ending, stop)

    def _measure(self, items: list[Item], history: dict[int, deque[Image]]) -> list[Output]:
        """One forward over all windows that the items complete.

        Args:
            items: as gathered; those of a source in its order.
            history: the last T images of each source, updated.
        """
        images: list[Image] = []
        windows: list[list[int]] = []
        latest: dict[int, deque[int]] = {}  # per source, where in `images` its last frames are
        predicted: list[int | None] = []
        for item in items:
            window = None
            if isinstance(item, Read):
                kept = history.setdefault(item.source, deque(maxlen=self.input_frames))
                if item.after_gap:
                    kept.clear()
                    latest[item.source] = deque(maxlen=self.input_frames)
                elif item.source not in latest:
                    latest[item.source] = deque(range(len(images), len(images) + len(kept)), maxlen=self.input_frames)
                    images.extend(kept)
                images.append(item.frame.image)
                if len(kept) == self.input_frames:
                    window = len(windows)
                    windows.append([*latest[item.source], len(images) - 1])
                kept.append(item.frame.image)
                latest[item.source].append(len(images) - 1)
            elif isinstance(item, Ended):
                history.pop(item.source, None)
            predicted.append(window)
        measured = self.measurer(images, windows) if windows else []
        return [
            Scored(item.source, item.frame, None if window is None else measured[window])
            if isinstance(item, Read)
            else item
            for item, window in zip(items, predicted, strict=True)
        ]


def _put(
    done: "queue.Queue[list[Output] | BaseException | None]",
    item: "list[Output] | BaseException | None",
    stop: threading.Event,
) -> bool:
    while not stop.is_set():
        with suppress(queue.Full):
            done.put(item, timeout=0.1)
            return True
    return False
