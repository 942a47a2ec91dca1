"""Footage as `vad score` reads it: with pictures of a size for drawing, and with its first windows adapted to."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from vadcli.errors import FootageError
from vadcli.footage.frames import Frame, Gap
from vadcli.footage.opencv import cv2
from vadcli.footage.segments import Segments
from vadcli.footage.source import FrameSource
from vadcli.footage.stream import shown
from vadcli.footage.windows import windows_of
from vadcli.settings import Settings, SpanSettings
from vadcli.stages.reading import open_for
from vadcli.stages.ready import Ready, adapt_ready, model_of

# Longest side of the pictures that heat maps, videos and reports are drawn on.
LONGEST_SIDE = 1280


class Following:
    """What is left of a source after its first frames were taken.

    Attributes:
        info: of the source.
    """

    def __init__(self, source: FrameSource, lead: list[Frame], rest: Iterator[Frame]) -> None:
        self.info = source.info
        self._source, self._frames = source, chain(lead, rest)

    @property
    def notes(self) -> tuple[str, ...]:
        """Of the source."""
        return self._source.notes

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Of the source."""
        return self._source.gaps

    def __iter__(self) -> Iterator[Frame]:
        return map(shrink_original, self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()


def open_footage(source: str | Segments, ready: Ready, span: SpanSettings, original: bool) -> Following:
    """A source as the model reads it, with its own pictures if they are to be drawn on."""
    opened = open_for(ready.model, source, ready.source, original=original, span=span)
    return Following(opened, [], iter(opened))


def with_shots(
    model: Path | None, source: str | Segments, shots: int, settings: Settings, original: bool
) -> tuple[Following, Ready]:
    """Fit a model to the first windows of a source.

    Args:
        model: checkpoint to fit; the model in the package if None.
        source: to read from.
        shots: windows to adapt on (K).
        settings: of sections `source`, `adapt` and `score`.
        original: whether pictures at the source's own size are wanted.

    Returns:
        what follows those windows, and the fitted model; the first frame predicted is number T + K.

    Raises:
        FootageError: if the source is too short.
    """
    described = model_of(model)
    opened = open_for(described, source, settings.source, original=original, span=settings.span)
    frames = iter(opened)
    needed = shots + described.input_frames
    head = list(islice(frames, needed + 1))
    if len(head) <= needed:
        opened.close()
        raise FootageError(
            f"{shown(str(source))}: {len(head)} frames; {shots} shots need {needed} and one to score. "
            "Use a longer clip, or fewer --shots."
        )
    ready = adapt_ready(model, windows_of([frame.image for frame in head[:needed]], described.input_frames), settings)
    return Following(opened, head[shots:], frames), ready


def shrink_original(frame: Frame) -> Frame:
    """The frame with a picture no larger than anything is drawn at."""
    picture = frame.original
    if picture is None or max(picture.shape[:2]) <= LONGEST_SIDE:
        return frame
    scale = LONGEST_SIDE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return replace(frame, original=np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
