import json
import resource
import signal
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from vadcli.cli.app import run
from vadcli.errors import InputError
from vadcli.progress import Silent
from vadcli.tasks import demo as stage
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


def test_a_second_run_makes_nothing_again(made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    demo(made, SMALL, workers=1, progress=Silent())
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_an_interrupted_demo_is_finished_with_the_same_bytes(made):
    video, table = made / "scene02/testing/02.mp4", made / "scene01/testing/01.csv"
    frames, text = frames_of(video), table.read_text()
    video.unlink()
    table.unlink()
    demo(made, SMALL, workers=1, progress=Silent())
    assert table.read_text() == text
    assert all(np.array_equal(a, b) for a, b in zip(frames_of(video), frames, strict=True))


def test_a_folder_of_something_else_is_refused_and_left_alone(made, tmp_path, capsys):
    with pytest.raises(InputError, match="holds another demo"):
        demo(made, replace(SMALL, seed=6), workers=1, progress=Silent())
    (tmp_path / "precious.txt").write_text("mine")
    assert run(["demo", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "not empty" in err
    with pytest.raises(InputError, match="a file"):
        demo(tmp_path / "precious.txt", SMALL, workers=1, progress=Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "other", "arguments": {}}'])
def test_a_stranger_demo_json_is_refused(tmp_path, text):
    (tmp_path / "demo.json").write_text(text)
    with pytest.raises(InputError, match=r"demo\.json"):
        demo(tmp_path, SMALL, workers=1, progress=Silent())


def test_the_command_prints_its_scenes_and_what_to_run_next(tmp_path, capsys):
    arguments = ["demo", str(tmp_path / "d"), "--scenes", "1", "--seconds", "1", "--size", "32", "--fps", "5"]
    assert run([*arguments, "--workers", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(tmp_path / "d" / "scene01")]
    assert "vad prepare" in err


def test_an_odd_size_is_refused(tmp_path, capsys):
    assert run(["demo", str(tmp_path / "d"), "--size", "65"]) == 2
    assert "even" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def limited(most):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return limit


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(tmp_path, workers):
    """A limit on the size of files stands in for a full disk."""
    folder = tmp_path / "scenes"
    command = [sys.executable, "-m", "vadcli", "demo", folder, "--scenes", "1", "--seconds", "3", "--size", "64", "-q"]
    command += ["--workers", str(workers)]
    ended = subprocess.run(command, preexec_fn=limited(3000), capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr.count("\n") == 1 and ".mp4: File too large. Nothing half-written" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_clips_that_were_finished_before_the_disk_was_full_stay_and_are_not_made_again(tmp_path, monkeypatch):
    folder, made = tmp_path / "scenes", []

    def make(job, stopped):
        if len(made) == 2:
            job.files[0].write_text("half")
            raise OSError(28, "No space left on device", str(job.video))
        made.append(job.video)
        return original(job, stopped)

    original = stage._make
    monkeypatch.setattr(stage, "_make", make)
    with pytest.raises(OSError, match="No space"):
        demo(folder, SMALL, workers=1, progress=Silent())
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted([folder / "demo.json", *made])
    monkeypatch.undo()
    before = [path.stat().st_mtime_ns for path in made]
    demo(folder, SMALL, workers=1, progress=Silent())
    assert [path.stat().st_mtime_ns for path in made] == before
    assert len(list(folder.rglob("*.mp4"))) == 8
