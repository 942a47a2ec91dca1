"""Sources opened as a model and its adapter want them, and frames in memory as a source."""

from collections.abc import Iterable, Iterator, Sized
from functools import partial
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from vadcli.footage.frames import Change, Image, Picture, SourceInfo
from vadcli.footage.segments import Segments
from vadcli.footage.source import Reading, Source, open_source
from vadcli.footage.span import Span
from vadcli.footage.zones import Zones
from vadcli.progress import Progress
from vadcli.scoring.observing import NetworkInput, ObservedSource
from vadcli.settings import SourceSettings, SpanSettings

_WHOLE = SpanSettings()
_LAYOUTS = "(H, W, 3) RGB, (H, W) or (H, W, 1) grey"


class ArrayReader:
    """Frames that a program hands over, once.

    Args:
        frames: (H, W, 3) RGB, (H, W) or (H, W, 1) grey, uint8, all of one size; the first is read at once.
        fps: frames a second.

    Raises:
        ValueError: for no frames, one array in place of many, another type or shape, or a rate that is none.
    """

    notes = ()

    def __init__(self, frames: Iterable[npt.NDArray[Any]], fps: float | None) -> None:
        if fps is None or not 0 < fps <= 1000:
            raise ValueError(f"fps: frames do not say their rate, got {fps}. Give frames a second, as in fps=25.")
        if isinstance(frames, np.ndarray) and (frames.ndim < 3 or (frames.ndim == 3 and frames.shape[2] in (1, 3))):
            raise ValueError(f"frames: one array of shape {frames.shape}. Give several frames, each {_LAYOUTS}.")
        iterator = iter(frames)
        first = next(iterator, None)
        if first is None:
            raise ValueError("frames: none. Give at least the frames of one window.")
        height, width = _rgb(first, 0, None).shape[:2]
        count = len(frames) if isinstance(frames, Sized) else None
        self.info = SourceInfo("frames", float(fps), count, height, width, None if count is None else count / fps)
        self.live = count is None  # their number is not known, so that none waits for others
        self.frames_read, self._frames = 0, chain([first], iterator)

    def __iter__(self) -> Iterator[Picture]:
        """Pictures in order; making one raises ValueError where a frame is not as the first."""
        for index, frame in enumerate(self._frames):
            self.frames_read += 1
            size = (self.info.height, self.info.width)
            yield Picture(index, index / self.info.fps, False, partial(_rgb, frame, index, size))

    def interrupt(self) -> None:
        """The program's own iterator is left to end by itself."""

    def close(self) -> None:
        """Nothing is held open."""


def _rgb(frame: npt.NDArray[Any], index: int, size: tuple[int, int] | None) -> Image:
    """A frame as (H, W, 3) uint8, of the size asked for."""
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
        got = frame.dtype if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ValueError(f"frame {index}: {got}; uint8 arrays are read. Scale to 0..255 and convert.")
    if frame.ndim == 2:
        frame = frame[:, :, None]
    if frame.ndim != 3 or frame.shape[2] not in (1, 3) or 0 in frame.shape:
        turn = " Move the channels to the end." if frame.ndim == 3 and frame.shape[0] in (1, 3) else ""
        raise ValueError(f"frame {index}: shape {frame.shape}; a frame is {_LAYOUTS}.{turn}")
    if size not in (None, frame.shape[:2]):
        raise ValueError(f"frame {index}: {frame.shape[:2]}, but the first is {size}. Give frames of one size.")
    return np.ascontiguousarray(np.broadcast_to(frame, (*frame.shape[:2], 3)))


def zones_of(source: SourceSettings, mask_top: float = 0.0) -> Zones:
    """The parts of the picture that settings choose, with at least a share of the height masked at the top."""
    return Zones(max(source.mask_top or 0.0, mask_top), source.ignore or (), source.only or ())


def reading_with(
    source: SourceSettings, span: SpanSettings = _WHOLE, *, pictures: bool = False, progress: Progress | None = None
) -> Reading:
    """The reading of a source that settings ask for.

    Args:
        source: which frames are taken, and what of them.
        span: which stretch.
        pictures: whether frames at their own size are wanted.
        progress: hears at once of a live stream that is lost, back or behind.
    """

    def tell(change: Change) -> None:
        if progress is not None:
            (progress.warn if change.kind == "lost" else progress.note)(change.text)

    return Reading(source.fps, zones=zones_of(source), span=span_with(span), original=pictures, tell=tell)


def span_with(span: SpanSettings) -> Span:
    """The stretch and track that settings ask for."""
    zone = ZoneInfo(span.names_in) if span.names_in else None
    return Span(span.start, span.end, span.duration, span.began, zone, span.track)


def open_observed(
    source: str | Segments | ArrayReader, reading: Reading, network: NetworkInput | None
) -> ObservedSource:
    """A source as it is measured; with pictures where frames at their own size are read.

    Raises:
        FootageError: when there is nothing to read.
    """
    opened = Source(source, reading) if isinstance(source, ArrayReader) else open_source(source, reading)
    return ObservedSource(opened, network, pictures=reading.original)
