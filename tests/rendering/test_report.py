"""Reports, timelines and plots."""

import re
from html.parser import HTMLParser

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.caches import evidence_on
from tests.rendering.watched import show, watched
from vadcli.evaluation.evidence import GIVEN
from vadcli.evaluation.protocols import OFFICIAL, PAPER, Request
from vadcli.evaluation.results import Setting, measure, score
from vadcli.rendering.plots import write_plots
from vadcli.rendering.report import PICTURES, Report
from vadcli.rendering.sink import Lineage
from vadcli.rendering.timeline import Timeline
from vadcli.settings import EvalSettings, ScoreSettings

BURST = [None] * 4 + [1.0] * 30 + [6.0] * 10 + [1.0] * 30
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&{{7*7}}.mp4"


class Parsed(HTMLParser):
    """Tags and what they point to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.targets, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.targets += [value for key, value in attrs if key in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data):
        self.text += data


def report_of(name: str = "gate.mp4", levels=BURST, lineage: Lineage | None = None) -> str:
    report = Report(ScoreSettings())
    show(report, watched(name), levels, lineage)
    return report.html()


def test_a_report_shows_events_threshold_settings_and_lineage():
    text = Parsed(report_of()).text
    assert "1 event in 70 frames of 1 source" in text
    assert "calibrated by an adapter of this camera" in text and "alarm above 1.00" in text
    assert "smooth seconds" in text and "tiny" in text and "00:00:03." in text


def test_a_report_needs_nothing_outside_itself_and_takes_names_and_metadata_for_text():
    html = report_of(HOSTILE, lineage=[(HOSTILE, HOSTILE)])
    parsed = Parsed(html)
    assert parsed.targets and all(target.startswith("data:image/") for target in parsed.targets)
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert "@import" not in html and "url(" not in html
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert parsed.text.count("alert(1)") >= 3 and "{{7*7}}" in parsed.text


def test_a_report_of_many_events_lists_and_pictures_the_highest(monkeypatch):
    monkeypatch.setattr("vadcli.rendering.report.EVENTS_LISTED", 30)
    html = report_of(levels=[level for i in range(50) for level in ([1.0] * 40 + [3.0 + i] * 6)] + [1.0] * 40)
    assert "50 events" in html
    assert html.count('<td class="n">') == 5 * 30 and "20 more events" in html
    assert html.count('<figure><img src="data:image/jpeg') == PICTURES


@given(st.lists(st.floats(-5, 50), min_size=1, max_size=500), st.integers(2, 40))
def test_a_timeline_keeps_the_least_and_largest_score_of_every_stretch(scores: list[float], limit: int):
    timeline = Timeline(limit=limit, seconds=1.0)
    for second, value in enumerate(scores):
        timeline.add(float(second), value)
    size = int(timeline.seconds)
    expected = [(min(part), max(part)) for part in (scores[i : i + size] for i in range(0, len(scores), size))]
    assert timeline.bins == expected
    assert len(timeline.bins) <= limit


def results(clips=3, frames=60):
    random = np.random.default_rng(0)
    labels = np.arange(frames) % 20 > 12
    evidence = [
        evidence_on(labels, {GIVEN: labels + random.normal(size=frames)}, f"s/<{i}>&", fps=10.0) for i in range(clips)
    ]
    pools = [score(evidence, protocol, Request(GIVEN)) for protocol in (PAPER, OFFICIAL)]
    made = [
        measure(data, protocol, Request(GIVEN), Setting("data"), EvalSettings(bootstrap=20))
        for data, protocol in zip(pools, (PAPER, OFFICIAL), strict=True)
    ]
    return made, pools


def test_the_same_results_give_the_same_bytes(tmp_path):
    made = results()
    first, second = (write_plots(*made, tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == ["roc.png", "roc.svg", "pr.png", "pr.svg", "timelines.png", "timelines.svg"]
    for before, after in zip(first, second, strict=True):
        assert before.read_bytes() == after.read_bytes()
