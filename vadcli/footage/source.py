"""Any footage a user can name, as an iterator of frames."""

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

from vadcli.errors import FootageError
from vadcli.footage.frames import Frame, Picture, SourceInfo
from vadcli.footage.identity import location_of
from vadcli.footage.naming import images_in, left_out, natural, once, tree, videos_below
from vadcli.footage.pictures import PictureReader
from vadcli.footage.pipe import is_pipe
from vadcli.footage.resize import view_of, view_size
from vadcli.footage.segments import SegmentReader, Segments
from vadcli.footage.span import WHOLE, Span
from vadcli.footage.stream import StreamReader, Tell, open_camera, open_url
from vadcli.footage.video import open_fifo, open_stdin, open_video
from vadcli.footage.zones import EVERYWHERE, Zones

STOP_SECONDS = 2.0  # how long closing waits for a decoder that is stuck in a read
TIME_ROUNDED_S = 0.0006  # by containers that count in milliseconds


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source is read."""

    fps: float | None = None  # thin to at most this many frames a second, by their times
    pictures_fps: float | None = None  # rate of pictures or a file without times, which do not say; None for `fps`
    zones: Zones = EVERYWHERE  # what of the picture is looked at; the rest of a view is black, and originals are whole
    span: Span = WHOLE  # which stretch; times and indices count from the beginning of the source all the same
    original: bool = False  # also hand over each frame at its own size
    threads: int | None = None  # decoding threads of a video file; None chooses
    tell: Tell = lambda change: None  # called when a live stream is lost, back or behind; in the iterating thread


class Reader(Protocol):
    """Pictures as decoded, in order, once."""

    info: SourceInfo

    @property
    def notes(self) -> Sequence[str]:
        """Notes for the user, one line each; complete after iteration."""

    @property
    def frames_read(self) -> int:
        """Pictures so far, with those that were left out."""

    def __iter__(self) -> Iterator[Picture]:
        """Pictures, each valid until the next one."""

    def interrupt(self) -> None:
        """End what waits for the outside world; from any thread."""

    def close(self) -> None:
        """Close the source; not while another thread iterates."""


class Source:
    """An iterator of `Frame`, read in the thread that iterates; close it, or use it as a context."""

    def __init__(self, reader: Reader, reading: Reading = Reading()) -> None:
        """Of a reader that is at its beginning; use `open_source`.

        Raises:
            FootageError: when the stretch to read is not in it, or nothing of the picture is looked at.
        """
        info = replace(reader.info, began=reading.span.began_at(reader.info.began))
        try:
            within = reading.span.of(info)
            reading.zones.require_something(view_size(info.height, info.width), info.name)
        except FootageError:
            reader.close()
            raise
        self.info = _as_read(info, within, reading.fps)
        self._reader, self._frames = reader, _frames(reader, reading, within)
        self._reading, self._ended, self._released = threading.Lock(), False, False

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user, one line each; complete when iteration has ended."""
        return tuple(self._reader.notes)

    @property
    def frames_read(self) -> int:
        """The source's own frames so far, those that were thinned out and left out included."""
        return self._reader.frames_read

    def listen(self, tell: Tell) -> None:
        """Report incidents of a live stream to this from now on; to be called before iteration."""
        if isinstance(self._reader, StreamReader):
            self._reader.tell = tell

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        """The next frame, waiting for it.

        Raises:
            FootageError: what went wrong while decoding, after the frames before it were handed over.
        """
        with self._reading:
            try:
                if self._ended:
                    raise StopIteration
                return next(self._frames)
            except BaseException:
                self._release()
                raise

    def interrupt(self) -> None:
        """End iteration before its next frame, whatever it waits for; from any thread, at once."""
        self._ended = True
        self._reader.interrupt()

    def close(self) -> None:
        """End iteration and let go of the source; a read on a network that does not answer is left to end by itself."""
        self.interrupt()
        if self._reading.acquire(timeout=STOP_SECONDS):
            self._release()
            self._reading.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _release(self) -> None:
        self._ended = True
        if not self._released:
            self._released = True
            self._frames.close()
            self._reader.close()


def open_source(source: str | Segments, reading: Reading = Reading()) -> Source:
    """Open a file, segments, a folder of pictures, `-` (a container on stdin), a FIFO, a URL or `camera:N`.

    Raises:
        FootageError: when there is nothing to read, in one line.
    """
    return Source(_reader_of(source, reading), reading)


