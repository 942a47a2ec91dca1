"""Any footage a user can name, as an iterator of frames."""

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vadcli.errors import FootageError
from vadcli.footage.frames import Frame, Gap, SourceInfo
from vadcli.footage.identity import location_of
from vadcli.footage.naming import images_in, left_out, natural, once, tree, videos_below
from vadcli.footage.pictures import PictureReader
from vadcli.footage.pipe import is_pipe, open_pipe, open_stdin
from vadcli.footage.resize import Picture, fit, native
from vadcli.footage.segments import SegmentReader, Segments
from vadcli.footage.span import WHOLE, Span
from vadcli.footage.stream import Tell, open_camera, open_url
from vadcli.footage.video import open_video
from vadcli.footage.zones import EVERYWHERE, Zones

STOP_SECONDS = 2.0  # how long closing waits for a decoder that is stuck in a read
TIME_ROUNDED_S = 0.0006  # by containers that count in milliseconds


class Reader(Protocol):
    """Pictures as decoded, in order, once."""

    info: SourceInfo

    @property
    def notes(self) -> Sequence[str]:
        """Notes for the user, one line each; complete after iteration."""

    @property
    def frames_read(self) -> int:
        """Pictures so far, with those that were left out; one less is the index of the latest."""

    def __iter__(self) -> Iterator[tuple[Picture, float]]:
        """Pictures in OpenCV's order of channels, valid until the next one, and their times in seconds."""

    def interrupt(self) -> None:
        """End what waits for the outside world; from any thread."""

    def close(self) -> None:
        """Close the source; not while another thread iterates."""


def open_source(
    source: str | Segments,
    *,
    size: tuple[int, int],
    channels: int,
    fps: float | None = None,
    original: bool = False,
    mask_top: float = 0.0,
    zones: Zones = EVERYWHERE,
    span: Span = WHOLE,
    tell: Tell = lambda change: None,
) -> "FrameSource":
    """Open a file, segments, a folder of pictures, `-` (a container on stdin), a FIFO, a URL or `camera:N`.

    Args:
        source: as the user gave it.
        size: (H, W) of the frames handed over.
        channels: 1 (grey) or 3 (RGB).
        fps: thin to at most this many frames a second, by their times; the rate of a folder of pictures.
        original: also hand over each frame at its own size.
        mask_top: share of the height blacked out at the top, besides what `zones` says.
        zones: what of the picture is looked at; `original` stays whole.
        span: which stretch is read. Times and indices count from the beginning of the source all the same.
        tell: called when a live stream is lost or back, or falls behind; in the thread that iterates.

    Raises:
        FootageError: when there is nothing to read, in one line.
    """
    reader = open_reader(source, grey=channels == 1 and not original, fps=fps, span=span, tell=tell)
    info = replace(reader.info, began=span.began or reader.info.began)
    seen = replace(zones, mask_top=max(mask_top, zones.mask_top))
    try:
        within = span.of(info)
    except FootageError:
        reader.close()
        raise
    frames = frames_of(reader, size=size, channels=channels, fps=fps, original=original, zones=seen, within=within)
    return FrameSource(reader, frames, _thinned(_cut(info, within), fps))


def open_reader(
    source: str | Segments,
    *,
    grey: bool = False,
    fps: float | None = None,
    threads: int | None = None,
    hashed: bool = False,
    span: Span = WHOLE,
    tell: Tell = lambda change: None,
) -> Reader:
    """The reader of a source: its pictures as decoded, in the caller's thread.

    Args:
        source: as for `open_source`.
        grey: pictures may come decoded to grey where that is faster.
        fps: rate of a folder of pictures, which does not say.
        threads: decoding threads of a video file; None chooses.
        hashed: keep a digest of the bytes of pictures (`PictureReader.digest`).
        span: what will be asked for; of files, little before it is decoded.
        tell: as for `open_source`.
    """
    if isinstance(source, Segments):
        return SegmentReader(source, threads, span)
    if source == "-":
        return open_stdin()
    if source.startswith("camera:"):
        return open_camera(source, tell)
    if "://" in source:
        return open_url(source, tell)
    path = Path(source)
    if path.is_dir():
        pictures = PictureReader(path, source, fps, grey, hashed)
        if fps is None:
            rate = pictures.info.fps
            pictures.notes.append(f"{source}: pictures do not say their rate; taken as {rate:g} a second (--fps)")
        return pictures
    if not path.exists():
        raise FootageError(f"{source}: not found. Check the path.")
    if is_pipe(path):
        return open_pipe(path, source)

    def begin(info: SourceInfo) -> float:
        return span.of(replace(info, began=span.began or info.began))[0]

    return open_video(path, source, threads, begin)


