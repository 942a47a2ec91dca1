"""`vad demo`: scenes are the same by their seed, labelled as they look, and whole or not there."""

import json
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.conftest import limited
from vadcli.errors import InputError
from vadcli.progress import Silent
from vadcli.synthetic import KINDS, film, make_scene, render
from vadcli.synthetic.anomalies import Stage, anomalies_of
from vadcli.synthetic.traffic import Clock
from vadcli.tasks.demo import DemoArguments, demo

SMALL = DemoArguments(scenes=2, seconds=3, seed=5, size=(64, 64), fps=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "scenes"
    demo(folder, SMALL, workers=1, progress=Silent())
    return folder


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames


def test_layout_is_the_documented_one(made):
    found = sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())
    scene = [f"testing/{clip}.{end}" for clip in ("01", "02") for end in ("csv", "masks.npz", "mp4")]
    scene += ["training/01.mp4", "training/02.mp4"]
    assert found == ["demo.json", *(f"scene01/{name}" for name in scene), *(f"scene02/{name}" for name in scene)]
    header = json.loads((made / "demo.json").read_text())
    assert (header["format"], header["version"], header["seed"]) == ("vad-demo", 1, 5)
    assert [scene["name"] for scene in header["scenes"]] == ["scene01", "scene02"]


def test_videos_labels_and_masks_agree_frame_by_frame(made):
    for video in sorted(made.glob("*/testing/*.mp4")):
        frames = frames_of(video)
        assert len(frames) == SMALL.frames
        assert frames[0].shape == (64, 64, 3)
        rows = video.with_suffix(".csv").read_text().splitlines()
        assert rows[0] == "frame,label"
        labels = [int(row.split(",")[1]) for row in rows[1:]]
        assert [int(row.split(",")[0]) for row in rows[1:]] == list(range(15))
        with np.load(video.with_suffix(".masks.npz"), allow_pickle=False) as archive:
            shape = tuple(archive["shape"])
            masks = np.unpackbits(archive["masks"], axis=2, count=shape[2]).astype(bool)
        assert masks.shape == shape == (15, 64, 64)
        assert masks.any((1, 2)).astype(int).tolist() == labels


def test_a_second_run_makes_nothing_again_and_finishes_what_was_interrupted_with_the_same_bytes(made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    demo(made, SMALL, workers=1, progress=Silent())
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before
    video, table = made / "scene02/testing/02.mp4", made / "scene01/testing/01.csv"
    frames, text = frames_of(video), table.read_text()
    video.unlink()
    table.unlink()
    demo(made, SMALL, workers=1, progress=Silent())
    assert table.read_text() == text
    assert all(np.array_equal(a, b) for a, b in zip(frames_of(video), frames, strict=True))


def test_a_folder_of_something_else_is_refused_and_left_alone(made, tmp_path, vad):
    with pytest.raises(InputError, match="holds another demo"):
        demo(made, replace(SMALL, seed=6), workers=1, progress=Silent())
    for text in ("{", "[]", '{"format": "other", "arguments": {}}'):
        (tmp_path / "demo.json").write_text(text)
        with pytest.raises(InputError, match=r"demo\.json"):
            demo(tmp_path, SMALL, workers=1, progress=Silent())
    (tmp_path / "demo.json").rename(tmp_path / "precious.txt").write_text("mine")
    answer = vad("demo", tmp_path)
    assert (answer.code, answer.out) == (2, "") and answer.err.count("\n") == 1 and "not empty" in answer.err
    with pytest.raises(InputError, match="a file"):
        demo(tmp_path / "precious.txt", SMALL, workers=1, progress=Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_the_command_prints_its_scenes_and_what_to_run_next_and_refuses_an_odd_size(tmp_path, vad):
    arguments = ("demo", tmp_path / "d", "--scenes", 1, "--seconds", 1, "--fps", 5, "--workers", 2)
    odd = vad(*arguments, "--size", 65)
    assert odd.code == 2 and "even" in odd.err and not (tmp_path / "d").exists()
    answer = vad(*arguments, "--size", 32)
    assert (answer.code, answer.out) == (0, f"{tmp_path / 'd' / 'scene01'}\n") and "vad adapt" in answer.err


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(tmp_path, workers):
    folder = tmp_path / "scenes"
    command = [sys.executable, "-m", "vadcli", "demo", folder, "--scenes", "1", "--seconds", "3", "--size", "64", "-q"]
    command += ["--workers", str(workers)]
    ended = subprocess.run(command, preexec_fn=limited(3000), capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr.count("\n") == 1 and ".mp4: File too large. Nothing half-written" in ended.stderr
    assert not list(tmp_path.iterdir())


SMALL_PICTURE = (64, 64)
EVERY = [(place, kind) for place in KINDS for kind in anomalies_of(make_scene(0, kind=place))]


def clip(scene, clip_seed=0, *, seconds=4.0, fps=5, size=SMALL_PICTURE, anomalies=False):
    return list(render(scene, clip_seed, seconds=seconds, fps=fps, size=size, anomalies=anomalies))


def test_the_same_seeds_give_the_same_bytes():
    first, second = (clip(make_scene(11), 3, anomalies=True) for _ in range(2))
    assert all(
        np.array_equal(a.image, b.image) and np.array_equal(a.mask, b.mask) for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_labels_agree_with_masks_and_both_kinds_of_frames_are_there(kind):
    frames = clip(make_scene(4, kind=kind), 1000, seconds=20, anomalies=True)
    for frame in frames:
        assert (frame.mask.dtype, frame.mask.shape) == (np.bool_, SMALL_PICTURE)
        assert frame.label == int(frame.mask.any()) == int(frame.mask.mean() >= film.VISIBLE_SHARE)
    labels = [frame.label for frame in frames]
    assert 0.04 < np.mean(labels) < 0.7 and not any(labels[:15]), "a clip begins normal"


@pytest.mark.parametrize(("place", "kind"), EVERY)
def test_every_anomaly_is_seen_for_a_second_and_more_and_large_enough(place, kind):
    for seed in range(2):
        scene = make_scene(seed, kind=place)
        actors = anomalies_of(scene)[kind](Stage(scene, Clock(140, 10.0)), 4.0, np.random.default_rng(seed))
        masks = [film._draw(scene, [(a, f - a.start) for a in actors if 0 <= f - a.start < len(a.moments)], (96, 96))[1]
                 for f in range(140)]  # fmt: skip
        shown = [mask > 127 for mask in masks if (mask > 127).mean() >= film.VISIBLE_SHARE]
        assert len(shown) > 10
        assert max(np.ptp(np.flatnonzero(mask.any(1))) + 1 for mask in shown) >= 0.08 * 96
