import json
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.caches import evidence_on
from vadcli.errors import GateFailed, InputError
from vadcli.evaluation.against import check_gates, compare, gated, parse_gates, read_document
from vadcli.evaluation.evidence import FEATURE, FRAME, MOVING
from vadcli.evaluation.protocols import OFFICIAL, ONLINE, PAPER, Request
from vadcli.evaluation.published import TABLE_1, TABLE_2, TABLES, beside, measured_of
from vadcli.evaluation.results import Setting, document, measure, score
from vadcli.evaluation.tables import Table, event_tables, localisation_table, markdown, tables_of
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


def test_supports_of_two_kinds_never_share_a_table():
    rows = [result(), result(shots=5, support="clip"), result(data="avenue", shots=5, support="scene")]
    titles = [table.title for table in tables_of(rows)]
    assert len(titles) == 2
    assert any("clip's head" in title for title in titles)
    assert any("scene's normal footage" in title for title in titles)


def test_the_papers_counting_has_a_table_of_its_own_and_a_protocol_that_looks_ahead_is_marked():
    common, paper = tables_of([result(), result(protocol=OFFICIAL), result(counting="paper")])
    assert "paper's counting" in paper.title and "paper's counting" not in common.title
    assert [row[0] for row in common.rows] == ["paper", "official*"]
    assert any("looks into the future" in note for note in common.footnotes)


def test_scenes_are_told_apart_where_there_are_several():
    both = [replace(clip, scene=scene) for clip, scene in zip(clips(0), ("hall", "lawn") * 2, strict=True)]
    setting = Setting("umn", shots=0)
    mixed = measure(score(both, PAPER, Request("fused")), PAPER, Request("fused"), setting, QUICK)
    (note,) = [n for n in tables_of([mixed])[0].footnotes if "scene by scene" in n]
    hall, lawn = (f"{100 * mixed.scene_auc[name]:.2f}" for name in ("hall", "lawn"))
    assert f"hall {hall}, lawn {lawn}" in note
    assert not any("scene by scene" in note for note in tables_of([result()])[0].footnotes)
    assert json.loads(json.dumps(mixed.to_json()))["scene_auc"].keys() == {"hall", "lawn"}


def test_weights_that_change_with_k_are_said():
    for shots, said in ((5, True), (0, False)):
        (table,) = tables_of([result(protocol=OFFICIAL, shots=shots, support="scene" if shots else "none")])
        assert any("tell what K does by fp and fr" in note for note in table.footnotes) == said


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


def test_published_numbers_are_quoted_with_their_table():
    assert TABLE_1["MPN, with unit"] == (85.1, 96.9, 89.5, 73.8)
    assert TABLE_2["ShanghaiTech", "ped2"] == (90.17, 94.46, 94.67, 95.75)
    four, six = beside("4", ()), beside("6", ())
    assert ("fp", "92.6", "no such model") in four.rows
    assert "the other way round" in four.footnotes[0]
    assert "FP 96.22, FR 92.59" in six.footnotes[0]


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


def test_the_papers_tables_have_controls_in_a_line_and_no_row_for_them():
    rows = [result(), control(0, MOVING)]
    (alone, among) = (measured_of(document(some, model=MODEL)) for some in (rows[:1], rows))
    for number in TABLES:
        assert beside(number, among).rows == beside(number, alone).rows
        assert f"moving, without a model: ped2 {100 * rows[1].micro_auc:.2f}" in beside(number, among).footnotes


def test_data_of_another_name_and_fewer_clips_than_the_papers_are_said():
    other = measured_of(document([result(data="mine")], model=MODEL))
    assert (
        "left out: mine; name a cache by its data set, as in ped2.h5, to set it in here" in beside("4", other).footnotes
    )
    assert beside("4", other).rows[-1] == ("fused", "96.9", "no Ped2")
    few = measured_of(document([result(data="UCSD-Ped2")], model=MODEL))
    assert "ped2: measured on 4 clips; the published test set has 12" in beside("4", few).footnotes
    whole = measured_of(document([replace(result(), clips=12)], model=MODEL))
    assert not any("test set" in note or "left out" in note for note in beside("4", whole).footnotes)


