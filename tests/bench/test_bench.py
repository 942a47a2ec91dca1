"""`vad bench` measures every path, and compares a run with an earlier one."""

import json
from dataclasses import asdict

import pytest
import torch

from vadcli.bench.comparison import compared, read_earlier
from vadcli.bench.stopwatch import Where
from vadcli.errors import InputError
from vadcli.model.runtime import multiplies_bfloat16
from vadcli.tasks.bench import SCHEMA

CPU = torch.device("cpu")
SMALL = ("--size", "32", "--width", "2", "--seconds", "0.01", "--device", "cpu")


@pytest.mark.slow
def test_every_path_is_measured(vad):
    answer = vad("bench", *SMALL, "--json", "--quiet")
    assert answer.code == 0 and answer.err == ""
    told = json.loads(answer.out)
    assert list(told) == ["schema", "machine", "versions", "model", "measurements"] and told["schema"] == SCHEMA
    lines = told["measurements"]
    precisions = ["float32", "bfloat16"] if multiplies_bfloat16(CPU) else ["float32"]
    assert [(line["path"], line["precision"], line["batch"]) for line in lines] == [
        *(("forward", precision, batch) for precision in precisions for batch in (1, 8)),
        ("training step", precisions[-1], 4), ("cues", precisions[-1], 1),
        ("file to record", precisions[-1], 1), ("adapt", precisions[-1], 1),
    ]  # fmt: skip
    assert all(line["seconds"] > 0 and line["rate"] > 0 for line in lines)


def line(path, seconds, items):
    return Where(CPU, torch.float32, 1.0).line(path, 1, seconds, "frames", items)


def document(*lines, threads=1):
    return {"schema": SCHEMA, "machine": {"threads": threads}, "model": {"width": 2}, "measurements": lines}


def test_an_earlier_run_is_compared_line_by_line(tmp_path):
    before = document(asdict(line("forward", [1.0], 10)), asdict(line("gone", [1.0], 1)))
    (tmp_path / "before.json").write_text(json.dumps(before))
    now = document(asdict(line("forward", [1.0], 25)), asdict(line("new", [1.0], 1)), threads=2)
    told = compared(now, read_earlier(tmp_path / "before.json", SCHEMA))
    assert [measured["against_earlier"] for measured in told["measurements"]] == [2.5, None]
    others = ["of another machine or number of threads", "with other paths"]
    assert told["against"] == {"file": "before.json", "others": others}
    assert "against" not in now


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no such file"),
        ("{", "Invalid JSON"),
        ("{}", "schema: Field required"),
        (json.dumps(document() | {"schema": "vad.bench/1"}), "vad.bench/1, and this vad writes vad.bench/3"),
        (json.dumps(document({"path": "x"})), "measurements.0.device: Field required"),
    ],
)
def test_what_is_no_earlier_benchmark_is_refused_before_anything_is_measured(vad, tmp_path, text, problem):
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    answer = vad("bench", *SMALL, "--compare", tmp_path / "a.json")
    assert (answer.code, answer.out) == (2, "") and problem in answer.err and len(answer.err.splitlines()) == 1
    with pytest.raises(InputError, match="Give the output of `vad bench --json`"):
        read_earlier(tmp_path / "a.json", SCHEMA)
