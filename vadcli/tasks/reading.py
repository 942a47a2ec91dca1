"""Sources opened as a model and its adapter want them."""

from zoneinfo import ZoneInfo

from vadcli.footage.frames import Change
from vadcli.footage.segments import Segments
from vadcli.footage.source import Reading, Source, open_source
from vadcli.footage.span import Span
from vadcli.footage.zones import Zones
from vadcli.progress import Progress
from vadcli.scoring.observing import NetworkInput, ObservedSource
from vadcli.settings import SourceSettings, SpanSettings
from vadcli.tasks.arrays import ArrayReader

_WHOLE = SpanSettings()


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
        progress: told at once when a live stream is lost, back or behind.
    """

    def tell(change: Change) -> None:
        if progress is not None:
            (progress.warn if change.kind == "lost" else progress.note)(change.text)

    return Reading(
        fps=source.fps,
        zones=zones_of(source),
        span=span_with(span),
        original=pictures,
        tell=tell,
    )


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