def test_rivals_of_the_unit_have_rows_of_their_own():
    rows = [result(kind=kind) for kind in ("fp", "fr", "fused")]
    more = result(1), result(1, shots=10, support="clip", counting="paper", adaptation="meta")
    ours = measured_of(document(rows, model=MODEL))
    theirs = measured_of(document(more, model=MODEL | {"unit": "memory", "sha256": "cd"}))
    auc, other = f"{100 * rows[2].micro_auc:.2f}", f"{100 * more[0].micro_auc:.2f}"
    first = dict((row[0], row[2]) for row in beside("1", [*ours, *theirs]).rows)
    assert first["measured, paper fused"] == auc and first["measured, unit memory, paper fused"] == other
    two = [row for row in beside("2", [*ours, *theirs]).rows if row[0] == "ped2" and "memory" in row[1]]
    assert two == [("ped2", "measured, unit memory, paper, support clip", other, "no K", "no K", other)]
    four = {row[0]: row[1:] for row in beside("4", [*ours, *theirs]).rows}
    assert four["fused"] == ("96.9", auc) and four["unit memory, fused"] == ("–", other)
    assert four["unit memory, fr"] == ("–", "no such model") and "unit items, fused" not in four
    six = {row[0]: row[1:] for row in beside("6", [*ours, *theirs]).rows}
    assert six["10"] == ("96.90", auc) and six["unit memory, 10"] == ("–", other) and "unit memory, 5" not in six
    assert any("width 4, memory" in note for note in beside("6", theirs).footnotes)


def test_every_table_says_what_is_absent_and_an_unknown_one_names_the_known():
    for number in TABLES:
        table = beside(number, ())
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert any("no " in cell for row in table.rows for cell in row)
    with pytest.raises(InputError, match="Use 1, 2, 4, 5, 6"):
        beside("7", ())


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

    def refused(match, **changed):
        (tmp_path / "a.json").write_text(json.dumps({**whole, **changed}))
        with pytest.raises(InputError, match=match) as caught:
            read_document(tmp_path / "a.json")
        assert "\n" not in str(caught.value)

    row = whole["results"][0]
    for key in ("data", "adaptation", "protocol", "uses_future", "frames", "per_clip"):
        refused(f"results.0.{key} is missing", results=[{k: v for k, v in row.items() if k != key}])
    refused("model.width is missing", model={k: v for k, v in MODEL.items() if k != "width"})
    refused(r"results.0.per_clip.0.influence", results=[row | {"per_clip": [{"clip": "c0"}]}])
    refused(r"results.0.micro_auc must be a number", results=[row | {"micro_auc": None}])
    refused(r"results must be a list", results=None)
    (tmp_path / "a.json").write_text(json.dumps(whole))
    assert read_document(tmp_path / "a.json")["results"] == whole["results"]


def test_a_gate_looks_at_the_fullest_score_of_common_counting():
    good, single, paper = result(), result(kind="fp", seed=9), result(counting="paper")
    just = good.micro_auc
    check_gates([good, single, paper], {"micro_auc": just})
    with pytest.raises(GateFailed, match=r"micro_auc 0\.\d+ < .*ped2 paper K=0 fused"):
        check_gates([good, single, paper], {"micro_auc": just + 1e-6})
    assert parse_gates(["micro_auc=0.9", "ap=0.5"]) == {"micro_auc": 0.9, "ap": 0.5}


@pytest.mark.parametrize("kind", ["fp", "fr", "live", "look", "given"])
def test_a_gate_holds_whatever_score_there_is(kind):
    lone = replace(result(), score=kind)
    with pytest.raises(GateFailed, match=re.escape(f"ped2 paper K=0 {kind}")):
        check_gates([lone], {"micro_auc": lone.micro_auc + 1e-6})


@pytest.mark.parametrize("bound", ["nan", "inf", "-inf", "high"])
def test_a_bound_is_a_finite_number(bound):
    with pytest.raises(InputError, match=f"--fail-below ap={bound}: METRIC=NUMBER is expected"):
        parse_gates([f"ap={bound}"])


def test_figures_of_where_are_a_table():
    row = {"data": "ped2", "shots": 0, "map": "fp", "pixel_auc": 0.9, "ucsd_pixel_auc": 0.5, "rbdc": 0.25, "tbdc": 0.5,
           "tracks_from": "masks linked by overlap"}  # fmt: skip
    table = localisation_table([row])
    assert table.rows == (("ped2", "0", "fp", "90.00", "50.00", "25.00", "50.00"),)
    assert "masks linked by overlap" in table.footnotes[0]
