"""README's first story: most of what is abnormal in a made-up scene is found, whatever the seed."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

FPS, LEAST_S, NEAR_S = 10.0, 1.0, 2.0


def stretches(flags: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_half_of_the_labelled_stretches_are_found_with_two_false_events_at_most(vad, tmp_path, seed):
    assert vad("demo", tmp_path / "demo", "--scenes", 1, "--seconds", 60, "--seed", seed, "-q").code == 0
    scene, adapter = tmp_path / "demo" / "scene01", tmp_path / "camera.safetensors"
    assert vad("adapt", scene / "training", "--from", "none", "--out", adapter, "-q").code == 0
    how = ("--model", "none", "--adapter", adapter, "--records", "events", "-q")
    events = [json.loads(line) for line in vad("score", scene / "testing", *how).out.splitlines()]
    wanted = found = 0
    false = len(events)
    for clip in sorted((scene / "testing").glob("*.csv")):
        with clip.open() as rows:
            labels = np.array([int(row["label"]) for row in csv.DictReader(rows)])
        own = [event for event in events if Path(event["source"]).stem == clip.stem]
        true = [(start / FPS, stop / FPS) for start, stop in stretches(labels)]
        long = [(start, stop) for start, stop in true if stop - start >= LEAST_S]
        wanted += len(long)
        found += sum(any(e["start_s"] < stop and e["end_s"] > start for e in own) for start, stop in long)
        near = [(start - NEAR_S, stop + NEAR_S) for start, stop in true]
        false -= sum(any(e["start_s"] < stop and e["end_s"] > start for start, stop in near) for e in own)
    assert found >= wanted / 2 and false <= 2, f"{found} of {wanted}, {false} false"
