"""A picture an event: the frame at its peak, with heat, region, time and score (`vad score --heatmaps DIR`)."""

import re
from itertools import count
from pathlib import Path, PurePath

from vadcli.errors import InputError
from vadcli.files import naming, whole
from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2
from vadcli.rendering.overlay import draw_heat, draw_regions, enlarged, picture_of, write_text
from vadcli.rendering.sink import Sink
from vadcli.scoring.events import Finding
from vadcli.scoring.scorer import ScoredFrame, SourceScorer
from vadcli.scoring.writers import clock

# Pictures smaller than this are enlarged, so that text can be read.
_LEAST_SIDE = 360


def peak_picture(scorer: SourceScorer, finding: Finding[ScoredFrame]) -> Image:
    """The frame at an event's peak with heat and region, (H, W, 3) RGB."""
    peak, event = finding.evidence, finding.event
    picture = enlarged(picture_of(peak.observation), _LEAST_SIDE)
    picture = picture.copy() if peak.heat is None else draw_heat(picture, peak.heat)
    draw_regions(picture, peak.regions, (scorer.info.height, scorer.info.width))
    if event.reason:
        size = max(10, picture.shape[0] // 36)
        write_text(picture, event.reason, (size // 2, 2 * size), size)
    return picture


class HeatMaps(Sink):
    """Writes `SOURCE-FRAME.png` for every event, FRAME being its first: when it begins, anew if its peak is later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stems: dict[str, str] = {}
        self._shown: dict[str, int] = {}  # by the id of an event that goes on, the frame of its picture

    def begun(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        """Write the event's picture, of its peak so far."""
        self._shown[finding.event.id] = finding.evidence.observation.index
        self._write(scorer, finding)

    def event(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        """Write the event's picture anew if its peak came later."""
        if self._shown.pop(finding.event.id, None) != finding.evidence.observation.index:
            self._write(scorer, finding)

    def _write(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        picture = peak_picture(scorer, finding)
        event = finding.event
        text = f"{clock(event.peak_s)}  score {event.peak_score:.2f}  (alarm above {event.threshold:.2f})"
        size = max(10, picture.shape[0] // 36)
        write_text(picture, text, (size // 2, picture.shape[0] - size), size)
        first, *kind = event.id.rsplit("#", 1)[1].split("-")  # frame, or frame-camera
        path = self._folder / f"{'-'.join([self._stem(scorer.name), first.zfill(6), *kind])}.png"
        encoded, data = cv2.imencode(".png", picture[..., ::-1])
        if not encoded:
            raise InputError(f"{path}: OpenCV could not encode the picture.")
        with naming(path), whole(path) as temporary:
            temporary.write_bytes(data.tobytes())

    def _stem(self, source: str) -> str:
        """The source's stem, with a number where another source has the same."""
        if source not in self._stems:
            stem, taken = file_stem(source), set(self._stems.values())
            names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
            self._stems[source] = next(name for name in names if name not in taken)
        return self._stems[source]


def file_stem(source: str) -> str:
    """A name that any file system takes, for files made from a source.

    >>> file_stem("rtsp://user:secret@gate:554/live?x=1"), file_stem("a/gate 1.mp4"), file_stem("-")
    ('gate_554_live', 'gate_1', 'stdin')
    """
    if source == "-":
        return "stdin"
    is_url = "://" in source
    stem = source.split("://", 1)[1].split("?", 1)[0].rsplit("@", 1)[-1] if is_url else PurePath(source).stem
    return re.sub(r"[^\w.-]+", "_", stem).strip("._")[:100] or "source"
