"""`vad score` from the command line, on made-up films and a tiny untrained model."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import picture, remux, write_video
from tests.tasks.scorable import tiny_model
from vadcli.footage.opencv import cv2

FRAMES, FPS, BURST = 120, 10.0, range(80, 92)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve dull seconds, near the mid-grey that an untrained network predicts; a glaring patch from 8 to 9.2 s."""
    images, rng = [picture(index) // 4 + 96 for index in range(FRAMES)], np.random.default_rng(0)
    for index in BURST:
        images[index][10:30, 20:50] = 255 * rng.integers(0, 2, (20, 30, 1))
    return write_video(tmp_path_factory.mktemp("film") / "gate.avi", images)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture(scope="module")
def adapter(model: Path, film: Path) -> Path:
    from vadcli.cli.app import run

    out = model.with_name("adapter.safetensors")
    how = ("--shots", "3", "--normal-seconds", "7", "--quiet")
    assert run(["adapt", str(film), "--from", str(model), "--out", str(out), *how]) == 0
    return out


@pytest.fixture(scope="module")
def fitted(model: Path, adapter: Path) -> tuple:
    return "--model", model, "--adapter", adapter


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_frame_but_the_first_four_has_a_record(vad, film, model):
    answer = vad("score", film, "--model", model)
    records = lines(answer.out)
    assert answer.code == 0
    assert [record["frame"] for record in records] == list(range(4, FRAMES))
    assert {record["calibration"] for record in records} == {"warmup"} and None not in {r["score"] for r in records}
    assert all(record["schema"] == "vad.score/1" and record["source"] == str(film) for record in records)
    assert [record["time_s"] for record in records] == pytest.approx(np.arange(4, FRAMES) / FPS, abs=1e-3)
    assert "the first 30 s of each source, of a recording a third at most (--warmup)" in answer.err


def test_cues_alone_score_without_a_network(vad, film):
    answer = vad("score", film, "--model", "none")
    records = lines(answer.out)
    assert answer.code == 0 and [record["frame"] for record in records] == list(range(1, FRAMES))
    assert {record["psnr_db"] for record in records} == {record["error"] for record in records} == {None}


def test_the_last_line_says_how_high_it_was_and_how_to_see_more(vad, film):
    answer = vad("score", film, "--model", "none", "--threshold", 1e6)
    assert re.search(r"0 events in 119 frames; highest score \d+\.\d\d at 00:00:0\d\.\d, alarms above", answer.err)
    assert "Lower: --false-alarms-per-hour 60" in answer.err


def test_the_burst_is_the_event(vad, film, fitted):
    (event,) = lines(vad("score", film, *fitted, "--records", "events").out)
    assert 8.0 <= event["start_s"] <= 8.3 and 9.0 <= event["end_s"] <= 11 and event["state"] == "closed"
    x, y, w, h = event["region"]
    assert x < 35 < x + w and y < 20 < y + h
    assert event["reason"] and event["cue"] in ("area", "speed", "crowd", "look", "frame") and event["share"] > 0.2


def test_open_tells_of_the_event_when_it_begins_and_when_it_ends(vad, film, fitted):
    opened, closed = lines(vad("score", film, *fitted, "--open").out)
    assert (opened["state"], closed["state"]) == ("open", "closed") and opened["id"] == closed["id"]
    assert vad("score", film, *fitted, "--open", "--records", "frames").code == 2


def test_the_gate_fails_with_code_1_and_says_when(vad, film, fitted):
    answer = vad("score", film, *fitted, "--fail-on-anomaly", "--quiet")
    assert answer.code == 1 and len(lines(answer.out)) == FRAMES - 4
    assert "1 event, the first in" in answer.err and "00:00:08" in answer.err
    assert vad("score", film, *fitted, "--fail-on-anomaly", "--threshold", 1e6).code == 0


def test_shots_adapt_on_the_first_windows_and_score_what_follows(vad, film, model):
    answer = vad("score", film, "--model", model, "--shots", 6, "--warmup", 4, "--precision", "float32")
    records = lines(answer.out)
    assert records[0]["frame"] == 10 and {r["calibration"] for r in records} == {"warmup"}
    assert "adapted on its first 6 windows, 10 frames" in answer.err
    plain = {r["frame"]: r for r in lines(vad("score", film, "--model", model, "--precision", "float32").out)}
    assert any(r["psnr_db"] != plain[r["frame"]]["psnr_db"] for r in records)
    answer = vad("score", film, "--model", model, "--shots", 500)
    assert answer.code == 2 and "500 shots need 504 and one to score" in answer.err


def test_an_adapter_brings_its_calibration(vad, film, adapter, fitted):
    for more in ((), ("--warmup", 3), ("--set", "score.look_weight=1")):
        answer = vad("score", film, *fitted, *more)
        assert {r["calibration"] for r in lines(answer.out)} == {"adapter"}
        assert ("--warmup: not needed" in answer.err) == ("--warmup" in more)
        assert ("score.look_weight: part of the adapter" in answer.err) == ("--set" in more)
    both = vad("score", film, *fitted, "--shots", 3)
    assert both.code == 2 and "Use one of them" in both.err
    cues = vad("score", film, "--model", "none", "--adapter", adapter)
    assert cues.code == 0 and {r["error"] for r in lines(cues.out)} == {None}


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_bad_sources_are_told_in_a_line_each_the_others_go_on_and_the_code_is_2(vad, film, model, make_video, quiet):
    bad, short = make_video("bad.mp4"), make_video("short.mp4", frames=3)
    bad.write_text("not a video")
    told = {bad: "bad.mp4: this is text", short: "short.mp4: 3 frames; a window needs 5"}
    answer = vad("score", bad, film, short, "--model", model, *quiet)
    assert answer.code == 2 and {record["source"] for record in lines(answer.out)} == {str(film)}
    assert all(problem in answer.err for problem in told.values())
    assert "2 of 3 sources could not be scored" in answer.err and (not quiet or answer.err.count("\n") == 3)
    for source, problem in told.items():
        answer = vad("score", source, "--model", model, "--quiet")
        assert (answer.code, answer.out) == (2, "") and problem in answer.err and answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--out", "no/such/folder/x.json"], "does not exist"), (["--threshold", "nan"], "threshold"),
        (["--format", "srt", "--records", "frames"], "--records events"), (["--format", "xml"], "xml"),
        (["--false-alarms-per-hour", "0"], "greater than 0"), (["--set", "score.look_weight=-1"], "score.look_weight"),
    ],
)  # fmt: skip
def test_bad_options_are_refused_before_any_work(vad, film, model, options, complaint, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    answer = vad("score", film, "--model", model, *options)
    assert answer.code == 2 and complaint in answer.err and answer.out == ""
    assert list(tmp_path.iterdir()) == []


def test_pictures_video_and_report_are_written_and_nothing_said(vad, film, fitted, tmp_path):
    heat, video, report = tmp_path / "heat", tmp_path / "a.mp4", tmp_path / "r.html"
    answer = vad("score", film, *fitted, "--heatmaps", heat, "--annotated", video, "--report", report, "-q")
    assert answer.err == ""
    assert answer.code == 0, answer.err
    (png,) = heat.iterdir()
    assert png.name.startswith("gate-0000") and cv2.imread(str(png)) is not None
    capture = cv2.VideoCapture(str(video))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(FPS)
    count = 0
    while capture.read()[0]:
        count += 1
    assert count == FRAMES
    assert "1 event in 116 frames of 1 source" in report.read_text()


def _start(*arguments: object, **keywords) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from vadcli.cli.app import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)


