"""Outputs: no command writes over what it reads or under another kind's name, and --json tells of each in one shape."""

import json
import os

import pytest

from tests import synthetic_cache
from tests.tasks.scorable import tiny_model

# What each command is given, the output and its ending, and the input that it would replace.
WAYS = [
    ("score video -m model -o {}", ".csv", "model"),
    ("score video -m model -a adapter -o {}", ".txt", "adapter"),
    ("score video --annotated {}", ".mp4", "video"),
    ("score video --report {}", ".html", "video"),
    ("adapt video --from model -o {}", ".safetensors", "model"),
    ("prepare video --labels labels -o {}", ".h5", "labels"),
    ("pretrain cache -o {}", ".safetensors", "cache"),
    ("metatrain cache --from model -o {}", ".safetensors", "model"),
    ("export model -a adapter -o {}", ".onnx", "adapter"),
    ("zones video -o {}", ".png", "video"),
    ("eval cache --model model --report {}", ".html", "cache"),
    ("eval cache --against document --report {}", ".html", "document"),
    ("eval --scores scores --labels labels --report {}", ".html", "labels"),
]
IN_FOLDER = [
    ("score frames --annotated {}", ".mp4"),
    ("score frames --heatmaps {}", ""),
    ("zones frames -o {}", ".jpg"),
    ("adapt frames -o {}", ".png"),
]


@pytest.fixture
def inputs(make_video, make_pictures, tmp_path):
    """One of each kind, by the names in WAYS: only those that are looked at before outputs are whole."""
    read = {"video": make_video(), "model": tiny_model(tmp_path / "m.safetensors"), "frames": make_pictures("frames")}
    for name in ("adapter", "labels", "cache", "document", "scores"):
        read[name] = tmp_path / name
        read[name].write_text(name)
    return read


@pytest.mark.parametrize(("line", "ending", "target"), WAYS)
def test_no_output_replaces_an_input_whatever_it_is_called(vad, inputs, tmp_path, line, ending, target):
    out = tmp_path / f"out{ending}"
    out.hardlink_to(inputs[target])
    before = inputs[target].read_bytes()
    answer = vad(*(inputs.get(word, word) for word in line.format(out).split()))
    assert answer.code == 2 and f"{out}: would replace {inputs[target]}. Choose" in answer.err, answer.err
    assert answer.err.count("\n") == 1 and inputs[target].read_bytes() == before


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(("line", "ending"), IN_FOLDER)
def test_no_output_is_put_among_the_frames_of_a_folder(vad, inputs, line, ending, there):
    folder = inputs["frames"]
    out = folder / f"{'003' if there else 'new'}{ending}"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    answer = vad(*(inputs.get(word, word) for word in line.format(out).split()))
    assert answer.code == 2 and f"join the footage in {folder}. Choose" in answer.err, answer.err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("score video -o o.mp4", "records are written there. Use a name that ends in .ndjson, .jsonl, .csv, "),
        ("score video -o o.mp4", ".vtt. --annotated writes a video, --report a report, --heatmaps pictures."),
        ("score video -o dir/", "dir/: a folder. Give the name of a file."),
        ("score video -o .", "a folder. Give the name of a file."),
        ("score video --report r.csv", "a report is written there. Use a name that ends in .html or .htm."),
        ("score video --annotated a", "a video is written there. Use a name that ends in .mp4."),
        ("adapt video -o a.mp4", "a checkpoint is written there. Use a name that ends in .safetensors."),
        ("prepare video -o c", "a cache is written there. Use a name that ends in .h5 or .hdf5."),
        ("pretrain cache -o c.h5", "a checkpoint is written there"),
        ("export model -o n.safetensors", "an exported model is written there. Use a name that ends in .onnx."),
        ("zones video -o z.pdf", "a picture is written there. Use a name that ends in .png, .jpg or .jpeg."),
        ("eval cache --report r.pdf", "a report is written there"),
        ("score video --heatmaps labels", "--heatmaps labels: a file. Give the name of a folder."),
    ],
)  # fmt: skip
def test_a_name_of_something_else_is_refused_with_the_cure(vad, inputs, tmp_path, monkeypatch, line, expected):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    answer = vad(
        *(os.path.relpath(inputs[word]) if word in inputs and word != "labels" else word for word in line.split())
    )
    assert answer.code == 2 and expected in answer.err and answer.err.count("\n") == 1, answer.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["records", "records.log", "gate.v2"])
def test_records_may_have_any_name_that_says_nothing_else(vad, inputs, tmp_path, name):
    given = ("--warmup", 0.5, "--threshold", 1)
    assert vad("score", inputs["video"], "-m", inputs["model"], *given, "-o", tmp_path / name).code == 0
    assert (tmp_path / name).read_text().startswith('{"schema"')


TINY = ("--set", "model.size=16", "--set", "model.channels=1", "--set", "model.width=2")
LINES = {
    "cache": ("prepare", "video", "--size", 32, "-o", "out.h5"),
    "checkpoint": ("pretrain", "cache", *TINY, "--max-steps", 1, "-o", "out.safetensors"),
    "adapter": ("adapt", "video", "--from", "model", "-k", 3, "-o", "out.safetensors"),
    "exported model": ("export", "model", "-o", "out.onnx"),
    "picture": ("zones", "video", "-o", "out.png"),
    "demo": ("demo", "out", "--scenes", 1, "--seconds", 1, "--size", 32, "--fps", 1, "--workers", 1),
}


@pytest.mark.parametrize("kind", LINES)
def test_what_was_made_is_told_as_info_tells_it_and_what_came_of_the_run(vad, make_video, tmp_path, monkeypatch, kind):
    if kind == "exported model":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    given = {"video": make_video(frames=40), "model": tiny_model(tmp_path / "m.safetensors")}
    given["cache"] = synthetic_cache.write(tmp_path / "c.h5", size=(16, 16), channels=1) if kind == "checkpoint" else ""
    line = [given.get(word, word) for word in LINES[kind]]
    answer = vad(*line, "--json", "-q")
    assert (answer.code, answer.err) == (0, "")
    told = json.loads(answer.out)
    assert list(told)[:2] == ["schema", "file"] and list(told)[-1] == "run" and isinstance(told["run"], dict)
    assert (told["schema"], told["kind"]) == ("vad.info/1", kind)
    assert told["file"] == next(str(word) for word in LINES[kind] if str(word).startswith("out"))
    if kind not in ("picture", "demo"):
        del told["run"]
        assert told == json.loads(vad("info", told["file"], "--json").out)
