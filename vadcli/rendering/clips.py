"""A video an event, with the seconds before and after it (`vad score --clips DIR`)."""

from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.error import FFmpegError

from vadcli.files import naming, whole
from vadcli.footage.frames import Image
from vadcli.footage.h264 import PictureWriter, mp4
from vadcli.footage.opencv import cv2
from vadcli.rendering.event_files import EventFiles
from vadcli.rendering.overlay import picture_of
from vadcli.rendering.sink import Lineage, Sink
from vadcli.scoring.events import Event, Finding
from vadcli.scoring.scorer import ScoredFrame, SourceScorer

ASIDE_S = 3.0  # before and after an event
_COPIED = {"h264", "hevc", "mpeg4", "mjpeg", "av1", "vp9"}  # as MP4 takes them
_TRIED = 30  # packets, which must have times


@dataclass(eq=False)
class _Clip:
    """A video that is being encoded."""

    stack: ExitStack
    writer: PictureWriter
    begins_s: float
    until_s: float = float("inf")


@dataclass(eq=False)
class _Recorder:
    """The last seconds of a source, as JPEGs, and the clips that are made of it."""

    recent: deque[tuple[float, bytes]] = field(default_factory=deque)
    clips: dict[str, _Clip] = field(default_factory=dict)


class Clips(Sink):
    """Writes `SOURCE-FRAME.mp4` for every event.

    Of a recording the packets are copied, from the key frame before; of what can be read only once, and where `exact`
    asks for it, the pictures are encoded.

    Args:
        folder: exists.
        recordings: files by the names of sources.
        exact: encode everything.
    """

    def __init__(self, folder: Path, recordings: Mapping[str, Path], *, exact: bool) -> None:
        self._files = EventFiles(folder)
        self._recordings = {} if exact else recordings
        self._copied: dict[str, Path] = {}
        self._recorders: dict[str, _Recorder] = {}

    def begin(self, scorer: SourceScorer, lineage: Lineage) -> None:
        """A source was opened."""
        recording = self._recordings.get(scorer.name)
        if recording and _can_be_copied(recording):
            self._copied[scorer.name] = recording
        else:
            self._recorders[scorer.name] = _Recorder()

    def frame(self, scorer: SourceScorer, frame: ScoredFrame) -> None:
        """Keep the picture for a while, and add it to the clips that go on."""
        recorder = self._recorders.get(scorer.name)
        if recorder is None:
            return
        time_s, picture = frame.observation.time_s, picture_of(frame.observation)
        for name, clip in list(recorder.clips.items()):
            if time_s > clip.until_s:
                self._finish(recorder.clips.pop(name))
            else:
                clip.writer.write(picture, max(0.0, time_s - clip.begins_s))
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        recorder.recent.append((time_s, data.tobytes()))
        while recorder.recent[0][0] < time_s - 2 * ASIDE_S:
            recorder.recent.popleft()

    def paths(self, event: Event) -> dict[str, str]:
        """The clip's file."""
        return {"clip": str(self._files.path(event, ".mp4"))}

    def begun(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        """Begin to encode, with the seconds before the event."""
        recorder, event = self._recorders.get(scorer.name), finding.event
        if recorder is None:
            return
        first_s = event.start_s - ASIDE_S
        earlier = [(time_s, data) for time_s, data in recorder.recent if time_s >= first_s]
        path, stack = self._files.path(event, ".mp4"), ExitStack()
        stack.enter_context(naming(path))
        opened = stack.enter_context(mp4(stack.enter_context(whole(path))))
        begins_s = earlier[0][0] if earlier else event.start_s
        clip = recorder.clips[event.id] = _Clip(stack, PictureWriter(opened, scorer.info.fps), begins_s)
        for time_s, data in earlier:
            clip.writer.write(_unpacked(data), time_s - begins_s)

    def event(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        """Copy the stretch, or let the clip go on for the seconds after it."""
        event = finding.event
        if recording := self._copied.get(scorer.name):
            path = self._files.path(event, ".mp4")
            with naming(path), whole(path) as temporary:
                _copy(recording, temporary, event.start_s - ASIDE_S, event.end_s + ASIDE_S)
            return
        recorder = self._recorders[scorer.name]
        if event.id not in recorder.clips:
            self.begun(scorer, finding)
        recorder.clips[event.id].until_s = event.end_s + ASIDE_S

    def end(self, scorer: SourceScorer) -> None:
        """Finish what goes on."""
        recorder = self._recorders.pop(scorer.name, _Recorder())
        for clip in recorder.clips.values():
            self._finish(clip)

    def _finish(self, clip: _Clip) -> None:
        with clip.stack:
            clip.writer.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for recorder in self._recorders.values():
            for clip in recorder.clips.values():
                clip.stack.__exit__(kind, error, trace)


def _unpacked(data: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def _can_be_copied(recording: Path) -> bool:
    """Whether packets are in a coding that MP4 takes, and say their times."""
    try:
        with av.open(str(recording)) as opened:
            stream = opened.streams.best("video")
            if stream is None or stream.codec_context.name not in _COPIED or stream.start_time is None:
                return False
            packets = (packet for _, packet in zip(range(_TRIED), opened.demux(stream), strict=False) if packet.size)
            return all(packet.pts is not None and packet.dts is not None for packet in packets)
    except (FFmpegError, OSError):
        return False


def _copy(recording: Path, out: Path, first_s: float, last_s: float) -> None:
    """A stretch of a recording, from the key frame before it, not encoded anew."""
    with av.open(str(recording)) as opened, mp4(out) as written:
        stream: Any = opened.streams.best("video")
        copied: Any = written.add_stream_from_template(stream)
        zero, base = stream.start_time or 0, float(stream.time_base)
        opened.seek(zero + round(max(0.0, first_s) / base), stream=stream, backward=True)
        shift = None
        for packet in opened.demux(stream):
            if packet.dts is None or packet.pts is None or (shift is None and not packet.is_keyframe):
                continue
            shift = packet.dts if shift is None else shift
            if (packet.dts - zero) * base > last_s:
                return
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copied
            written.mux(packet)
