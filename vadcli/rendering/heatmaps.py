"""A picture an event: the frame at its peak, with heat, region, time and score (`vad score --heatmaps DIR`)."""

from pathlib import Path

from vadcli.errors import InputError
from vadcli.files import naming, whole
from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2
from vadcli.rendering.event_files import EventFiles
from vadcli.rendering.overlay import draw_heat, draw_regions, enlarged, picture_of, write_text
from vadcli.rendering.sink import Sink
from vadcli.scoring.events import Event, Finding
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
        self._files = EventFiles(folder)
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
        _save(self._files.path(finding.event, ".png"), _marked(scorer, finding))


class Snapshots(HeatMaps):
    """Writes `SOURCE-FRAME.jpg`, the plain picture, and `SOURCE-FRAME-marked.jpg` beside it, at the same moments."""

    def paths(self, event: Event) -> dict[str, str]:
        """The plain picture's file."""
        return {"snapshot": str(self._files.path(event, ".jpg"))}

    def _write(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        _save(self._files.path(finding.event, ".jpg"), picture_of(finding.evidence.observation))
        _save(self._files.path(finding.event, "-marked.jpg"), _marked(scorer, finding))


def _marked(scorer: SourceScorer, finding: Finding[ScoredFrame]) -> Image:
    """The picture of an event with its time, score and threshold."""
    picture, event = peak_picture(scorer, finding), finding.event
    text = clock(event.peak_s)
    if event.kind == "scene":
        text += f"  score {event.peak_score:.2f}  (alarm above {event.threshold:.2f})"
    size = max(10, picture.shape[0] // 36)
    write_text(picture, text, (size // 2, picture.shape[0] - size), size)
    return picture


def _save(path: Path, picture: Image) -> None:
    encoded, data = cv2.imencode(path.suffix, picture[..., ::-1])
    if not encoded:
        raise InputError(f"{path}: OpenCV could not encode the picture.")
    with naming(path), whole(path) as temporary:
        temporary.write_bytes(data.tobytes())
