"""A source read as a model wants it, and as the adapter's footage was read."""

from vadcli.footage.source import FrameSource, open_source
from vadcli.settings import ModelSettings, Settings, SourceSettings


def open_for(model: ModelSettings, source: str, how: SourceSettings, *, original: bool = False) -> FrameSource:
    """Open a source at the model's size.

    Args:
        model: what reads it.
        source: as the user gave it.
        how: which frames are taken, and what of them.
        original: also hand over each frame at its own size.

    Raises:
        FootageError: when there is nothing to read.
    """
    return open_source(
        source, size=model.size, channels=model.channels, fps=how.fps, original=original, mask_top=how.mask_top
    )


def reading_of(fitted: Settings, asked: SourceSettings) -> SourceSettings:
    """How a source is read: as the user asks, and for the rest as the footage was that the scores are measured by.

    Args:
        fitted: settings of the adapter, or of the model where there is none.
        asked: by the user; what was not given counts for nothing.
    """
    return fitted.source.model_copy(update={name: getattr(asked, name) for name in asked.model_fields_set})
