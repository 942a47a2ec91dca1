"""Frames as they are measured: the network's image and the cue maps of each, made once where it is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from vadcli.errors import InputError
from vadcli.footage.cache import Cache, Clip
from vadcli.footage.frames import Frame, Image, SourceInfo
from vadcli.footage.opencv import cv2
from vadcli.footage.resize import network_image
from vadcli.footage.source import Source
from vadcli.footage.stream import Tell
from vadcli.scoring.cues import CueMaker, CueMaps

LONGEST_SIDE = 1280  # of pictures that are drawn on


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """Frames as a network reads them."""

    size: tuple[int, int]  # (H, W)
    channels: int  # 1 (grey) or 3 (RGB)


@dataclass(frozen=True, slots=True)
class Observation:
    """One frame of a source, as it is measured."""

    index: int  # counted from 0 over the frames of the source
    time_s: float  # seconds from the start of the source
    after_gap: bool  # frames are missing before it
    image: Image | None  # (H, W, C) uint8 as the network reads it; None without a network
    cues: CueMaps | None  # its maps; None where there is no earlier frame to compare with
    picture: Image | None = None  # (h, w, 3) uint8 RGB to draw on; None where nothing is drawn


class Observed:
    """Observations of one source, in order, once; as a context it lets go of the source."""

    info: SourceInfo

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user, complete when iteration has ended."""
        return ()

    def listen(self, tell: Tell) -> None:
        """Report incidents of a live stream to this from now on."""

    def __iter__(self) -> Iterator[Observation]:
        """Observations, waiting for them."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the source."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class ObservedSource(Observed):
    """A source as it is measured.

    Args:
        source: open.
        network: what the network reads; None without one.
        pictures: whether pictures to draw on are wanted.
    """

    def __init__(self, source: Source, network: NetworkInput | None, *, pictures: bool = False) -> None:
        self.info, self._source, self._network, self._pictures = source.info, source, network, pictures
        self._cues = CueMaker(self.info.fps)

    @property
    def notes(self) -> tuple[str, ...]:
        """Of the source."""
        return self._source.notes

    @property
    def frames_read(self) -> int:
        """The source's own frames so far, those that were thinned out included."""
        return self._source.frames_read

    def listen(self, tell: Tell) -> None:
        """Report incidents of the source."""
        self._source.listen(tell)

    def __iter__(self) -> Iterator[Observation]:
        return map(self._observed, self._source)

    def _observed(self, frame: Frame) -> Observation:
        network = self._network
        return Observation(
            frame.index,
            frame.time_s,
            frame.after_gap,
            None if network is None else network_image(frame.view, network.size, network.channels),
            self._cues(frame.view, frame.time_s, frame.after_gap),
            _for_drawing(frame) if self._pictures else None,
        )

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()


def _for_drawing(frame: Frame) -> Image:
    """The frame's own picture, no larger than anything is drawn at."""
    picture = frame.view if frame.original is None else frame.original
    if max(picture.shape[:2]) <= LONGEST_SIDE:
        return picture
    scale = LONGEST_SIDE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


class ObservedClip(Observed):
    """Frames `start` to `stop` of a cached clip as they are measured: the numbers that its source gives.

    Args:
        cache: with cue maps.
        clip: of it.
        start: first frame.
        stop: one past the last; None for all.
        network: whether the network's images are wanted.
    """

    def __init__(self, cache: Cache, clip: Clip, start: int = 0, stop: int | None = None, *, network: bool) -> None:
        if not clip.cues:
            raise InputError(
                f"{cache.path}: clip {clip.name} has no cue maps. "
                f"Prepare it again: vad prepare SOURCE --out {cache.path}."
            )
        self._cache, self._clip, self._network = cache, clip, network
        self._range = range(start, clip.num_frames if stop is None else stop)
        self.info = clip.info(len(self._range))

    def __iter__(self) -> Iterator[Observation]:
        name = self._clip.name
        indices, times, gaps = self._cache.timeline(name)
        for number in self._range:
            maps = self._cache.cues(name, number)
            yield Observation(
                int(indices[number]),
                float(times[number]),
                bool(gaps[number]),
                self._cache.frames(name, number, number + 1)[0] if self._network else None,
                None if maps is None else CueMaps(**maps),
            )
