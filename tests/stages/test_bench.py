"""`vad bench` runs every path and says how each compares with the literal implementation."""

import json

import pytest
import torch

from vadcli.stages.bench_units import peak_bytes


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


def test_units_are_measured_at_the_same_place(vad):
    arguments = ("--units", "--size", "32", "--width", "2", "--seconds", "0.01", "--device", "cpu")
    answer = vad("bench", *arguments, "--json", "--quiet")
    assert answer.code == 0 and answer.err == ""
    told = json.loads(answer.out)
    rows = {row["unit"]: row for row in told["units"]}
    assert told["schema"] == "vad.bench-units/1" and list(rows) == ["prototypes", "none", "memory", "items"]
    assert all(row["fps"] > 0 and row["peak_mib"] > 0 for row in rows.values())
    assert {name: row["unit_parameters"] for name, row in rows.items()} == {
        "prototypes": 40, "none": 0, "memory": 40, "items": 40,
    }  # fmt: skip
    assert rows["none"]["unit_ms"] is None and rows["items"]["unit_ms"] > 0
    assert rows["none"]["peak_mib"] <= rows["items"]["peak_mib"]


def test_memory_is_counted_from_birth_to_death():
    given = torch.zeros(256, 1024)  # 1 MiB that was there before

    def call():
        first = given + 1
        second = first.view(1024, 256) * 2  # a view is no memory of its own
        del first
        return second + 1

    assert peak_bytes(call, torch.device("cpu")) == 2 * 2**20


def test_batches_must_be_numbers(vad):
    answer = vad("bench", "--batches", "1,x")
    assert answer.code == 2 and "expected numbers above 0" in answer.err