@pytest.fixture(scope="module")
def slow_adapter(model: Path, film: Path) -> Path:
    """Made from the film at half its rate, without the rows that the glaring patch is in."""
    from vadcli.cli.app import run

    out = model.with_name("slow.safetensors")
    how = ("--fps", "5", "--mask-top", "0.65", "--normal-seconds", "7", "--quiet")
    assert run(["adapt", str(film), "--from", str(model), "--shots", "3", "--out", str(out), *how]) == 0
    return out


def test_a_source_is_read_as_the_adapters_footage_was(vad, film, model, slow_adapter):
    how = ("score", film, "--model", model, "--adapter", slow_adapter)
    answer = vad(*how)
    records = lines(answer.out)
    assert [r["frame"] for r in records] == list(range(8, FRAMES, 2))
    assert [r["time_s"] for r in records] == pytest.approx(np.arange(8, FRAMES, 2) / FPS, abs=1e-3)
    assert "5 frames a second at most (--fps), the top 65% blacked out (--mask-top)" in answer.err
    assert _burst(records) < 1.2, "what is abnormal is under the mask"
    asked = vad(*how, "--mask-top", 0.65, "--fps", 10)
    records = lines(asked.out)
    assert [r["frame"] for r in records] == list(range(4, FRAMES)) and "blacked out" not in asked.err
    assert "--fps 10: the adapter learned from 5 frames a second" in asked.err
    for other in (0, 0.8):
        unlearned = vad(*how, "--mask-top", other)
        assert unlearned.code == 2 and "these look at other parts of the picture" in unlearned.err


