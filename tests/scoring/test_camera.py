import numpy as np
import pytest

from tests.scoring.views import WIDTH, Film, calibration_of, events, ground, info, observations, run
from vadcli.footage.opencv import cv2
from vadcli.scoring.camera import Stillness
from vadcli.scoring.scorer import SourceScorer
from vadcli.settings import ScoreSettings

NORMAL = Film(300, seed=1)
SPOILT = range(100, 180)  # frames, of ten a second


def covered(view):
    return np.concatenate([np.full_like(view[:, : WIDTH * 3 // 4], 60), view[:, WIDTH * 3 // 4 :]], axis=1)


def moved(view):
    return np.roll(view, (16, 24), axis=(0, 1))


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


def scored(film, calibration=None, **kwargs):
    scorer = SourceScorer("gate.mp4", info(film.frames), ScoreSettings(), calibration, **kwargs)
    outcomes = run(scorer, observations(film))
    return outcomes, events(outcomes)


@pytest.fixture(scope="module")
def calibration():
    return calibration_of(NORMAL)


@pytest.mark.parametrize("reason", [*SPOILS, "frozen"])
def test_a_camera_that_does_not_see_is_one_event_of_its_kind_and_no_other(reason, calibration):
    outcomes, found = scored(Film(260, seed=2, spoilt=SPOILT, spoil=SPOILS.get(reason, Freeze())), calibration)
    (event,) = found
    assert (event.kind, event.reason) == ("camera", reason)
    assert 9.9 <= event.start_s <= 10.9 and 17.5 <= event.end_s <= 18.3
    blind = [outcome.frame.record for outcome in outcomes if outcome.frame.record and outcome.frame.record.camera]
    assert all(record.score is None for record in blind)
    assert blind[-1].camera == reason and blind[-1].to_json()["camera"] == reason


@pytest.mark.parametrize("reason", CHANGES)
def test_another_light_is_named_and_over_within_seconds(reason, calibration):
    outcomes, found = scored(Film(260, seed=2, spoilt=range(100, 260), spoil=CHANGES[reason]), calibration)
    (event,) = found
    assert (event.kind, event.reason) == ("camera", reason) and 9.9 <= event.start_s < event.end_s < 13
    assert outcomes[-1].frame.record.score is not None


def test_normal_footage_has_no_event_of_the_camera(calibration):
    outcomes, _ = scored(Film(300, seed=7, runs=range(100, 130), thing=range(200, 300)), calibration)
    assert all(outcome.frame.record is None or outcome.frame.record.camera is None for outcome in outcomes)


def test_black_white_and_frozen_are_told_before_anything_was_learned():
    for reason in ("dark", "overexposed", "frozen"):
        _, found = scored(Film(300, seed=2, spoilt=range(20, 200), spoil=SPOILS.get(reason, Freeze())), live=True)
        assert [event.reason for event in found] == [reason]


def test_an_event_ends_where_the_camera_goes_blind(calibration):
    film = Film(200, seed=2, runs=range(80, 200), spoilt=range(110, 200), spoil=SPOILS["dark"])
    _, (runner, camera) = scored(film, calibration)
    assert runner.kind == "scene" and runner.end_s <= 12
    assert camera.kind == "camera" and camera.end_s > 19


def test_a_view_that_moved_for_good_is_taken_up_after_a_minute(calibration):
    outcomes, found = scored(Film(900, seed=2, spoilt=range(100, 900), spoil=moved), calibration)
    assert [event.reason for event in found if event.kind == "camera"] == ["moved"]
    assert 69 < found[0].end_s < 75 and outcomes[-1].frame.record.score is not None


def test_a_picture_that_never_changes_cannot_freeze():
    still = np.repeat(ground()[None], 600, axis=0)
    _, found = scored(_Views(still))
    assert found == []


def test_a_flicker_of_an_encoder_does_not_end_stillness():
    stillness = Stillness()
    look = np.full((16, 24, 7), 100, np.float32)
    for number in range(100):
        stillness.add(look + (number == 50), number / 10)
    assert stillness.now_s > 7 and stillness.longest_s == stillness.now_s


class _Views(list):
    @property
    def frames(self):
        return len(self)
