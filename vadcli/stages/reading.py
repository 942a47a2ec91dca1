"""Sources opened as a model and its adapter want them."""

from vadcli.footage.segments import Segments
from vadcli.footage.source import Reading, Source, open_source
from vadcli.footage.span import Span
from vadcli.footage.zones import Zones
from vadcli.scoring.observing import NetworkInput, ObservedSource
from vadcli.settings import SourceSettings, SpanSettings
from vadcli.stages.arrays import ArrayReader

_WHOLE = SpanSettings()


def zones_of(source: SourceSettings, mask_top: float = 0.0) -> Zones:
    """The parts of the picture that settings choose, with at least a share of the height masked at the top."""
    return Zones(max(source.mask_top or 0.0, mask_top), source.ignore or (), source.only or ())


def reading_with(source: SourceSettings, span: SpanSettings = _WHOLE, *, pictures: bool = False) -> Reading:
    """How a source is read by settings."""
    return Reading(
        fps=source.fps,
        zones=zones_of(source),
        span=Span(span.start, span.end, span.duration, span.began),
        original=pictures,
    )


def open_observed(
    source: str | Segments | ArrayReader, reading: Reading, network: NetworkInput | None
) -> ObservedSource:
    """A source as it is measured; with pictures where frames at their own size are read.

    Raises:
        FootageError: when there is nothing to read.
    """
    opened = Source(source, reading) if isinstance(source, ArrayReader) else open_source(source, reading)
    return ObservedSource(opened, network, pictures=reading.original)