def test_several_adapters_go_to_the_sources_of_their_names(vad, film, tmp_path):
    for name in ("gate", "yard"):
        shutil.copy(film, tmp_path / f"{name}_20251125_100000.avi")
        assert vad("adapt", film, "--from", "none", "--end", 7, "--out", tmp_path / f"{name}.st").code == 0
    pairs = ("--adapter", f"gate={tmp_path}/gate.st", "--adapter", f"yard={tmp_path}/yard.st")
    by_pair = vad("score", tmp_path, "--model", "none", *pairs)
    by_name = vad("score", tmp_path, "--model", "none", "--adapter", f"{tmp_path}/NAME.st")
    alone = vad("score", tmp_path, "--model", "none", "--adapter", tmp_path / "gate.st")
    assert by_pair.out == by_name.out == alone.out and by_pair.code == 0
    assert {r["calibration"] for r in lines(by_pair.out)} == {"adapter"}
    for given, problem in (
        (pairs[:2], "no adapter for"),
        ((*pairs, "--adapter", f"sea={tmp_path}/yard.st"), "no source of that name"),
        (("--adapter", tmp_path / "gate.st", "--adapter", tmp_path / "yard.st"), "say what each is for"),
    ):
        answer = vad("score", tmp_path, "--model", "none", *given)
        assert answer.code == 2 and problem in answer.err


def test_no_output_replaces_a_file_of_another_kind(vad, film, tmp_path):
    (tmp_path / "README.md").write_text("about")
    tiny_model(tmp_path / "model.safetensors")
    for command in (("score", film, "--model", "none"), ("adapt", film, "--from", "none")):
        answer = vad(*command, "--out", tmp_path / "README.md")
        assert answer.code == 2 and "exists, and is none of ours" in answer.err
    answer = vad("adapt", film, "--from", "none", "--out", tmp_path / "model.safetensors")
    assert answer.code == 2 and "made by `vad metatrain`" in answer.err
    again = [vad("adapt", film, "--from", "none", "--out", tmp_path / "a.st") for _ in range(2)]
    assert [answer.code for answer in again] == [0, 0] and "an older one is replaced" in again[1].err
    assert (tmp_path / "README.md").read_text() == "about"


def test_what_a_segment_lacks_is_said_with_the_exit_code(vad, film, tmp_path):
    for minute in ("00", "01"):
        shutil.copy(film, tmp_path / f"gate_20251125_10{minute}00.avi")
    (tmp_path / "gate_20251125_100030.avi").write_bytes(b"")
    joined = vad("score", tmp_path, "--join", "--model", "none", "--quiet")
    assert joined.code == 2 and "1 of 3 segments could not be read whole" in joined.err and lines(joined.out)
    whole = film.read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) * 2 // 3])
    prepared = vad("prepare", tmp_path / "cut.avi", "--size", 32, "--out", tmp_path / "c.h5", "--quiet")
    assert prepared.code == 2 and "cut off" in prepared.err and (tmp_path / "c.h5").exists()


