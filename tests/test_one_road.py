"""Evaluation and product are one: the same footage has the same errors, scores, thresholds, events and regions."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests import synthetic_cache
from tests.conftest import write_video
from tests.tasks.scorable import tiny_model
from vadcli.evaluation.localisation import Localiser
from vadcli.footage.opencv import cv2
from vadcli.model.checkpoint import load_checkpoint, save_checkpoint
from vadcli.presets import load_settings
from vadcli.progress import Silent
from vadcli.scoring.baseline import Windows
from vadcli.scoring.scorer import ScoredFrame
from vadcli.settings import SourceSettings
from vadcli.tasks import evidence as room
from vadcli.tasks.evaluate import evaluate_task
from vadcli.tasks.trial import Options

FPS, ABNORMAL = 10.0, range(40, 55)


def write_film(path: Path, frames: int, abnormal: range = range(0), seed: int = 0) -> None:
    """Something walks; where it is abnormal a large thing rushes through."""
    rng, images = np.random.default_rng(seed), []
    ground = np.kron(np.random.default_rng(9).integers(70, 130, (8, 12, 3)), np.ones((8, 8, 1)))
    for index in range(frames):
        image = ground + rng.normal(0, 2, ground.shape)
        left = abs((2 * index + 20 * seed) % 160 - 80)
        image[30:42, left : left + 6] = 200
        if index in abnormal:
            image[5:35, (7 * index) % 60 : (7 * index) % 60 + 25] = 20
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    write_video(path, images, FPS)


@pytest.fixture(scope="module")
def gate(tmp_path_factory) -> Path:
    """Two normal and two labelled recordings of one camera."""
    folder = tmp_path_factory.mktemp("road") / "gate"
    for number in range(2):
        write_film(folder / "training" / f"{number}.avi", 120, seed=number)
        write_film(folder / "testing" / f"{number}.avi", 80, ABNORMAL, seed=5 + number)
        rows = "\n".join(f"{index},{int(index in ABNORMAL)}" for index in range(80))
        (folder / "testing" / f"{number}.csv").write_text(f"frame,label\n{rows}\n")
    (folder.parent / "demo.json").write_text("{}")  # by which the layout is known
    return folder


@pytest.fixture(scope="module")
def model(gate) -> Path:
    return tiny_model(gate.parent / "model.safetensors")


@pytest.fixture(scope="module")
def adapter(gate, model) -> Path:
    from vadcli.cli.app import run

    out = gate.parent / "adapter.safetensors"
    assert run(["adapt", str(gate / "training"), "--from", str(model), "--shots", "3", "--out", str(out), "-q"]) == 0
    return out


@pytest.fixture(scope="module")
def cache(gate) -> Path:
    from vadcli.cli.app import run

    out = gate.parent / "gate.h5"
    assert run(["prepare", str(gate), "--size", "32", "--channels", "1", "--out", str(out), "-q"]) == 0
    return out


def evaluated(source: Path, model: Path, options: Options, precision: str, monkeypatch, *more: str):
    """The document of an evaluation, and every frame that it scored."""
    seen: list[ScoredFrame] = []
    slim = room._slim
    settings = load_settings(None, [f"score.precision={precision}", "eval.bootstrap=20", "adapt.shots=3", *more])
    with monkeypatch.context() as patched:
        patched.setattr(room, "_slim", lambda frame: (seen.append(frame), slim(frame))[1])
        found = evaluate_task([str(source)], model, options, settings, Silent())
    return found, seen


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("what", ["folder", "cache", "video"])
def test_evaluation_says_of_every_frame_what_score_says(vad, gate, cache, model, adapter, what, precision, monkeypatch):
    source = {"folder": gate, "cache": cache, "video": gate / "testing"}[what]
    found, seen = evaluated(source, model, Options(adapter=adapter, protocols=("online",)), precision, monkeypatch)
    ours = [frame.record.to_json() for frame in seen]
    answer = vad("score", gate / "testing", "--model", model, "--adapter", adapter, "--precision", precision)
    theirs = [json.loads(line) for line in answer.out.splitlines()]
    for record in (*ours, *theirs):
        record["source"] = Path(record["source"]).stem[-1]
        record.pop("at")
    order = ("source", "frame")
    assert sorted(ours, key=lambda r: [r[k] for k in order]) == sorted(theirs, key=lambda r: [r[k] for k in order])
    labels = [record["frame"] in ABNORMAL for record in theirs]
    live = next(result for result in found.results if result.score == "live")
    exact = [frame.record.score for frame in seen]
    assert live.micro_auc == roc_auc_score([frame.record.frame in ABNORMAL for frame in seen], exact)
    assert live.micro_auc == pytest.approx(roc_auc_score(labels, [r["score"] for r in theirs]), abs=1e-3)
    assert live.events_threshold == "calibration" and live.frames == len(theirs)


@pytest.mark.parametrize(
    ("setting", "some"), [("", True), ("score.false_alarms_per_hour=60", True), ("score.min_event_seconds=60", False)]
)
def test_events_and_regions_of_evaluation_are_the_products(vad, gate, model, adapter, monkeypatch, setting, some):
    options = Options(adapter=adapter, protocols=("online",))
    found, seen = evaluated(gate, model, options, "float32", monkeypatch, *setting.split())
    how = ("--model", model, "--adapter", adapter, "--precision", "float32", "--records", "events")
    how += ("--set", setting) if setting else ()
    events = [json.loads(line) for line in vad("score", gate / "testing", *how).out.splitlines()]
    live = next(result for result in found.results if result.score == "live")
    assert live.events.alarms == len(events) and bool(events) == some
    for event in events:
        assert live.events.threshold == pytest.approx(event["threshold"], abs=1e-4)
        peak = next(
            frame
            for frame in seen
            if Path(event["source"]).stem == Path(frame.record.source).stem
            and abs(frame.record.time_s - event["peak_s"]) < 1e-3
        )
        assert list(peak.regions[0].box) == event["region"]


@pytest.mark.parametrize("shots", [0, 3])
def test_a_row_of_k_shots_is_an_adapter_of_vad_adapt(gate, cache, model, adapter, shots, monkeypatch, tmp_path, vad):
    made = tmp_path / "made.safetensors"
    how = ("--shots", shots) if shots else ("--shots", 1, "--set", "adapt.updates=0")
    assert vad("adapt", cache, "--from", model, "--out", made, "--precision", "float32", *how).code == 0
    options = Options(shots=(shots,), protocols=("online", "paper"))
    row, by_row = evaluated(cache, model, options, "float32", monkeypatch)
    given = Options(adapter=made, protocols=("online", "paper"))
    other, by_file = evaluated(cache, model, given, "float32", monkeypatch)
    assert [frame.record.score for frame in by_row] == [frame.record.score for frame in by_file]
    figures = [(r.protocol, r.score, r.micro_auc, r.events.threshold) for r in row.results]
    assert figures == [(r.protocol, r.score, r.micro_auc, r.events.threshold) for r in other.results]


@pytest.mark.parametrize("fps", [None, 5.0])
def test_support_from_a_clips_head_is_that_of_score_with_shots_read_as_for_the_model(
    vad, gate, model, fps, monkeypatch, tmp_path
):
    made = load_checkpoint(model)
    source = SourceSettings(fps=fps, mask_top=0.1 if fps else None)
    save_checkpoint(
        model := tmp_path / "m", replace(made, settings=made.settings.model_copy(update={"source": source}))
    )
    options = Options(shots=(3,), support="clip", protocols=("online",))
    _, seen = evaluated(gate / "testing", model, options, "float32", monkeypatch)
    answer = vad("score", gate / "testing", "--model", model, "--shots", 3, "--precision", "float32")
    theirs = [json.loads(line) for line in answer.out.splitlines()]
    assert [r["frame"] for r in theirs][:2] == ([14, 16] if fps else [7, 8])
    assert [(r["frame"], r["score"]) for r in theirs] == [
        (frame.record.frame, pytest.approx(frame.record.score, abs=1e-3)) for frame in seen
    ]


def test_controls_stand_in_every_table_of_every_protocol(cache, model, monkeypatch):
    protocols = ("paper", "official", "minmax", "online")
    found, seen = evaluated(cache, model, Options(shots=(0,), protocols=protocols), "float32", monkeypatch)
    labels = [frame.record.frame in ABNORMAL for frame in seen]
    windows = [Windows(frame.observation.cues) for frame in seen]
    for protocol in protocols:
        by_score = {result.score: result for result in found.results if result.protocol == protocol}
        assert {"moving", "flow"} < by_score.keys()
        if protocol == "paper":
            assert by_score["moving"].micro_auc == roc_auc_score(labels, [each.area.max() for each in windows])
            assert by_score["flow"].micro_auc == roc_auc_score(labels, [each.speed.max() for each in windows])


def test_somebodys_scores_have_the_controls_of_the_footage_beside_them(gate, cache, model, adapter, vad, tmp_path):
    out = tmp_path / "scores.ndjson"
    how = ("--model", model, "--adapter", adapter, "--precision", "float32")
    assert vad("score", gate / "testing", *how, "--out", out, "-q").code == 0
    named = out.read_text().replace(f"{gate}/testing/", "gate/test/").replace(".avi", "")
    out.write_text(named)
    answer = vad("eval", "--scores", out, "--labels", cache, "--protocol", "online", "--json")
    assert answer.code == 0, answer.err
    foreign = {result["score"]: result for result in json.loads(answer.out)["results"]}
    ours = vad("eval", cache, *how, "--protocol", "online", "--json")
    own = {result["score"]: result for result in json.loads(ours.out)["results"]}
    assert foreign["given"]["micro_auc"] == pytest.approx(own["live"]["micro_auc"], abs=1e-3)
    assert foreign["given"]["events"]["alarms"] == own["live"]["events"]["alarms"] > 0
    assert foreign["given"]["events"]["threshold"] == pytest.approx(own["live"]["events"]["threshold"], abs=1e-3)
    for control in ("moving", "flow"):
        assert foreign[control]["micro_auc"] == pytest.approx(own[control]["micro_auc"], abs=0.02)


def test_localisation_judges_the_products_regions_and_controls_beside_them(tmp_path, model, vad, monkeypatch):
    made, bare = (
        synthetic_cache.write(tmp_path / f"{masks}.h5", frames=60, size=(32, 32), masks=masks)
        for masks in (True, False)
    )
    judged, add = [], Localiser.add

    def noted(self, maps, masks, regions=None):
        judged.append((maps, regions))
        add(self, maps, masks, regions)

    monkeypatch.setattr(Localiser, "add", noted)
    options = Options(shots=(0,), protocols=("online",), localise=True)
    found, seen = evaluated(made, model, options, "float32", monkeypatch)
    rows = {row["map"]: row for row in found.about["localisation"]}
    assert list(rows) == ["live", "moving", "flow", "error"]
    for row in rows.values():
        assert row["regions"] > 0 and 0 <= row["rbdc"] <= 1 and 0 <= row["tbdc"] <= 1
    for number, frame in enumerate(seen):
        clip, own = divmod(number, len(seen) // 2)
        maps = (
            np.maximum(frame.heat, 0),
            frame.observation.cues.area,
            frame.observation.cues.speed,
            frame.errors.patches,
        )
        for kind, coarse in enumerate(maps):
            large = cv2.resize(coarse.astype(np.float32), (32, 32), interpolation=cv2.INTER_LINEAR)
            np.testing.assert_array_equal(judged[4 * clip + kind][0][own], large)
        painted = np.zeros((frame.info.height, frame.info.width))
        for region in sorted(frame.regions, key=lambda region: region.score):
            x, y, w, h = region.box
            painted[y : y + h, x : x + w] = max(region.score, 0)
        painted = cv2.resize(painted, (32, 32), interpolation=cv2.INTER_NEAREST)
        assert np.isclose(judged[4 * clip][1][own], painted, rtol=1e-5).mean() > 0.9, "all but the boxes' borders"
    refused = vad("eval", bare, "--model", model, "--localise")
    assert refused.code == 2 and "no test clip has masks" in refused.err
