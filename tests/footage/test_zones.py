"""Zones of the picture that are looked at, and the picture to read them from."""

import numpy as np
import pytest

from vadcli.errors import FootageError
from vadcli.footage.opencv import cv2
from vadcli.footage.source import Reading, open_source
from vadcli.footage.zones import EVERYWHERE, Zones

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def test_only_and_ignore_take_pixels_by_most_of_their_area():
    seen = Zones(only=(LEFT,)).looked_at((4, 8))
    assert seen[:, :4].all() and not seen[:, 4:].any()
    np.testing.assert_array_equal(Zones(ignore=(LEFT,)).looked_at((4, 8)), ~seen)
    middle = Zones(only=(((0.25, 0.25), (0.75, 0.75)),)).looked_at((8, 8))
    assert middle.sum() == 16 and middle[2:6, 2:6].all(), "two points are corners of a rectangle"
    assert not Zones(only=(LEFT,), ignore=(LEFT,)).looked_at((4, 8)).any()
    triangle = Zones(only=(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),)).looked_at((100, 100))
    assert triangle.mean() == pytest.approx(0.5, abs=0.02) and triangle[0, 0] and not triangle[-1, -1]
    top = Zones(ignore=(((0.0, 0.0), (1.0, 0.13)),)).looked_at((128, 64))
    np.testing.assert_array_equal(Zones(mask_top=0.13).looked_at((128, 64)), top)


def test_frames_are_black_where_they_are_not_looked_at_and_originals_are_whole(make_pictures):
    for size in ((48, 64), (64, 88)):  # the second is that of its view already
        folder = str(make_pictures(str(size), frames=2, size=size))
        with open_source(folder, Reading(zones=Zones(0.5, only=(LEFT,)), original=True)) as source:
            frame = next(source)
        assert frame.view.shape == (64, 88, 3)
        assert frame.view[:32].max() == 0 and frame.view[:, 44:].max() == 0 and frame.view[32:, :44].mean() > 20
        assert frame.original[:24, 32:].max() > 0
    assert EVERYWHERE.looked_at((4, 4)).all()


@pytest.mark.parametrize(
    "zones",
    [Zones(mask_top=0.999), Zones(ignore=(((0.0, 0.0), (1.0, 1.0)),)), Zones(only=(((0.2, 0.2), (0.2, 0.2)),))],
)
def test_zones_that_leave_nothing_are_refused(make_video, zones):
    with pytest.raises(FootageError, match="nothing of the picture is left to look at"):
        open_source(str(make_video()), Reading(zones=zones))


def test_zones_are_drawn_on_the_first_picture_under_a_grid(vad, make_video, tmp_path):
    video, plain, zoned = make_video(size=(240, 320)), tmp_path / "plain.png", tmp_path / "zoned.png"
    assert vad("zones", video, "--out", plain).out == f"{plain}\n"
    answer = vad("zones", video, "--out", zoned, "--ignore", "0,0 1,0.3", "--only", "0,0 1,0 1,0.8 0,0.8", "--quiet")
    assert (answer.code, answer.err) == (0, "")
    before, after = cv2.imread(str(plain)).astype(int), cv2.imread(str(zoned)).astype(int)
    assert before.shape == (240, 320, 3)
    same = np.abs(after - before).mean(axis=2) < 3
    assert same[80:184, 4:-4].mean() > 0.95 and same[20:66].mean() < 0.3 and same[200:].mean() < 0.3
    assert vad("zones", video, "--out", plain, "--only", "gate=0,0 1,1", "-q").code == 0
    named = np.abs(cv2.imread(str(plain)).astype(int) - before).mean(axis=2)
    assert named[110:130, 140:180].max() > 60 and named[20:90, 30:290].max() < 3


def test_what_cannot_be_drawn_is_named(vad, make_video, tmp_path):
    video = make_video()
    assert "a picture is written" in vad("zones", video, "--out", tmp_path / "zones.pdf").err
    picture = tmp_path / "a.png"
    for zone in ("0,0", "0,0 1,1.5 0,1", "left"):
        answer = vad("zones", video, "--out", picture, "--ignore", zone)
        assert answer.code == 2 and "--ignore" in answer.err and not picture.exists()
    assert vad("zones", tmp_path / "no.mp4", "--out", picture).code == 2