def _burst(records: list[dict]) -> float:
    """How many times the worst patch outside of the burst its worst patch is."""
    burst = {index + late for index in BURST for late in range(6)}
    return max(r["frame_peak"] for r in records if r["frame"] in burst) / max(
        r["frame_peak"] for r in records if r["frame"] not in burst
    )


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stream_that_is_interrupted_leaves_what_was_scored(model, tmp_path, film, how, code):
    stream, out = remux(film, tmp_path / "film.mkv"), tmp_path / "out.json"
    process = _start("score", "-", "--model", model, "--out", out, stdin=subprocess.PIPE)
    process.stdin.write(stream.read_bytes())
    process.stdin.flush()  # and the stream goes on, with nothing to read
    deadline = time.monotonic() + 300
    written = ""
    while time.monotonic() < deadline and written.count('"frame":') < 4:
        time.sleep(0.1)
        written = "".join(part.read_text() for part in tmp_path.glob(".out.json.*"))
    assert not out.exists()
    process.send_signal(how)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == code and b"Traceback" not in errors, errors
    assert len(json.loads(out.read_text())) >= written.count('"frame":') >= 4
    assert not list(tmp_path.glob(".out.json.*"))


def test_records_are_handed_on_while_a_stream_goes_on(model, film, tmp_path):
    stream = remux(film, tmp_path / "film.mkv")
    process = _start("score", "-", "--model", model, "--quiet", stdin=subprocess.PIPE)
    process.stdin.write(stream.read_bytes())
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["frame"] == 4
    process.stdin.close()
    assert len(process.stdout.readlines()) == FRAMES - 5
    assert process.wait(timeout=300) == 0
    process.stdout.close()
    process.stderr.close()


def test_a_full_disk_is_told_with_the_outputs_name_and_leaves_nothing(vad, film, model, small_disk, tmp_path):
    out = tmp_path / "out.ndjson"
    with small_disk(4000):
        answer = vad("score", film, "--model", model, "--out", out, "--quiet")
    assert answer.code == 2 and answer.err.startswith(f"vad: {out}: ")
    assert list(tmp_path.iterdir()) == []


def test_another_cameras_adapter_is_said_within_the_first_minute(vad, model, adapter, tmp_path):
    ground = np.random.default_rng(5).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    path = write_video(tmp_path / "yard.avi", [ground] * 150)
    answer = vad("score", path, "--model", model, "--adapter", adapter, "--records", "events", "-q")
    assert "does not look like the camera of its adapter" in answer.err and "vad adapt" in answer.err
    assert all(event["end_s"] < 15 for event in lines(answer.out))


def _read_all(handle: int) -> bytes:
    read = b""
    with contextlib.suppress(OSError):  # how a terminal says that its program has ended
        while part := os.read(handle, 65536):
            read += part
    return read


