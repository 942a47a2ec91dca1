"""One source, frame by frame: scores, events with reason and region, and what its camera does not see."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from tests.scoring.views import FPS, HEIGHT, WIDTH, Film, calibration, events, ground, info, observations, run
from vadcli.errors import CheckpointError, InputError
from vadcli.footage.frames import Change
from vadcli.footage.opencv import cv2
from vadcli.scoring.cues import CueMaker
from vadcli.scoring.measuring import FrameErrors
from vadcli.scoring.observing import Observation
from vadcli.scoring.scorer import SourceScorer
from vadcli.settings import ScoreSettings

HOW = ScoreSettings()


def overlap(box, left, top, right, bottom):
    x, y, w, h = box
    across, down = min(x + w, right) - max(x, left), min(y + h, bottom) - max(y, top)
    return max(across, 0) * max(down, 0) / ((right - left) * (bottom - top))


def scored(film, calibration=None, **kwargs):
    scorer = SourceScorer("gate.mp4", info(film.frames), HOW, calibration, **kwargs)
    return run(scorer, observations(film))


def test_a_runner_is_an_event_with_its_reason_and_region():
    film = Film(160, runs=range(80, 100), seed=2)
    outcomes = scored(film, calibration())
    (event,) = events(outcomes)
    assert 7.9 <= event.start_s <= 8.6 and event.end_s <= 13
    assert event.cue in ("speed", "crowd", "area") and event.share > 0.25 and event.reason
    _, y, w, h = event.region
    assert y < 84 and y + h > 60 and w * h < HEIGHT * WIDTH / 3


def test_normal_footage_raises_no_event_and_every_frame_has_a_score():
    outcomes = scored(Film(200, seed=5), calibration())
    records = [o.frame.record for o in outcomes if o.frame.record]
    assert events(outcomes) == [] and [r.frame for r in records] == list(range(1, 200))
    assert all(r.score is not None and r.psnr_db is None and r.error is None for r in records)


def test_without_a_calibration_the_beginning_is_scored_by_the_rest_of_itself():
    film = Film(300, thing=range(60, 80), seed=6)  # within the first third, from which is learned
    outcomes = scored(film)
    records = [o.frame.record for o in outcomes if o.frame.record]
    assert [r.frame for r in records] == list(range(1, 300))
    assert all(r.score is not None and r.calibration == "warmup" for r in records)
    assert any(6.0 <= event.start_s <= 8.0 for event in events(outcomes))


def test_a_stream_has_no_scores_until_enough_was_seen():
    how = HOW.model_copy(update={"warmup": 5.0})
    scorer = SourceScorer("rtsp://gate", info(None), how, None, live=True)
    found = []
    for frame in observations(Film(80, seed=7)):
        found.append([o.frame.record for o in scorer.add(frame, None, measured=frame.cues is not None)])
    assert [len(each) for each in found] == [1] * 80
    scores = [each[0].score for each in found if each[0] is not None]
    assert scores[:48] == [None] * 48 and None not in scores[52:]


def test_a_stream_gets_used_to_what_lasts_and_a_recording_where_that_is_asked_for():
    long = Film(1300, runs=range(200, 1300), seed=7)  # it runs for the rest of two minutes
    seen = observations(long)
    late = {}
    for name, learn in (("as it was", False), ("learning", True)):
        how = HOW.model_copy(update={"learn": learn})
        outcomes = run(SourceScorer("gate.mp4", info(1300), how, calibration()), seen)
        late[name] = np.mean([o.frame.record.score for o in outcomes[-200:]])
    assert late["learning"] < 0.7 * late["as it was"]


def test_a_black_beginning_and_a_title_card_teach_nothing():
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 30
    card = [np.full((HEIGHT, WIDTH, 3), 240, np.uint8)] * 30
    maker = CueMaker(FPS)
    views = [*black, *card, *Film(300, seed=8)]
    seen = [Observation(i, i / FPS, False, None, maker(v, i / FPS), v) for i, v in enumerate(views)]
    outcomes = run(SourceScorer("gate.mp4", info(len(seen)), HOW, None), seen)
    records = [o.frame.record for o in outcomes if o.frame.record]
    assert [r.frame for r in records] == list(range(1, 360))
    assert all(r.score is None for r in records if r.frame < 60)
    assert all(r.score is not None for r in records if r.frame > 75)
    assert events(outcomes) == []


def test_a_recording_that_is_over_before_eight_frames_has_no_scores():
    outcomes = scored(Film(6))
    assert [o.frame.record.score for o in outcomes if o.frame.record] == [None] * 5


def test_a_lost_stream_is_an_event_of_its_camera_at_once_and_left_out_frames_one_of_the_stream():
    scorer = SourceScorer("rtsp://gate", info(None), HOW, calibration(), live=True)
    film = Film(70, runs=range(50, 70), seed=2)
    list(chain.from_iterable(scorer.add(each, None, measured=each.cues is not None) for each in observations(film)))
    behind = scorer.changed(Change("behind", 6.0, 6.0, ""))
    lost = scorer.changed(Change("lost", 17.0, 7.0, ""))
    assert scorer.changed(Change("lost", 27.0, 7.0, "")) == []
    back = scorer.changed(Change("back", 40.0, 7.0, ""))
    scorer.changed(Change("lost", 60.0, 50.0, ""))
    scene, *rest = (each.event for each in [*lost, *behind, *back])
    told = [(each.kind, each.reason, each.state, each.start_s, each.end_s) for each in rest]
    assert (scene.kind, scene.state) == ("scene", "closed")
    assert told == [
        ("stream", "frames left out", "closed", 6.0, 7.0),
        ("camera", "no signal", "open", 7.0, 17.0),
        ("stream", "frames left out", "open", 6.0, 6.0),
        ("camera", "no signal", "closed", 7.0, 40.0),
    ]
    (left,) = scorer.last()
    assert (left.event.state, left.event.start_s) == ("closed", 50.0) and left.event.end_s >= 60.0
    assert len({each.event.id for each in [*behind, *back]}) == 2


def test_another_picture_shape_is_another_cameras_adapter():
    wide = observations(Film(4))
    cues = wide[2].cues
    odd = replace(wide[2], cues=cues._replace(look=cues.look[:, :-3]))
    scorer = SourceScorer("yard.mp4", info(4), HOW, calibration())
    with pytest.raises(CheckpointError, match=r"yard\.mp4.*another shape.*vad adapt"):
        list(scorer.add(odd, None, measured=True))


def test_errors_that_are_not_finite_are_said():
    scorer = SourceScorer("gate.mp4", info(9), HOW, None)
    broken = FrameErrors({"frame_error": float("nan")}, np.zeros((2, 2), np.float32))
    with pytest.raises(InputError, match="frame 0: the model's output is not finite"):
        list(scorer.add(observations(Film(1))[0], broken, measured=True))


def test_a_thing_that_was_never_there_is_a_look_and_box_and_heat_lie_on_it():
    outcomes = scored(Film(120, thing=range(60, 120), seed=3), calibration())
    event = events(outcomes)[0]
    assert event.cue == "look" and event.reason == "never looked like this"
    assert overlap(event.region, 10, 90, 50, 120) > 0.5
    frame = outcomes[80].frame
    heat = frame.heat
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    assert 90 / 4 - 2 <= row <= 120 / 4 + 1 and column <= 50 / 4 + 2
    assert frame.regions[0].score == pytest.approx(float(heat.max()), rel=0.3)
    assert 0 < sum(region.share for region in frame.regions) <= 1.01


SPOILT = range(100, 180)  # frames, of ten a second


def covered(view):
    return np.concatenate([np.full_like(view[:, : WIDTH * 3 // 4], 60), view[:, WIDTH * 3 // 4 :]], axis=1)


def moved(view):
    return np.roll(view, (16, 24), axis=(0, 1))


class Views(list):
    frames = property(len)


class Freeze:
    """The first view that it sees, again and again."""

    def __init__(self):
        self.view = None

    def __call__(self, view):
        self.view = view if self.view is None else self.view
        return self.view


SPOILS = {
    "dark": lambda view: (view * 0.04).astype(np.uint8),
    "overexposed": lambda view: np.clip(view * 0.2 + 235, 0, 255).astype(np.uint8),
    "no signal": lambda view: np.full_like(view, (20, 20, 200)),
    "covered": covered,
    "mirrored": lambda view: np.ascontiguousarray(view[:, ::-1]),
    "moved": moved,
    "out of focus": lambda view: cv2.GaussianBlur(view, (0, 0), 3),
}
CHANGES = {
    "light": lambda view: np.clip(view * 1.6 + 20, 0, 255).astype(np.uint8),
    "infrared": lambda view: np.repeat(view[..., 1:2], 3, axis=-1),
}


def seen_as(film, known=None, **kwargs):
    outcomes = scored(film, known, **kwargs)
    return outcomes, events(outcomes)


@pytest.mark.parametrize("reason", [*SPOILS, "frozen"])
def test_a_camera_that_does_not_see_is_one_event_of_its_kind_and_no_other(reason):
    outcomes, found = seen_as(Film(260, seed=2, spoilt=SPOILT, spoil=SPOILS.get(reason, Freeze())), calibration())
    (event,) = found
    assert (event.kind, event.reason) == ("camera", reason)
    assert 9.9 <= event.start_s <= 10.9 and 17.5 <= event.end_s <= 18.3
    blind = [outcome.frame.record for outcome in outcomes if outcome.frame.record and outcome.frame.record.camera]
    assert all(record.score is None for record in blind)
    assert blind[-1].camera == reason and blind[-1].to_json()["camera"] == reason


@pytest.mark.parametrize("reason", CHANGES)
def test_another_light_is_named_and_over_within_seconds(reason):
    outcomes, found = seen_as(Film(260, seed=2, spoilt=range(100, 260), spoil=CHANGES[reason]), calibration())
    (event,) = found
    assert (event.kind, event.reason) == ("camera", reason) and 9.9 <= event.start_s < event.end_s < 13
    assert outcomes[-1].frame.record.score is not None


def test_normal_footage_has_no_event_of_the_camera():
    outcomes, _ = seen_as(Film(300, seed=7, runs=range(100, 130), thing=range(200, 300)), calibration())
    assert all(outcome.frame.record is None or outcome.frame.record.camera is None for outcome in outcomes)


def test_black_white_and_frozen_are_told_before_anything_was_learned():
    for reason in ("dark", "overexposed", "frozen"):
        _, found = seen_as(Film(300, seed=2, spoilt=range(20, 200), spoil=SPOILS.get(reason, Freeze())), live=True)
        assert [event.reason for event in found] == [reason]


def test_an_event_ends_where_the_camera_goes_blind():
    film = Film(200, seed=2, runs=range(80, 200), spoilt=range(110, 200), spoil=SPOILS["dark"])
    _, (runner, camera) = seen_as(film, calibration())
    assert runner.kind == "scene" and runner.end_s <= 12
    assert camera.kind == "camera" and camera.end_s > 19


def test_a_view_that_moved_for_good_is_taken_up_after_a_minute():
    outcomes, found = seen_as(Film(900, seed=2, spoilt=range(100, 900), spoil=moved), calibration())
    assert [event.reason for event in found if event.kind == "camera"] == ["moved"]
    assert 69 < found[0].end_s < 75 and outcomes[-1].frame.record.score is not None


def test_a_picture_that_never_changes_cannot_freeze():
    still = np.repeat(ground()[None], 600, axis=0)
    _, found = seen_as(Views(still))
    assert found == []
