"""What OpenCV says of a container, taken with care."""

import math

import pytest

from vadcli.footage.capture import DEFAULT_FPS, describe
from vadcli.footage.opencv import cv2


class Says:
    """A capture that says what it is told to."""

    def __init__(self, fps, frames):
        self.said = {cv2.CAP_PROP_FPS: fps, cv2.CAP_PROP_FRAME_COUNT: frames}

    def get(self, what):
        return self.said.get(what, 48)


@pytest.mark.parametrize(("fps", "expected"), [(25, 25), (239.76, 239.76), (0, 25), (-1, 25), (math.nan, 25)])
def test_a_rate_that_cannot_be_is_not_believed(fps, expected):
    assert describe("a", Says(fps, 100)).fps == expected and DEFAULT_FPS == 25


def test_ticks_of_a_container_are_not_its_rate_and_its_duration_stays():
    info = describe("a.webm", Says(1000, 9000))
    assert (info.fps, info.frames) == (25, 225)