def frames_of(
    reader: Reader,
    *,
    size: tuple[int, int],
    channels: int,
    fps: float | None = None,
    original: bool = False,
    zones: Zones = EVERYWHERE,
    within: tuple[float, float] = (0.0, math.inf),
) -> Generator[Frame, None, None]:
    """Frames of a reader in the caller's thread; arguments as for `open_source`, and the seconds they lie within."""
    last_slot = -1
    black = None if zones == EVERYWHERE else ~zones.looked_at(size)  # (H, W)
    for picture, time_s in reader:
        if time_s < within[0] - TIME_ROUNDED_S:
            continue
        if time_s >= within[1] - TIME_ROUNDED_S:
            return
        if fps is not None:
            slot = int((time_s + TIME_ROUNDED_S) * fps)
            if slot <= last_slot:
                continue
            last_slot = slot
        image = fit(picture, size, channels)
        if black is not None:
            image = image.copy()  # it may be the picture itself
            image[black] = 0
        yield Frame(image, reader.frames_read - 1, time_s, native(picture) if original else None)


class FrameSource:
    """An iterator of `Frame`, read in the thread that iterates; close it, or use it as a context.

    Attributes:
        info: known before the first frame.
    """

    def __init__(self, reader: Reader, frames: Generator[Frame, None, None], info: SourceInfo) -> None:
        """Of a reader and its frames, described by `info`; use `open_source`."""
        self.info = info
        self._reader, self._frames = reader, frames
        self._reading, self._ended, self._released = threading.Lock(), False, False

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user, one line each; complete when iteration has ended."""
        return tuple(self._reader.notes)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Places so far, the latest thousand, where a frame does not follow the one before it."""
        return tuple(getattr(self._reader, "gaps", ()))

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _release(self) -> None:
        self._ended = True
        if not self._released:
            self._released = True
            self._frames.close()
            self._reader.close()


def find_sources(arguments: Sequence[str], tell: Callable[[str], None] = lambda note: None) -> list[str]:
    """Every source that the arguments name, in their order and, within a folder, in natural order.

    A folder of pictures is one source; a folder with videos in it or below it, or with folders of pictures, is many.
    Where there are both, the videos are the sources. No file is a source twice, whatever links lead to it. Patterns
    that the shell left alone are expanded. `-`, URLs and cameras stay as they are.

    Args:
        arguments: as the user gave them.
        tell: told, in a line each, what is left out.

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
    pictures = {each: len(images_in(each)) for each in tree(folder)}
    found = videos_below(folder)
    if found and any(pictures.values()):
        tell(left_out(folder, sum(pictures.values())))
    elif pictures[folder]:
        found = [folder]
    else:
        found = found or [each for each, count in pictures.items() if count]
    if not found:
        raise FootageError(f"{folder}: no videos or pictures in this folder. Give a video, or a folder of them.")
    return found


def _cut(info: SourceInfo, within: tuple[float, float]) -> SourceInfo:
    """The note about the stretch between two seconds of a source."""
    start_s, end_s = within
    if start_s == 0 and end_s == math.inf:
        return info
    lasts_s = min(end_s, math.inf if info.duration_s is None else info.duration_s) - start_s
    known = lasts_s if math.isfinite(lasts_s) else None
    frames = None if known is None else round(known * info.fps)
    return replace(info, frames=frames, duration_s=known, start_s=start_s)


def _thinned(info: SourceInfo, fps: float | None) -> SourceInfo:
    if fps is None or fps >= info.fps:
        return info
    return replace(info, fps=fps, frames=None if info.frames is None else math.ceil(info.frames * fps / info.fps))
