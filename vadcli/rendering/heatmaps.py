"""A picture an event: the frame at its peak, with heat, region, time and score (`vad score --heatmaps DIR`)."""

import re
from itertools import count
from pathlib import Path, PurePath

import numpy as np

from vadcli.errors import InputError
from vadcli.files import naming, whole
from vadcli.footage.frames import Frame, Image
from vadcli.footage.opencv import cv2
from vadcli.rendering.overlay import draw_box, draw_heat, picture_of, write_text
from vadcli.rendering.sink import Scorer
from vadcli.scoring.events import Finding
from vadcli.scoring.watch import Assessed, Watch
from vadcli.scoring.writers import clock

# Pictures smaller than this are enlarged, so that text can be read.
_LEAST_SIDE = 360


def peak_picture(watch: Watch, finding: Finding[Assessed]) -> Image:
    """The frame at an event's peak with heat and region, (H, W, 3) RGB."""
    evidence = finding.evidence
    picture = picture_of(evidence.frame)
    enlarged = max(1, -(-_LEAST_SIDE // max(picture.shape[:2])))
    if enlarged > 1:
        picture = np.repeat(np.repeat(picture, enlarged, axis=0), enlarged, axis=1)
    picture = draw_heat(picture, evidence.heat)
    if finding.event.region:
        draw_box(picture, finding.event.region, (watch.info.height, watch.info.width))
    return picture


class HeatMaps:
    """Writes `SOURCE-FRAME.png` for every event as it ends.

    Args:
        folder: that exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stems: dict[str, str] = {}

    def begin(self, watch: Watch, scorer: Scorer) -> None:
        """Nothing to prepare."""

    def frame(self, watch: Watch, frame: Frame, assessed: Assessed | None) -> None:
        """Only events are drawn."""

    def event(self, watch: Watch, finding: Finding[Assessed]) -> None:
        """Write the event's picture."""
        picture = peak_picture(watch, finding)
        event = finding.event
        text = f"{clock(event.peak_s)}  score {event.peak_score:.2f}  (alarm above {event.threshold:.2f})"
        size = max(10, picture.shape[0] // 36)
        box = event.region
        low = box is not None and box[1] + box[3] / 2 > watch.info.height / 2
        write_text(picture, text, (size // 2, 2 * size if low else picture.shape[0] - size), size)  # not over the event
        path = self._folder / f"{self._stem(watch.name)}-{finding.evidence.frame.index:06d}.png"
        encoded, data = cv2.imencode(".png", picture[..., ::-1])
        if not encoded:
            raise InputError(f"{path}: OpenCV could not encode the picture.")
        with naming(path), whole(path) as temporary:
            temporary.write_bytes(data.tobytes())

    def end(self, watch: Watch) -> None:
        """Nothing is left to write."""

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
