"""The rivals of the prototype unit go the whole way: training, adaptation, scoring, evaluation, export, info."""

import json

import numpy as np
import pytest
import torch

from tests.evaluation.caches import write_cache
from vadcli.model.checkpoint import load_checkpoint
from vadcli.model.network import Network
from vadcli.settings import ModelSettings

SMALL = ["--set", "model.width=2", "--set", "model.num_prototypes=3", "--device", "cpu"]
LABELS = np.repeat([0, 1, 0], [20, 10, 10]).astype(np.uint8)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    path = tmp_path_factory.mktemp("cache") / "park.h5"
    write_cache(path, {"01": LABELS}, train=2)
    return path


def weights(path):
    return load_checkpoint(path).weights


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["memory", "items"])
def test_a_rival_goes_the_whole_way(vad, cache, make_video, tmp_path, unit):
    model, meta, scene = (tmp_path / f"{name}.safetensors" for name in ("model", "meta", "scene"))
    start = Network(ModelSettings(channels=1, width=2, num_prototypes=3, unit=unit)).state_dict()
    training = ["--max-steps", "3", "--batch-size", "2", "--set", f"model.unit={unit}", *SMALL]
    assert vad("pretrain", cache, *training, "--out", model).code == 0
    episodes = ["--episodes", "2", "--shots", "2", "--queries", "2", "--set", "metatrain.log_every=1"]
    assert vad("metatrain", cache, "--from", model, *episodes, *SMALL[-2:], "--out", meta).code == 0
    before, after = weights(model)["unit.items"], weights(meta)["unit.items"]
    assert before.shape == start["unit.items"].shape
    assert torch.equal(before, after) == (unit == "items")  # updated items stay as pre-training left them

    assert (
        vad("adapt", cache, "--shots", "3", "--seconds", "0", "--from", meta, "--out", scene, "--device", "cpu").code
        == 0
    )
    assert ("unit.items" in weights(scene)) == (unit == "memory")
    video = make_video(frames=16, size=(32, 32))
    with_adapter = ["--model", meta, "--adapter", scene, "--device", "cpu"]
    records = [json.loads(line) for line in vad("score", video, *with_adapter).out.splitlines()]
    assert len(records) == 12 and all(0 < record["feature_error"] <= 4 for record in records)

    told = vad("eval", cache, "--model", meta, "--shots", "0,2", "--draws", "1", "--json", "--device", "cpu")
    document = json.loads(told.out)
    assert document["model"]["unit"] == unit
    assert {row["score"] for row in document["results"]} == {"fp", "fr", "fs", "fused", "fp+fs", "moving", "flow"}
    told = json.loads(vad("info", meta, "--json").out)
    assert told["settings"]["model"]["unit"] == unit and 1 <= told["effective_prototypes"] <= 3
    assert f"unit {unit}" in vad("info", meta).out.replace(":", "")

    pytest.importorskip("onnxscript", reason="needs the extra `export`")
    exported = tmp_path / "meta.onnx"
    assert vad("export", meta, "--adapter", scene, "--out", exported).code == 0
    assert len(vad("score", video, "--model", exported).out.splitlines()) == 12


@pytest.mark.parametrize("unit", ["memory", "items"])
def test_the_same_seed_gives_the_same_bytes(vad, cache, tmp_path, unit):
    made = []
    for name in "ab":
        out = tmp_path / name / "model.safetensors"
        out.parent.mkdir()
        arguments = ["--max-steps", "2", "--batch-size", "2", "--set", f"model.unit={unit}", *SMALL, "--out", out]
        assert vad("pretrain", cache, *arguments).code == 0
        made.append(weights(out))
    assert made[0].keys() == made[1].keys() and all(torch.equal(made[0][name], made[1][name]) for name in made[0])