def _reader_of(source: str | Segments, reading: Reading) -> Reader:
    span, rate = reading.span, reading.pictures_fps or reading.fps
    if isinstance(source, Segments):
        return SegmentReader(source, reading.threads, span, rate)
    if source == "-":
        return open_stdin(rate=rate, track=span.track)
    if source.startswith("camera:"):
        return open_camera(source, reading.tell)
    if "://" in source:
        return open_url(source, reading.tell)
    path = Path(source)
    if path.is_dir():
        return PictureReader(path, source, rate, span.names_in)
    if not path.exists():
        raise FootageError(f"{source}: not found. Check the path.")
    if is_pipe(path):
        return open_fifo(path, source, rate=rate, track=span.track)

    def begin(info: SourceInfo) -> float:
        return span.of(replace(info, began=span.began_at(info.began)))[0]

    return open_video(path, source, reading.threads, begin, zone=span.names_in, rate=rate, track=span.track)


def _frames(reader: Reader, reading: Reading, within: tuple[float, float]) -> Generator[Frame, None, None]:
    """Frames of the pictures between two seconds of a source."""
    size = view_size(reader.info.height, reader.info.width)
    black = None if reading.zones == EVERYWHERE else ~reading.zones.looked_at(size)  # (H, W)
    last_slot, begun, after_gap = -1, False, False
    for picture in reader:
        if picture.time_s < within[0] - TIME_ROUNDED_S:
            continue
        if picture.time_s >= within[1] - TIME_ROUNDED_S:
            return
        after_gap, begun = after_gap or (picture.after_gap and begun), True
        if reading.fps is not None:
            slot = int((picture.time_s + TIME_ROUNDED_S) * reading.fps)
            if slot <= last_slot:
                continue
            last_slot = slot
        original = picture.rgb()
        view = view_of(original, size)
        if black is not None:
            view = view.copy() if view is original else view
            view[black] = 0
        yield Frame(view, picture.index, picture.time_s, after_gap, original if reading.original else None)
        after_gap = False


def find_sources(arguments: Sequence[str], tell: Callable[[str], None] = lambda note: None) -> list[str]:
    """Every source that the arguments name, in their order and, within a folder, in natural order.

    A folder of pictures is one source; a folder with videos in it or below it, or with folders of pictures, is many.
    Where there are both, the videos are the sources. No file is a source twice, whatever links lead to it. Patterns
    that the shell left alone are expanded. `-`, URLs and cameras stay as they are. What is left out is noted by `tell`.

    Raises:
        FootageError: for an argument that names nothing.
    """
    found: dict[str, str] = {}
    for argument in arguments:
        if is_live(argument):
            found.setdefault(argument, argument)
            continue
        for path in _expand(argument):
            for source in once(_inside(path, tell) if path.is_dir() else [path]):
                found.setdefault(location_of(source), str(source))
    return list(found.values())


def is_live(source: str) -> bool:
    """Whether a source is stdin, a FIFO, a URL or a camera rather than a file or folder."""
    return source == "-" or "://" in source or source.startswith("camera:") or is_pipe(Path(source))


def _expand(argument: str) -> list[Path]:
    path = Path(argument)
    if path.exists():
        return [path]
    matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))), key=natural)
    if not matches:
        raise FootageError(f"{argument}: not found. Check the path.")
    return matches


def _inside(folder: Path, tell: Callable[[str], None]) -> list[Path]:
    videos = videos_below(folder)
    found = videos or ([folder] if images_in(folder) else [inner for inner in tree(folder) if images_in(inner)])
    for note in left_out(folder, beside_videos=bool(videos)):
        tell(note)
    if not found:
        raise FootageError(f"{folder}: no videos or pictures in this folder. Give a video, or a folder of them.")
    return found


def _as_read(info: SourceInfo, within: tuple[float, float], fps: float | None) -> SourceInfo:
    """The facts about the stretch between two seconds of a source, thinned to a rate."""
    start_s, end_s = within
    if start_s > 0 or end_s < math.inf:
        lasts_s = min(end_s, math.inf if info.duration_s is None else info.duration_s) - start_s
        known = lasts_s if math.isfinite(lasts_s) else None
        frames = None if known is None else round(known * info.fps)
        info = replace(info, frames=frames, duration_s=known, start_s=start_s)
    if fps is None or fps >= info.fps:
        return info
    return replace(info, fps=fps, frames=None if info.frames is None else math.ceil(info.frames * fps / info.fps))
