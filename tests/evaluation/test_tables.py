import json
from dataclasses import replace

import numpy as np
import pytest

from tests.caches import evidence_on
from vadcli.errors import GateFailed, InputError
from vadcli.evaluation.against import check_gates, compare, gated, parse_gates, read_document
from vadcli.evaluation.evidence import FEATURE, FRAME, MOVING
from vadcli.evaluation.protocols import OFFICIAL, ONLINE, PAPER, Request
from vadcli.evaluation.published import beside, measured_of
from vadcli.evaluation.results import Setting, document, measure, score
from vadcli.evaluation.tables import Table, event_tables, markdown, tables_of
from vadcli.settings import EvalSettings

QUICK = EvalSettings(bootstrap=50)
MODEL = {"file": "m.safetensors", "sha256": "ab", "unit": "prototypes", "unit_level": 1, "num_prototypes": 10,
         "size": [32, 32], "width": 4, "variant": "sharp"}  # fmt: skip


def clips(seed, lift=1.5, count=4):
    random = np.random.default_rng(seed)
    for number in range(count):
        labels = np.zeros(50, dtype=bool)
        labels[10 + number : 30 if number else 50] = True
        frame, feature = (random.lognormal(0, 0.5, 50) * np.where(labels, lift, 1) for _ in range(2))
        yield evidence_on(labels, {FRAME: frame, FEATURE: feature}, f"c{number}", fps=10.0)


def result(seed=0, protocol=PAPER, kind="fused", **setting):
    request = Request(kind, setting.get("shots") or 0)
    how = Setting(**{"data": "ped2", "shots": 0, **setting})
    return measure(score(list(clips(seed)), protocol, request), protocol, request, how, QUICK)


def test_the_papers_counting_has_a_table_of_its_own_and_a_protocol_that_looks_ahead_is_marked():
    common, paper = tables_of([result(), result(protocol=OFFICIAL), result(counting="paper")])
    assert "paper's counting" in paper.title and "paper's counting" not in common.title
    assert [row[0] for row in common.rows] == ["paper", "official*"]
    assert any("looks into the future" in note for note in common.footnotes)


def test_results_fit_eighty_columns(capsys, monkeypatch):
    from vadcli.rendering.eval_table import print_tables

    monkeypatch.setenv("COLUMNS", "80")
    shown = [result(protocol=OFFICIAL), result(shots=10, support="scene", adaptation="no-meta")]
    print_tables([*tables_of(shown), *event_tables(shown)], "terminal")
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out


def test_markdown_has_every_row_and_escapes_what_is_special():
    text = markdown(tables_of([result(), result(protocol=OFFICIAL)]))
    assert text.count("| paper |") == 1 and text.count("| official\\* |") == 1
    assert markdown([Table("t", ("clip",), (("a|b",),), ())]).splitlines()[4] == "| a\\|b |"


def test_measured_results_stand_beside_the_papers():
    rows = [result(), result(kind="fr"), result(shots=10, support="clip", counting="paper", adaptation="meta")]
    measured = measured_of(document(rows, model=MODEL))
    auc = f"{100 * rows[0].micro_auc:.2f}"
    assert beside("1", measured).rows[-1] == ("measured, paper fused", "no data", auc, "no data", "no data")
    assert ("ped2", "measured, paper, support clip", auc, "no K", "no K", auc) in beside("2", measured).rows
    assert beside("4", measured).rows[-1][1:] == ("96.9", auc)
    assert beside("5", measured).rows[0] == ("1", "89.19", f"{100 * rows[1].micro_auc:.2f}")
    assert beside("5", measured).rows[1] == ("2", "86.72", "no such model")
    assert beside("6", measured).rows[2] == ("10", "96.90", auc)


def control(seed, name, **setting):
    clips_ = [replace(clip, signals={**clip.signals, name: clip.signals[FRAME]}) for clip in clips(seed, lift=9.0)]
    how = Setting(**{"data": "ped2", "shots": 0, **setting})
    return measure(score(clips_, ONLINE, Request(name)), ONLINE, Request(name), how, QUICK)


