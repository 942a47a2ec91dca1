"""Sources opened as a model and its adapter want them."""

from vadcli.footage.segments import Segments
from vadcli.footage.source import Reading, open_source
from vadcli.footage.span import Span
from vadcli.footage.zones import Zones
from vadcli.scoring.observing import NetworkInput, ObservedSource
from vadcli.settings import Settings, SourceSettings, SpanSettings
from vadcli.stages.ready import Ready


def reading_with(source: SourceSettings, span: SpanSettings, *, pictures: bool = False) -> Reading:
    """How a source is read by settings.

    Args:
        source: which frames are taken, and what of them.
        span: which stretch.
        pictures: whether frames at their own size are wanted.
    """
    return Reading(
        fps=source.fps,
        zones=Zones(source.mask_top, source.ignore, source.only),
        span=Span(span.start, span.end, span.duration, span.began),
        original=pictures,
    )


def reading_of_source(ready: Ready, settings: Settings, *, pictures: bool = False) -> Reading:
    """How a source is read for a model: as the user asks, else as its adapter's footage was."""
    return reading_with(ready.source, settings.span, pictures=pictures)


def open_observed(
    source: str | Segments, reading: Reading, network: NetworkInput | None, *, pictures: bool = False
) -> ObservedSource:
    """A source as it is measured.

    Raises:
        FootageError: when there is nothing to read.
    """
    return ObservedSource(open_source(source, reading), network, pictures=pictures)
