"""Sources opened as a model and its adapter want them."""

from zoneinfo import ZoneInfo

from vadcli.footage.frames import Change
from vadcli.footage.segments import Segments
from vadcli.footage.source import Reading, open_source
from vadcli.footage.span import Span
from vadcli.footage.zones import Zones
from vadcli.progress import Progress
from vadcli.scoring.observing import NetworkInput, ObservedSource
from vadcli.settings import Settings, SourceSettings, SpanSettings
from vadcli.stages.ready import Ready


def reading_with(
    source: SourceSettings, span: SpanSettings, *, pictures: bool = False, progress: Progress | None = None
) -> Reading:
    """How a source is read by settings.

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
        zones=Zones(source.mask_top, source.ignore, source.only),
        span=span_with(span),
        original=pictures,
        tell=tell,
    )


def span_with(span: SpanSettings) -> Span:
    """The stretch and track that settings ask for."""
    zone = ZoneInfo(span.names_in) if span.names_in else None
    return Span(span.start, span.end, span.duration, span.began, zone, span.track)


def reading_of_source(ready: Ready, settings: Settings, progress: Progress, *, pictures: bool = False) -> Reading:
    """How a source is read for a model: as the user asks, else as its adapter's footage was."""
    return reading_with(ready.source, settings.span, pictures=pictures, progress=progress)


def open_observed(
    source: str | Segments, reading: Reading, network: NetworkInput | None, *, pictures: bool = False
) -> ObservedSource:
    """A source as it is measured.

    Raises:
        FootageError: when there is nothing to read.
    """
    return ObservedSource(open_source(source, reading), network, pictures=pictures)
