"""Every command that makes something tells of it with --json in one shape."""

import json

import pytest

from tests import synthetic_cache
from tests.tasks.scorable import tiny_model

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


def test_info_knows_a_video_by_what_is_in_it_whatever_its_name(vad, make_video, tmp_path):
    video = make_video().rename(tmp_path / "recording")
    assert json.loads(vad("info", video, "--json").out)["kind"] == "video"
