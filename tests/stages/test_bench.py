"""`vad bench` runs every path and says how each compares with the literal implementation."""

import json

import pytest


@pytest.mark.slow
def test_every_path_is_measured(vad):
    arguments = (
        "--size",
        "32",
        "--width",
        "2",
        "--batches",
        "1,2",
        "--shots",
        "1",
        "--seconds",
        "0.01",
        "--device",
        "cpu",
    )
    answer = vad("bench", *arguments, "--json", "--quiet")
    assert answer.code == 0 and answer.err == ""
    told = json.loads(answer.out)
    assert told["schema"] == "vad.bench/1"
    paths = {line["path"] for line in told["measurements"]}
    assert paths >= {
        "literal: score", "score: windows → errors", "unit alone", "training step", "meta-training episode",
        "adapt: K = 1",        "decode and resize 640×360", "end to end: file → errors", "start-up: vad --help",
    }  # fmt: skip
    assert all(line["seconds"] > 0 and line["rate"] > 0 for line in told["measurements"])
    compared = [line["against_literal"] for line in told["measurements"] if line["against_literal"]]
    assert len(compared) >= 4


def test_batches_must_be_numbers(vad):
    answer = vad("bench", "--batches", "1,x")
    assert answer.code == 2 and "expected numbers above 0" in answer.err