def _on_terminal(*arguments: object, stdout: int | None = None, **more: str) -> tuple[int, str, str]:
    """Runs `vad` with stderr, and stdout unless it is given, on a terminal of 80 columns; `more` is environment."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80", "LINES": "24", "TERM": "xterm", **more}
    command = [sys.executable, "-c", "from vadcli.cli.app import main; main()", *map(str, arguments)]
    keywords = {"stdout": stdout or theirs, "stderr": theirs, "stdin": subprocess.DEVNULL, "env": environment}
    with subprocess.Popen(command, **keywords) as process:
        os.close(theirs)
        data = process.stdout.read().decode() if process.stdout and stdout else ""
        shown = _read_all(ours).decode()
    os.close(ours)
    return process.returncode, data, shown


COLOUR = re.compile(r"\x1b\[[0-9;]*[39][0-9][;0-9]*m")


def test_data_goes_to_a_pipe_while_the_bar_is_on_the_terminal_and_no_color_leaves_it_no_colour(model, film):
    code, data, shown = _on_terminal("score", film, "--model", model, stdout=subprocess.PIPE, NO_COLOR="1")
    assert code == 0 and len(lines(data)) == FRAMES - 4
    assert "vad.score/1" not in shown and "frames/s" in shown and not COLOUR.search(shown)


def test_a_terminal_shows_a_bar_in_colour_and_then_a_table_of_events_in_80_columns(model, film, adapter):
    code, _, shown = _on_terminal("score", film, "--model", model, "--adapter", adapter)
    assert COLOUR.search(shown)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    rows = re.split(r"[\r\n]+", plain)
    assert code == 0 and max(map(len, rows)) <= 80
    assert any(re.search(r"gate\.avi 00:00:08\.\d", row) for row in rows)


def test_an_exported_model_reads_and_scores_as_the_one_it_was_made_from(vad, film, model, slow_adapter, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    exported, fitted, report = tmp_path / "model.onnx", tmp_path / "fitted.onnx", tmp_path / "r.html"
    assert vad("export", model, "--out", exported).code == 0
    assert vad("export", model, "--adapter", slow_adapter, "--out", fitted).code == 0
    given = ("--adapter", slow_adapter)
    for ours, theirs, more in ((model, exported, ()), (model, fitted, given)):
        eager = lines(vad("score", film, "--model", ours, *more, "--precision", "float32").out)
        other = lines(vad("score", film, "--model", theirs, *more, "--report", report, "--device", "cpu").out)
        assert [r["frame"] for r in other] == [r["frame"] for r in eager]
        assert [r["score"] for r in other] == pytest.approx([r["score"] for r in eager], abs=2e-3)
    assert "(ONNX)" in report.read_text() and "Normalcy maps" not in report.read_text()
    for file, more, code, problem in (
        (exported, given, 3, "was not exported with it"),
        (fitted, (), 2, "Give it, too: --adapter FILE"),
        (
            exported,
            ("--precision", "bfloat16"),
            2,
            "--precision bfloat16: an exported model runs in float32 on the CPU",
        ),
        (exported, ("--device", "cuda"), 2, "--device cuda: an exported model runs in float32 on the CPU"),
    ):
        refused = vad("score", film, "--model", file, *more)
        assert refused.code == code and problem in refused.err


def test_large_pictures_are_drawn_at_a_bounded_size(vad, model, make_video, tmp_path):
    large = make_video("large.avi", frames=8, size=(1100, 2000))
    assert vad("score", large, "--model", model, "--annotated", tmp_path / "a.mp4", "-q").code == 0
    capture = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 1280


def test_a_run_whose_sources_all_fail_leaves_older_outputs_as_they_were(vad, model, tmp_path):
    out, report = tmp_path / "old.ndjson", tmp_path / "old.html"
    out.write_text("old")
    report.write_text("old")
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_text("not a video")
    for sources in (["a.mp4"], ["a.mp4", "b.mp4"]):
        given = [tmp_path / name for name in sources]
        assert vad("score", *given, "--model", model, "--out", out, "--report", report).code == 2
    assert out.read_text() == report.read_text() == "old"


def test_a_gate_does_not_pass_where_nothing_was_learned(film, model, tmp_path):
    stream = remux(film, tmp_path / "film.mkv", live="1")  # says nothing of its length
    for gate, code, told in (
        (["--fail-on-anomaly"], 2, b"nothing was learned of -, so no event proves nothing"),
        ([], 0, b"over before enough was seen"),
    ):
        process = _start("score", "-", "--model", model, "--threshold", 1e6, *gate, stdin=subprocess.PIPE)
        _, err = process.communicate(stream.read_bytes(), timeout=300)
        assert process.returncode == code and told in err


def test_shards_score_every_source_once_and_one_without_any_is_empty(vad, film, model, tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(film, folder / f"{name}.avi")
    scored = []
    for index in range(4):
        answer = vad("score", folder, "--model", model, "--shard", f"{index}/4", "-f", "ndjson")
        assert answer.code == 0, answer.err
        scored.append({line["source"] for line in lines(answer.out)})
    assert [len(sources) for sources in scored] == [1, 1, 1, 0]
    assert len(set().union(*scored)) == 3
