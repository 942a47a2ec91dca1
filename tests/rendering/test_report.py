import re
import shutil
import subprocess
import tracemalloc
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rendering.watched import show, watched
from vadcli.rendering.annotated import annotated_video
from vadcli.rendering.report import EVENTS_LISTED, PICTURES, Report
from vadcli.rendering.sink import Lineage
from vadcli.rendering.timeline import Span, Timeline, timeline_svg
from vadcli.settings import ScoreSettings

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


def test_a_report_of_many_events_lists_and_pictures_the_highest():
    levels = [1.0] * 20
    for i in range(EVENTS_LISTED + 30):
        levels += [3.0 + (i % 50)] * 6 + [1.0] * 60
    html = report_of(levels=levels)
    assert f"{EVENTS_LISTED + 30} events" in html
    assert html.count('<td class="n">') == 5 * EVENTS_LISTED and "30 more events" in html
    assert html.count('<figure><img src="data:image/jpeg') == PICTURES


def test_a_source_without_scores_is_reported_as_such():
    html = report_of(levels=[None] * 4)
    assert "No events." in html and "0 events in 0 frames" in html


def test_memory_does_not_grow_with_the_footage():
    timeline = Timeline()

    def feed(first: int, last: int) -> None:
        for index in range(first, last):
            timeline.add(index * 0.04, float(index % 97))

    feed(0, 40_000)
    tracemalloc.start()
    feed(40_000, 160_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 200_000 and len(timeline.bins) <= timeline.limit


@given(st.lists(st.floats(-5, 50), min_size=1, max_size=500), st.integers(2, 40))
def test_a_timeline_keeps_the_least_and_largest_score_of_every_stretch(scores: list[float], limit: int):
    timeline = Timeline(limit=limit, seconds=1.0)
    for second, score in enumerate(scores):
        timeline.add(float(second), score)
    size = int(timeline.seconds)
    expected = [(min(part), max(part)) for part in (scores[i : i + size] for i in range(0, len(scores), size))]
    assert timeline.bins == expected
    assert len(timeline.bins) <= limit


@pytest.mark.parametrize("seconds", [0.4, 59, 36_000, 10_000_000])
def test_timelines_of_any_length_are_drawn_inside_their_frame(seconds: float):
    timeline = Timeline(seconds=0.04)
    for step in range(500):
        timeline.add(seconds * step / 500, 0.1 * (step % 30))
    svg = timeline_svg(timeline, 1.0, [Span(seconds / 2, seconds, "1")])
    xs = [float(x) for x in re.findall(r"[\s\"](-?[\d.]+),-?[\d.]+", svg)]
    assert xs and min(xs) >= 0 and max(xs) <= 1000
    assert 2 <= svg.count('class="label"') <= 42 and "nan" not in svg


def test_a_timeline_breaks_where_nothing_was_scored():
    timeline = Timeline(seconds=0.1)
    for index in range(100):
        if not 40 <= index < 80:
            timeline.add(index / 10, 0.5)
    assert timeline_svg(timeline, 1.0, []).count("<polyline") == 2


def browser(tmp_path: Path, *arguments: str) -> str:
    program = shutil.which("chromium") or shutil.which("google-chrome") or pytest.skip("needs Chromium")
    quiet = "--no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-quic"
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", *quiet.split()]
    answer = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'profile'}", *arguments],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return answer.stdout


def test_a_browser_lays_the_report_out_from_a_file(tmp_path: Path):
    page = tmp_path / "r.html"
    page.write_text(report_of(HOSTILE, lineage=[("model", "tiny")]), encoding="utf-8")
    dom = browser(tmp_path, "--dump-dom", page.as_uri())
    assert dom.count("<figure>") == 1 + 2 * 6 and "<script" not in dom and "</svg>" in dom


def test_a_stock_browser_plays_the_annotated_video(tmp_path: Path):
    with annotated_video(tmp_path / "a.mp4") as sink:
        show(sink, watched(), BURST)
    page = tmp_path / "play.html"
    page.write_text(
        '<video id=v muted src="a.mp4"></video><pre id=o></pre><script>'
        "v.oncanplay=()=>v.play();v.onerror=()=>{o.textContent='error '+v.error.code};"
        "v.ontimeupdate=()=>{if(v.currentTime>0.3)o.textContent='played '+v.videoWidth+' '+v.duration.toFixed(1)}"
        "</script>"
    )
    played = f'<pre id="o">played 320 {len(BURST) / 10:.1f}</pre>'
    for _ in range(3):  # virtual time runs ahead of decoding where the machine is busy
        dom = browser(tmp_path, "--timeout=30000", "--virtual-time-budget=30000", "--dump-dom", page.as_uri())
        if played in dom:
            break
    assert played in dom
