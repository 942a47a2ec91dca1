"""`vad bench` runs every path and says how each compares with the literal implementation."""

import json
import shutil
import time
from dataclasses import asdict
from itertools import product

import pytest
import torch

from vadcli.bench import program
from vadcli.bench.comparison import compared, read_earlier
from vadcli.bench.footage import write_film
from vadcli.bench.network import NetworkBench
from vadcli.bench.stopwatch import Timed, measurement, timed_in_turn
from vadcli.bench.units import peak_bytes
from vadcli.errors import InputError
from vadcli.model.network import Network
from vadcli.model.runtime import multiplies_bfloat16
from vadcli.settings import ModelSettings
from vadcli.stages.bench import SCHEMA, ratios_of

CPU = torch.device("cpu")
SMALL = ("--size", "32", "--width", "2", "--batches", "1,2", "--shots", "1", "--seconds", "0.01", "--device", "cpu")


@pytest.mark.slow
def test_every_path_is_measured(vad, monkeypatch):
    monkeypatch.setattr(program, "HELP_RUNS", 1)
    monkeypatch.setattr(program, "SCORE_RUNS", 1)
    answer = vad("bench", *SMALL, "--json", "--quiet")
    assert answer.code == 0 and answer.err == ""
    told = json.loads(answer.out)
    assert told["schema"] == "vad.bench/2"
    assert set(told) == {
        "schema", "machine", "versions", "model", "film", "gmac_a_frame", "matrix_product_gflops", "measurements",
        "ratios", "output_changes", "peak_memory_mib",
    }  # fmt: skip
    assert told["film"] == ("h264" if shutil.which("ffmpeg") else "mpeg4")
    lines = told["measurements"]
    assert {line["path"] for line in lines} == {
        "literal: forward", "forward", "unit with its score", "score: windows → errors",
        "literal: training step", "training step", "literal: meta-training episode", "meta-training episode",
        "adapt: K = 1", "adapt: K = 10", "end to end: 1 file → errors", "end to end: 4 files → errors",
        "vad score: first record", "vad score: 10 s of film", "start-up: vad --help", "read windows from a cache",
        "decode and resize 640×360 → 32×32×1", "prepare 640×360 → 32×32×1",
        "decode and resize 640×360 → 256×256×3", "prepare 640×360 → 256×256×3",
    }  # fmt: skip
    assert all(line["seconds"] >= line["least_seconds"] > 0 and line["rate"] > 0 for line in lines)
    scored = [line for line in lines if line["path"] == "score: windows → errors"]
    precisions = ["float32", "bfloat16"] if multiplies_bfloat16(CPU) else ["float32"]
    assert [(line["precision"], line["batch"]) for line in scored] == list(product(precisions, (1, 2)))
    assert all(line["against_literal"] > 0 and line["share_of_peak"] > 0 for line in scored)
    assert {line["path"] for line in lines if line["peak_mib"]} == {"vad score: 10 s of film", "start-up: vad --help"}
    help_, score = (next(line["peak_mib"] for line in lines if line["path"] == path) for path in
                    ("start-up: vad --help", "vad score: 10 s of film"))  # fmt: skip
    assert help_ < 100 < score  # of those processes, not of this one
    assert [change["precision"] for change in told["output_changes"]] == precisions[1:]
    assert len(told["ratios"]) == 4 + 2 * len(precisions)
    assert list(told["matrix_product_gflops"]["cpu"]) == precisions


def test_a_network_without_a_unit_is_refused_before_anything_is_measured(vad):
    answer = vad("bench", *SMALL, "--set", "model.unit=none")
    assert (answer.code, answer.out) == (2, "")
    assert "model.unit none: there is no unit to measure" in answer.err


