"""`vad zones`: a picture to read corners from."""

import numpy as np

from vadcli.footage.opencv import cv2


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
