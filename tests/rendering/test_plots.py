import numpy as np

from tests.evaluation.caches import evidence_on
from vadcli.evaluation.evidence import GIVEN
from vadcli.evaluation.protocols import OFFICIAL, PAPER, Request
from vadcli.evaluation.results import Setting, measure, score
from vadcli.rendering.plots import _peaks, _style, figures, timelines, write_plots
from vadcli.settings import EvalSettings


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


def test_many_protocols_have_lines_of_their_own():
    made, pools = results()
    (panel,) = timelines(list(zip(made * 6, pools * 6, strict=True)), range(1)).axes
    assert len(panel.lines) == 12 and len({str(_style(number)) for number in range(35)}) == 35
    assert [line.get_label() for line in panel.lines[:2]] == ["paper", "official*"]


def test_names_are_escaped_in_svg(tmp_path):
    write_plots(*results(), tmp_path)
    text = (tmp_path / "timelines.svg").read_text()
    assert "s/&lt;0&gt;&amp;" in text
    assert "<0>" not in text


def test_many_clips_are_spread_over_several_figures():
    names = [name for name, _ in figures(*results(clips=25, frames=20))]
    assert names == ["roc", "pr", "timelines-1", "timelines-2", "timelines-3"]


def test_no_peak_of_a_long_line_is_lost():
    y = np.zeros(100_003)
    y[71_234] = 5.0
    y[12] = -3.0
    x, shown = _peaks(np.arange(len(y), dtype=float), y)
    assert len(shown) <= 2000
    assert (shown.max(), shown.min()) == (5.0, -3.0)
    assert abs(x[shown.argmax()] - 71_234) < 101
