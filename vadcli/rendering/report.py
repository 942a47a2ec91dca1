"""One self-contained HTML file about what was scored (`vad score --report FILE.html`)."""

import base64
import heapq
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vadcli import __version__
from vadcli.files import naming, whole
from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2
from vadcli.rendering.heatmaps import peak_picture
from vadcli.rendering.sink import Lineage, Sink
from vadcli.rendering.timeline import Day, Span, Timeline, day_svg, timeline_svg
from vadcli.scoring.events import Event, Finding
from vadcli.scoring.scorer import ScoredFrame, SourceScorer
from vadcli.scoring.writers import clock, reason_of
from vadcli.settings import ScoreSettings
from vadcli.terminal import printable

# Bounds that keep memory and file constant however long the footage is.
EVENTS_LISTED = 200
PICTURES = 24
_PICTURE_WIDTH = 560
_TEMPLATE = Path(__file__).with_name("report.html.j2")

# A listed event in a heap: its weight, its number, the event, and its picture as a data URL or nothing.
_Listed = tuple[float, int, Event, str]


@contextmanager
def html_report(path: Path, settings: ScoreSettings) -> Iterator["Report"]:
    """A sink that writes a report at the end, whole or not at all."""
    with whole(path) as temporary:
        report = Report(settings)
        yield report
        with naming(path):
            temporary.write_text(report.html(), encoding="utf-8")


@dataclass
class _Section:
    """The part of a report on one source, gathered while it is scored; bounded."""

    timeline: Timeline
    listed: list[_Listed] = field(default_factory=list)
    events: int = 0
    last_s: float = 0.0


class Report(Sink):
    """Gathers a bounded picture of every source."""

    def __init__(self, settings: ScoreSettings) -> None:
        self._settings = settings
        self._open: dict[SourceScorer, _Section] = {}
        self._done: list[dict[str, Any]] = []
        self._lineage: dict[tuple[str, str], None] = {}
        self._days: list[Day] = []
        self._frames = self._events = self._pictures = 0

    def begin(self, scorer: SourceScorer, lineage: Lineage) -> None:
        """Make room for a source."""
        self._open[scorer] = _Section(Timeline(seconds=1 / scorer.info.fps))
        self._lineage |= dict.fromkeys(lineage)

    def frame(self, scorer: SourceScorer, frame: ScoredFrame) -> None:
        """Add a frame to the timeline."""
        section, observation = self._open[scorer], frame.observation
        section.last_s = observation.time_s + 1 / scorer.info.fps
        if frame.record is not None and frame.record.score is not None:
            section.timeline.add(observation.time_s, frame.record.score)

    def event(self, scorer: SourceScorer, finding: Finding[ScoredFrame]) -> None:
        """Keep an event if it is among the highest."""
        section = self._open[scorer]
        section.events += 1
        event = finding.event
        weight = event.peak_score if event.kind == "scene" else math.inf
        pictured = sorted((each[0] for each in section.listed if each[3]), reverse=True)
        picture = ""
        if len(pictured) < PICTURES or weight > pictured[PICTURES - 1]:
            picture = _data_url(_fit(peak_picture(scorer, finding), _PICTURE_WIDTH))
        heapq.heappush(section.listed, (weight, section.events, event, picture))
        if len(section.listed) > EVENTS_LISTED:
            heapq.heappop(section.listed)
        if picture and len(pictured) >= PICTURES:
            lowest = min((each for each in section.listed if each[3]), key=lambda each: each[0])
            section.listed[section.listed.index(lowest)] = (*lowest[:3], "")

    def end(self, scorer: SourceScorer) -> None:
        """Turn what was kept of a source into its section."""
        section = self._open.pop(scorer)
        self._frames += scorer.frames
        self._events += section.events
        events = sorted(section.listed, key=lambda each: each[1])
        spans = [Span(event.start_s, event.end_s, str(number)) for _, number, event, _ in events]
        threshold, began = scorer.threshold, scorer.info.began
        if began is not None:
            self._days.append(Day(began, section.last_s, [(each.start_s, each.end_s) for _, _, each, _ in events]))
        facts = [
            clock(section.last_s) + " long",
            f"{scorer.frames:,} frames scored at {scorer.info.fps:g} a second",
            f"{scorer.info.width}×{scorer.info.height}",
            f"calibrated by {_WHOSE[scorer.kind]}",
            "no threshold: over before enough was seen" if threshold is None else f"alarm above {threshold:.2f}",
        ]
        keep = max(0, 4 * PICTURES - self._pictures)  # over all sources
        pictures = [event[3] for event in sorted(events, reverse=True) if event[3]][:keep]
        self._pictures += len(pictures)
        self._done.append(
            {
                "name": printable(scorer.name),
                "facts": "; ".join(facts) + ".",
                "svg": Markup(timeline_svg(section.timeline, threshold, spans)),
                "events": [
                    _row(number, event, picture if picture in pictures else "") for _, number, event, picture in events
                ],
                "unlisted": section.events - len(events),
            }
        )

    def html(self) -> str:
        """The whole report."""
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
        plural = "s" * (self._events != 1)
        of = self._done[0]["name"].split("/")[-1] if len(self._done) == 1 else f"{len(self._done)} sources"
        rate = f"{self._settings.false_alarms_per_hour:g}"
        asked = (
            f"The threshold is that of {rate} false alarm{'s' * (rate != '1')} an hour."
            if self._settings.threshold is None
            else f"The threshold was set to {self._settings.threshold:g}."
        )
        return template.render(
            title=f"Abnormal moments in {of}",
            summary=f"{self._events} event{plural} in {self._frames:,} frames of {len(self._done)} source"
            f"{'s' * (len(self._done) != 1)}. {asked}",
            sources=self._done,
            day=Markup(day_svg(self._days)) if self._days else "",
            dated=bool(self._days),
            lineage=list(self._lineage),
            settings=[
                (name.replace("_", " "), "none" if value is None else str(value))
                for name, value in self._settings.model_dump().items()
            ],
            version=__version__,
        )


_WHOSE = {"adapter": "an adapter of this camera", "warmup": "the source's own beginning"}


def _row(number: int, event: Event, picture: str) -> dict[str, Any]:
    return {
        "number": number,
        "start": clock(event.start_s),
        "end": clock(event.end_s),
        "peak": clock(event.peak_s),
        "at": "–" if event.at is None else event.at[:19].replace("T", " "),
        "score": f"{event.peak_score:.2f}" if event.kind == "scene" else "–",
        "reason": reason_of(event.kind, event.reason),
        "clip": "" if event.clip is None else printable(event.clip),
        "region": ", ".join(map(str, event.region)) if event.region else "–",
        "picture": picture,
    }


def _fit(picture: Image, width: int) -> Image:
    if picture.shape[1] == width:
        return picture
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    how = cv2.INTER_AREA if picture.shape[1] > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _data_url(picture: Image) -> str:
    encoded, data = cv2.imencode(".jpg", picture[..., ::-1])
    if not encoded:
        raise ValueError(f"OpenCV could not encode a picture of {picture.shape}")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