def test_bfloat16_is_compared_with_float32():
    network = Network(ModelSettings(size=32, width=2))
    bench = NetworkBench(network, CPU, 0.001, 1e6, (torch.float32, torch.bfloat16))
    (change,) = bench.output_changes()
    assert change.precision == "bfloat16" and 0 < change.frame < 0.1 and 0 < change.feature_error < 1
    assert {line.precision for line in bench.inference([1]) if line.path == "forward"} == {"float32", "bfloat16"}


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


@pytest.mark.parametrize(
    "answer", ["exit 1", 'for out; do :; done; echo x > "$out"; exit 1'], ids=["refuses", "breaks off"]
)
def test_without_h264_the_film_stays_as_it_was(tmp_path, monkeypatch, answer):
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    film = tmp_path / "film.mp4"
    assert write_film(film, frames=3) == "mpeg4"
    assert film.stat().st_size > 1000 and sorted(p.name for p in tmp_path.iterdir()) == ["ffmpeg", "film.mp4"]


def test_batches_must_be_numbers(vad):
    answer = vad("bench", "--batches", "1,x")
    assert answer.code == 2 and "expected numbers above 0" in answer.err


def line(path, seconds, items, **more):
    return measurement(path, CPU, torch.float32, 1, Timed(seconds, seconds, seconds, 3), "frames", items=items, **more)


def test_a_line_says_how_many_times_as_fast_and_how_much_of_the_peak():
    found = line("x", 0.5, 4, literal=Timed(3, 3, 3, 1), literal_items=2, flop_an_item=10.0, peak=160.0)
    assert (found.rate, found.against_literal, found.share_of_peak) == (8, 12, 0.5)
    assert line("x", 0.5, 4).against_literal is None and line("x", 0.5, 4).share_of_peak is None


def test_ratios_compare_lines_of_one_run():
    lines = [
        line("forward", 2.0, 1), line("unit with its score", 0.25, 1), line("training step", 1.0, 4),
        line("end to end: 1 file → errors", 1.0, 250), line("end to end: 4 files → errors", 3.2, 1000),
        line("decode and resize A", 1.0, 1), line("prepare A", 1.25, 1), line("read windows from a cache", 0.1, 40),
    ]  # fmt: skip
    assert ratios_of(lines) == {
        "unit with its score / forward (cpu, float32, batch 1)": 0.125,
        "frames a second, 4 files / 1 file (cpu)": 1.25,
        "prepare A / bare decoding and resizing": 1.25,
        "windows read / trained on": 100.0,
    }


def test_calls_that_are_compared_take_turns():
    order = []
    slow, fast = timed_in_turn(
        [lambda: order.append("slow") or time.sleep(0.01), lambda: order.append("fast")], CPU, budget_s=9.0, runs=3
    )
    assert order == ["slow", "fast"] * 4
    assert slow.runs == fast.runs == 3 and slow.seconds >= 0.01 and slow.seconds > fast.seconds


def document(*lines, threads=1):
    return {"schema": SCHEMA, "machine": {"threads": threads}, "model": {"width": 2}, "measurements": lines}


def test_an_earlier_run_is_compared_line_by_line(tmp_path):
    before = document(asdict(line("forward", 1.0, 10)), asdict(line("gone", 1.0, 1)))
    (tmp_path / "before.json").write_text(json.dumps(before))
    now = document(asdict(line("forward", 1.0, 25)), asdict(line("new", 1.0, 1)), threads=2)
    told = compared(now, read_earlier(tmp_path / "before.json", SCHEMA))
    assert [one["against_earlier"] for one in told["measurements"]] == [2.5, None]
    assert told["against"] == {
        "file": "before.json", "same_machine": False, "same_model": True, "measured_once": 2,
    }  # fmt: skip
    assert "against" not in now


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no such file"),
        ("{", "Invalid JSON"),
        ("[]", "the file: Input should be an object"),
        ("{}", "schema: Field required"),
        (json.dumps(document() | {"schema": "vad.bench/1"}), "vad.bench/1, and this vad writes vad.bench/2"),
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
