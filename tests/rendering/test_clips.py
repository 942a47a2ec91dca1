import contextlib
import json
from pathlib import Path

import av
import pytest

from tests.rendering.watched import show, watched
from tests.scoring.views import Film
from vadcli.footage.h264 import PictureWriter, mp4
from vadcli.rendering.clips import ASIDE_S, Clips
from vadcli.rendering.heatmaps import Snapshots

EVENT = [1.0] * 100 + [9.0] * 20 + [1.0] * 100  # from 10 s to 12 s


def times_of(path):
    with av.open(str(path)) as opened:
        return [float(frame.time) for frame in opened.decode(video=0)]


@pytest.fixture
def film(make_film):
    return make_film(frames=220, fps=10, encoder={"g": "40"})


@pytest.mark.parametrize("exact", [False, True])
def test_a_clip_has_the_seconds_before_and_after_an_event(exact, film, tmp_path):
    scorer = watched(str(film))
    folder = tmp_path / "clips"
    folder.mkdir()
    with Clips(folder, {str(film): film}, exact=exact) as clips:
        show(clips, scorer, EVENT)
    (path,) = folder.iterdir()
    times = times_of(path)
    first_s = 10.0 - ASIDE_S if exact else 4.0  # the key frame before
    assert times[0] <= 0.2 and times[-1] == pytest.approx(13 + ASIDE_S - first_s, abs=1)


def test_events_at_the_beginning_and_end_have_clips_of_what_there_is(tmp_path):
    with Clips(tmp_path, {}, exact=False) as clips:
        show(clips, watched("-"), [9.0] * 20 + [1.0] * 100 + [9.0] * 20)
    first, last = sorted(tmp_path.glob("*.mp4"))
    assert times_of(first)[-1] > 3 and len(times_of(last)) == pytest.approx(50, abs=3)


def test_what_was_being_encoded_when_a_run_failed_is_not_left_half(tmp_path):
    with contextlib.suppress(RuntimeError), Clips(tmp_path, {}, exact=False) as clips:
        scorer = watched("-")
        clips.begin(scorer, [])
        show(_Failing(clips), scorer, EVENT)
    assert list(tmp_path.iterdir()) == []


class _Failing:
    """Fails in the middle of an event."""

    def __init__(self, clips):
        self.clips, self.frames = clips, 0
        self.begin, self.begun, self.event, self.end = clips.begin, clips.begun, clips.event, clips.end

    def frame(self, scorer, frame):
        self.frames += 1
        if self.frames == 115:
            raise RuntimeError
        self.clips.frame(scorer, frame)


def test_a_still_is_plain_and_marked_and_written_again_at_the_peak(tmp_path):
    sink, scorer = Snapshots(tmp_path), watched()
    show(sink, scorer, [1.0] * 50 + [3.0] * 10 + [9.0] * 10 + [1.0] * 60)
    marked, plain = sorted(tmp_path.iterdir())
    assert marked.name == plain.stem + "-marked.jpg" and plain.name.startswith("gate-0000")


def test_vad_score_names_clips_and_stills_in_its_events(vad, tmp_path):
    path = tmp_path / "gate.mp4"
    with mp4(path) as opened:
        writer = PictureWriter(opened, 10)
        for number, view in enumerate(Film(400, seed=2, runs=range(250, 280))):
            writer.write(view, number / 10)
        writer.finish()
    folders = "--clips", tmp_path / "c", "--snapshots", tmp_path / "s"
    answer = vad("score", path, "--model", "none", "-r", "events", *folders, "-q")
    events = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.code == 0 and events
    for event in events:
        assert times_of(event["clip"]) and Path(event["snapshot"]).is_file()


def test_a_folder_that_cannot_be_written_is_said_before_any_work(vad, film, tmp_path):
    (tmp_path / "file").write_text("")
    for flag in ("--clips", "--snapshots"):
        answer = vad("score", film, flag, tmp_path / "file")
        assert answer.code == 2 and answer.err.startswith(f"vad: {flag} ")
    assert vad("score", film, "--clips-exact").code == 2
