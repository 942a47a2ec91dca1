"""A source read as a model wants it, and as the adapter's footage was read."""

from vadcli.footage.segments import Segments
from vadcli.footage.source import FrameSource, open_source
from vadcli.footage.span import Span
from vadcli.footage.zones import Zones
from vadcli.settings import ModelSettings, Settings, SourceSettings, SpanSettings


def open_for(
    model: ModelSettings,
    source: str | Segments,
    how: SourceSettings,
    *,
    original: bool = False,
    span: SpanSettings = SpanSettings(),  # noqa: B008 (frozen)
) -> FrameSource:
    """Open a source at the model's size.

    Args:
        model: what reads it.
        source: as the user gave it, or segments of it.
        how: which frames are taken, and what of them.
        original: also hand over each frame at its own size.
        span: which stretch of it.

    Raises:
        FootageError: when there is nothing to read.
    """
    return open_source(
        source,
        size=model.size,
        channels=model.channels,
        fps=how.fps,
        original=original,
        zones=Zones(how.mask_top, how.ignore, how.only),
        span=Span(span.start, span.end, span.duration, span.began),
    )


def reading_of(fitted: Settings, asked: SourceSettings) -> SourceSettings:
    """How a source is read: as the user asks, and for the rest as the footage was that the scores are measured by.

    Args:
        fitted: settings of the adapter, or of the model where there is none.
        asked: by the user; what was not given counts for nothing.
    """
    return fitted.source.model_copy(update={name: getattr(asked, name) for name in asked.model_fields_set})