def test_controls_begin_a_table_and_name_what_is_below_them():
    moving = replace(control(0, MOVING), protocol="paper")
    rows = [moving, result(), result(shots=5, support="scene"), replace(result(kind="fp"), micro_auc=1.0)]
    (table,) = tables_of(rows)
    assert table.rows[0][:4] == ("paper", "–", "moving pixels", f"{100 * moving.micro_auc:.2f}")
    assert "moving pixels, optical flow: controls, which learned nothing" in table.footnotes
    (note,) = [note for note in table.footnotes if note.startswith("below a control")]
    assert note.endswith("no model: paper K=0 both, fused; paper K=5 both, fused")
    assert gated(rows) == rows[1:3]
    assert not any("controls" in note for note in tables_of([result()])[0].footnotes)


def test_events_have_a_table_with_the_threshold_that_they_are_of():
    plain, moving = result(), control(0, MOVING)
    own = replace(plain, protocol="online", events_threshold="calibration")
    (table,) = event_tables([moving, plain, own, result(kind="fp")])
    assert [row[:5:2] for row in table.rows] == [
        ("online", "moving pixels", "EER"), ("online", "both, fused", "vad's"), ("paper", "both, fused", "EER")
    ]  # fmt: skip
    found, best = plain.events, plain.events_at_one_false_alarm_a_clip
    assert table.rows[1][5:] == (
        f"{found.detected}/4", str(found.false_alarms), f"{found.delay_s:.1f}",
        f"{best.detected}/4", str(best.false_alarms), f"{best.delay_s:.1f}",
    )  # fmt: skip


def test_differences_are_paired_by_clip_and_tell_a_clear_one(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(document([result(0)])))
    earlier = read_document(tmp_path / "a.json")["results"]
    (same,) = compare([result(0)], earlier, "a.json")
    assert (same.change, same.half_width, same.paired, same.clear) == (0.0, 0.0, True, False)
    (other,) = compare([result(1)], earlier, "a.json")
    assert other.change == pytest.approx(result(1).micro_auc - result(0).micro_auc)
    assert other.half_width > 0
    with pytest.raises(
        InputError, match=r"no result in common; there ped2 paper K=0 fused, here avenue paper K=0 fused"
    ):
        compare([result(data="avenue")], earlier, "a.json")


@pytest.mark.parametrize("text", ["", "{", '{"schema": "other"}', "[1]", "[" * 100_000, "9" * 5000])
def test_an_earlier_result_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match="Give the output of"):
        read_document(tmp_path / "a.json")


def test_an_earlier_result_that_lacks_what_is_read_of_it_is_refused(tmp_path):
    whole = json.loads(json.dumps(document([result()], model=MODEL)))
    row = whole["results"][0]
    for problem, changed in (
        *((f"results.0.{key} is missing", {"results": [{k: v for k, v in row.items() if k != key}]}) for key in
          ("data", "adaptation", "protocol", "uses_future", "frames", "per_clip")),
        ("model.width is missing", {"model": {k: v for k, v in MODEL.items() if k != "width"}}),
        ("results.0.per_clip.0.influence", {"results": [row | {"per_clip": [{"clip": "c0"}]}]}),
        ("results.0.micro_auc must be a number", {"results": [row | {"micro_auc": None}]}),
        ("results must be a list", {"results": None}),
    ):  # fmt: skip
        (tmp_path / "a.json").write_text(json.dumps({**whole, **changed}))
        with pytest.raises(InputError, match=rf"{problem}[^\n]*$"):
            read_document(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps(whole))
    assert read_document(tmp_path / "a.json")["results"] == whole["results"]


def test_a_gate_looks_at_the_fullest_score_of_common_counting_whatever_there_is_and_its_bound_is_finite():
    good, single, paper = result(), result(kind="fp", seed=9), result(counting="paper")
    just = good.micro_auc
    check_gates([good, single, paper], {"micro_auc": just})
    with pytest.raises(GateFailed, match=r"micro_auc 0\.\d+ < .*ped2 paper K=0 fused"):
        check_gates([good, single, paper], {"micro_auc": just + 1e-6})
    for kind in ("fp", "fr", "live", "look", "given"):
        with pytest.raises(GateFailed, match=f"ped2 paper K=0 {kind}"):
            check_gates([replace(good, score=kind)], {"micro_auc": just + 1e-6})
    assert parse_gates(["micro_auc=0.9", "ap=0.5"]) == {"micro_auc": 0.9, "ap": 0.5}
    for bound in ("nan", "inf", "-inf", "high"):
        with pytest.raises(InputError, match=f"--fail-below ap={bound}: METRIC=NUMBER is expected"):
            parse_gates([f"ap={bound}"])
