"""The program as a library gives what the commands give, bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

import vadcli
from tests.tasks.scorable import tiny_model
from tests.test_one_road import write_film
from vadcli.errors import VadError

FPS = 10
EXACT = {"precision": "float32", "threshold": 0.8}


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def lossless(path: Path, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=FPS)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "bgr0"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        film.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> tuple[Path, Path]:
    """Normal footage of a camera, and a recording of it in which a large thing rushes through; both lossless."""
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "n.avi", 120)
    write_film(folder / "t.avi", 90, range(50, 65), seed=5)
    return tuple(lossless(folder / f"{name}.mkv", frames_of(folder / f"{name[0]}.avi")) for name in ("normal", "test"))


@pytest.fixture(scope="module")
def model(films) -> Path:
    return tiny_model(films[0].with_name("model.safetensors"))


def records_and_events(items) -> tuple[list, list]:
    items = list(items)
    records = [item.to_json() for item in items if isinstance(item, vadcli.ScoreRecord)]
    return records, [item.to_json() for item in items if isinstance(item, vadcli.Event)]


def told(vad, *arguments) -> list[dict]:
    answer = vad("score", *arguments, "--precision", "float32", "--threshold", 0.8)
    assert answer.code == 0, answer.err
    return [json.loads(line) for line in answer.out.splitlines()]


def without_names(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key not in ("source", "id", "at")} for row in rows]


@pytest.mark.parametrize("kind", ["none", "tiny"])
def test_score_gives_the_records_and_events_of_the_command(vad, films, model, kind):
    chosen = "none" if kind == "none" else model
    items = list(vadcli.load(chosen, **EXACT).score(films[1]))
    records, events = records_and_events(items)
    for place, event in enumerate(items):
        if isinstance(event, vadcli.Event):  # comes when it is over
            before = [item.time_s for item in items[:place] if isinstance(item, vadcli.ScoreRecord)]
            assert max(before) == pytest.approx(event.end_s, abs=0.2)
    assert records == told(vad, films[1], "--model", chosen)
    assert events == told(vad, films[1], "--model", chosen, "--records", "events") and events


@pytest.mark.parametrize("kind", ["none", "tiny"])
def test_adapt_makes_the_adapter_of_the_command(vad, films, model, kind, tmp_path):
    chosen = "none" if kind == "none" else model
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    before = vadcli.load(chosen, **EXACT)
    detector = before.adapt(films[0], shots=3)
    detector.save(ours)
    machine = ("--precision", "float32", "--set", "score.precision=float32", "--set", "score.threshold=0.8")
    assert vad("adapt", films[0], "--from", chosen, "--shots", 3, "--out", theirs, *machine).code == 0
    assert ours.read_bytes() == theirs.read_bytes()
    expected = told(vad, films[1], "--model", chosen, "--adapter", theirs)
    for scorer in (detector, vadcli.load(chosen, ours, **EXACT)):
        assert records_and_events(scorer.score(films[1]))[0] == expected
    assert before.fitted is None and before.ready.calibration is None


@pytest.mark.parametrize("form", [list, tuple, np.stack], ids=["list", "tuple", "array"])
def test_frames_in_memory_are_the_frames_of_a_lossless_video(films, model, form):
    normal, test = (form(frames_of(film)) for film in films)
    detector = vadcli.load(model, **EXACT)
    from_files = detector.adapt(films[0], shots=3)
    from_memory = detector.adapt(normal, shots=3, fps=FPS)
    for ours, theirs in ((detector, detector), (from_memory, from_files)):
        expected, events = records_and_events(theirs.score(films[1]))
        records, found = records_and_events(ours.score(test, fps=FPS))
        assert without_names(records) == without_names(expected)
        assert without_names(found) == without_names(events)


def test_frames_without_a_length_are_live_and_grey_ones_are_read(films):
    grey = [frame[:, :, 1] for frame in frames_of(films[1])]
    detector = vadcli.load("none").adapt(np.stack(grey)[..., None], fps=FPS)
    records, _ = records_and_events(detector.score((frame[:, :, None] for frame in grey), fps=FPS))
    assert records == records_and_events(detector.score(grey, fps=FPS))[0]
    learning = next(iter(vadcli.load("none").score(iter(grey), fps=FPS)))
    assert learning.score is None  # what is live is handed on while it teaches


FRAME = np.zeros((48, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("frames", "fps", "message"),
    [
        ([], 10, "frames: none"),
        ([FRAME], None, "fps: frames do not say their rate"),
        ([FRAME], 0, "got 0"),
        (FRAME, 10, r"one array of shape \(48, 64, 3\)"),
        ([FRAME, FRAME[:32]], 10, r"frame 1: \(32, 64\), but the first is \(48, 64\)"),
        ([FRAME, FRAME[:, :, 0].astype(float)], 10, "frame 1: float64; uint8"),
        ([FRAME.transpose(2, 0, 1)], 10, r"frame 0: shape \(3, 48, 64\).* Move the channels to the end"),
        ([b"jpeg"], 10, "frame 0: bytes; uint8"),
    ],
)
def test_frames_that_are_none_say_what_they_are(frames, fps, message):
    detector = vadcli.load("none")
    with pytest.raises(ValueError, match=message):
        list(detector.score(frames, fps=fps))
    with pytest.raises(ValueError, match=message):
        detector.adapt(frames, fps=fps)


def test_errors_of_users_are_those_of_the_commands(tmp_path, films):
    with pytest.raises(VadError, match=r"unknown setting score\.treshold\. Did you mean threshold"):
        vadcli.load("none", treshold=1)
    with pytest.raises(VadError, match="not found"):
        vadcli.load("none").score(tmp_path / "missing.mp4")
    with pytest.raises(VadError, match="1 frame; a window needs 2"):
        list(vadcli.load("none").score([FRAME], fps=10))
    with pytest.raises(VadError, match="fps"):
        vadcli.load("none").score(films[0], fps=-1)
    with pytest.raises(ValueError, match="nothing was learned"):
        vadcli.load("none").save(tmp_path / "adapter.safetensors")


def test_evaluate_gives_the_document_of_the_command(vad, model, tmp_path):
    for number in range(2):
        write_film(tmp_path / "gate" / f"{number}.avi", 80, range(40, 55), seed=5 + number)
        rows = "\n".join(f"{index},{int(index in range(40, 55))}" for index in range(80))
        (tmp_path / "gate" / f"{number}.csv").write_text(f"frame,label\n{rows}\n")
    found = vadcli.evaluate(tmp_path / "gate", tmp_path / "gate", "none", bootstrap=20, protocols=["online"])
    how = ("--model", "none", "--labels", tmp_path / "gate", "--set", "eval.bootstrap=20", "--protocol", "online")
    answer = vad("eval", tmp_path / "gate", *how, "--json", "--report", tmp_path / "r.html")
    assert answer.code == 0, answer.err
    assert json.loads(json.dumps(found.to_json())) == json.loads(answer.out)
    assert "calibration, gate" in (tmp_path / "r.html").read_text()


def test_importing_loads_nothing_and_cues_alone_need_no_torch():
    code = (
        "import sys, vadcli; assert 'numpy' not in sys.modules, 1; import numpy as np; "
        "list(vadcli.load('none').score(np.zeros((9, 48, 64, 3), np.uint8), fps=5)); "
        "assert not {'torch', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
