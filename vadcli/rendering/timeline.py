"""A source's scores over time in a bounded number of bins, and the drawing of them as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from vadcli.scoring.writers import clock

Bin = tuple[float, float] | None  # least and largest score of a stretch of time; None where no frame has one


def _joined(first: Bin, second: Bin) -> Bin:
    if first is None or second is None:
        return first or second
    return min(first[0], second[0]), max(first[1], second[1])


class Timeline:
    """Least and largest score of every stretch of so many seconds, which double when there are more than `limit`.

    >>> timeline = Timeline(limit=4, seconds=1.0)
    >>> for second in range(10):
    ...     timeline.add(float(second), float(second))
    >>> timeline.seconds, timeline.bins
    (4.0, [(0.0, 3.0), (4.0, 7.0), (8.0, 9.0)])
    """

    def __init__(self, limit: int = 800, seconds: float = 0.04) -> None:
        self.limit, self.seconds = limit, seconds
        self.bins: list[Bin] = []

    def add(self, time_s: float, score: float) -> None:
        """Take the score of a frame."""
        while (place := int(max(time_s, 0) / self.seconds)) >= self.limit:
            self.bins = [_joined(*pair) for pair in zip_longest(self.bins[::2], self.bins[1::2])]
            self.seconds *= 2
        self.bins += [None] * (place + 1 - len(self.bins))
        self.bins[place] = _joined(self.bins[place], (score, score))


@dataclass(frozen=True, slots=True)
class Span:
    """An event on the timeline: where it is, and the number it is called by."""

    start_s: float
    end_s: float
    label: str


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 1000, 180, 44, 30, 24, 18
_STEPS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)


def timeline_svg(timeline: Timeline, threshold: float | None, spans: Sequence[Span]) -> str:
    """An SVG element: a band from least to largest score, the threshold dashed, events hatched and numbered.

    Nothing in it depends on colour, and no text in it comes from outside.
    """
    most = max((found[1] for found in timeline.bins if found), default=1.0)
    top = max(1.25 * (threshold or 1.0), most * 1.05, 0.1)
    duration = max(len(timeline.bins) * timeline.seconds, 1e-9)
    plot_width, plot_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _BOTTOM - _TOP

    def x_of(time_s: float) -> float:
        return round(_LEFT + min(time_s / duration, 1.0) * plot_width, 1)

    def y_of(score: float) -> float:
        return round(_TOP + (1 - min(max(score / top, 0.0), 1.0)) * plot_height, 1)

    parts = [
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">',
        "<title>score over time</title>",
    ]
    for number, span in enumerate(spans):
        left, right = x_of(span.start_s), x_of(span.end_s)
        parts.append(
            f'<rect class="event" x="{left}" y="{_TOP}" width="{max(right - left, 2):.1f}" height="{plot_height}"/>'
        )
        if number == 0 or left - x_of(spans[number - 1].start_s) > 14:
            parts.append(f'<text class="label" x="{(left + right) / 2:.1f}" y="{_TOP - 4}">{span.label}</text>')
    for stretch in _stretches(timeline):
        upper = " ".join(f"{x_of((i + 0.5) * timeline.seconds)},{y_of(high)}" for i, _, high in stretch)
        lower = " ".join(f"{x_of((i + 0.5) * timeline.seconds)},{y_of(low)}" for i, low, _ in reversed(stretch))
        parts.append(f'<polygon class="band" points="{upper} {lower}"/>')
        parts.append(f'<polyline class="curve" points="{upper}"/>')
    if threshold is not None:
        level = y_of(threshold)
        parts.append(f'<line class="threshold" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{level}" y2="{level}"/>')
        parts.append(f'<text class="left" x="{_LEFT - 4}" y="{level + 4}">{threshold:.2f}</text>')
    parts.append(f'<text class="left" x="{_LEFT - 4}" y="{y_of(0) + 4}">0</text>')
    if top > 1.6 * (threshold or 1.0):
        parts.append(f'<text class="left" x="{_LEFT - 4}" y="{y_of(top) + 8}">{top:.1f}</text>')
    base = y_of(0)
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>')
    days = math.ceil(duration / 864_000)
    step = next((step for step in _STEPS_S if duration / step <= 10), days * 86_400)
    for tick in range(0, int(duration) + 1, step):
        parts.append(f'<line class="axis" x1="{x_of(tick)}" x2="{x_of(tick)}" y1="{base}" y2="{base + 4}"/>')
        parts.append(f'<text class="label" x="{x_of(tick)}" y="{base + 17}">{clock(tick, 0)}</text>')
    return "\n".join([*parts, "</svg>"])


@dataclass(frozen=True, slots=True)
class Day:
    """A source in the time of day: when it began, how long it is, and from when to when its events are."""

    began: datetime
    lasts_s: float
    events: Sequence[tuple[float, float]]


def day_svg(days: Sequence[Day]) -> str:
    """An SVG element: all sources on one axis of the time of day, one above the other, with their events."""
    zone = days[0].began.tzinfo
    first_s = min(day.began.timestamp() for day in days)
    lasts_s = max(max(day.began.timestamp() + day.lasts_s for day in days) - first_s, 1e-9)
    width, bar = _WIDTH - _LEFT - _RIGHT, max(3, min(14, 160 // len(days)))
    base = _TOP + len(days) * (bar + 2)
    parts = [
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {base + _BOTTOM}" role="img" xmlns="http://www.w3.org/2000/svg">',
        "<title>events by the time of day</title>",
    ]
    for number, day in enumerate(days):
        top, left_s = _TOP + number * (bar + 2), day.began.timestamp() - first_s
        for kind, begin_s, end_s in [("band", 0.0, day.lasts_s), *(("event", *event) for event in day.events)]:
            left = _LEFT + (left_s + begin_s) / lasts_s * width
            wide = max(2.0, (end_s - begin_s) / lasts_s * width)
            parts.append(f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{bar}"/>')
    step = next((step for step in _STEPS_S if lasts_s / step <= 8), 86_400 * math.ceil(lasts_s / 691_200))
    for tick_s in range(math.ceil(first_s / step) * step, int(first_s + lasts_s) + 1, step):
        x = _LEFT + (tick_s - first_s) / lasts_s * width
        text = datetime.fromtimestamp(tick_s, zone).strftime("%H:%M:%S" if step < 60 else "%H:%M")
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>')
        parts.append(f'<text class="label" x="{x:.1f}" y="{base + 17}">{text}</text>')
    return "\n".join([*parts, "</svg>"])


def _stretches(timeline: Timeline) -> list[list[tuple[int, float, float]]]:
    """Runs of bins with scores: index, least, most. A bin between two frames may be empty; a run goes on over it."""
    longest_s = max(2.0, 2 * timeline.seconds)
    runs: list[list[tuple[int, float, float]]] = []
    run: list[tuple[int, float, float]] = []
    for i, found in enumerate([*timeline.bins, None]):
        if found:
            run.append((i, *found))
        elif run and ((i - run[-1][0]) * timeline.seconds > longest_s or i == len(timeline.bins)):
            runs.append(run)
            run = []
    return runs
