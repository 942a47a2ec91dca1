from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.rendering.watched import SIZE, frames, show, watched
from vadcli.errors import InputError
from vadcli.footage.opencv import cv2
from vadcli.rendering.annotated import annotated_video
from vadcli.rendering.heatmaps import HeatMaps
from vadcli.rendering.overlay import draw_box, draw_heat, write_text

BURST = [None] * 4 + [1.0] * 30 + [6.0] * 10 + [1.0] * 30


def test_heat_is_drawn_where_it_is_and_nowhere_else():
    picture = np.full((120, 160, 3), 200, np.uint8)
    heat = np.zeros((32, 32), np.float32)
    heat[4:12, 4:12] = 8.0
    drawn = draw_heat(picture, heat)
    changed = np.abs(drawn.astype(int) - picture).sum(axis=2) > 30
    assert changed[20:40, 25:55].all() and not changed[80:, :].any() and not changed[:, 100:].any()
    assert (picture == 200).all()


def test_heat_of_a_typical_frame_is_faint_and_grows_brighter_and_stronger():
    picture = np.full((64, 64, 3), 128, np.uint8)
    strengths = []
    for level in (0.3, 1.0, 2.0, 4.0):
        drawn = draw_heat(picture, np.full((32, 32), level, np.float32))
        strengths.append(float(drawn.astype(float).mean(axis=2).mean()))
    assert strengths[0] == 128 and strengths[-1] > strengths[-2] > strengths[1]


@pytest.mark.parametrize("box", [(0, 0, 160, 120), (159, 119, 1, 1), (50, 40, 30, 20)])
def test_boxes_are_white_within_black_whatever_is_below(box):
    for ground in (0, 255, 128):
        picture = np.full((240, 320, 3), ground, np.uint8)
        draw_box(picture, box, (120, 160))
        assert (picture == 255).any() and (picture == 0).any()


def test_text_stays_inside_narrow_pictures():
    picture = np.zeros((40, 90, 3), np.uint8)
    write_text(picture, "00:00:08.2  score 2.31  (alarm above 1.00)", (4, 30), 12)
    assert picture.max() > 120 and picture[:, -2:].max() == 0


def test_heat_maps_of_sources_with_one_name_lie_side_by_side(tmp_path):
    maps = HeatMaps(tmp_path)
    for source in ("a/01.mp4", "b/01.mp4"):
        show(maps, watched(source), BURST)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2 and names[0].startswith("01-0") and names[1].startswith("01-2-0")


def test_every_event_has_a_picture_of_its_peak(tmp_path: Path):
    show(HeatMaps(tmp_path), watched("rtsp://user:secret@gate/live"), BURST + BURST[4:])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2 and all(name.startswith("gate_live-000") for name in names)
    image = cv2.imread(str(tmp_path / names[0]))
    assert image.shape[0] * SIZE[1] == image.shape[1] * SIZE[0] and image.shape[1] >= 360


@pytest.mark.parametrize(("box", "bare"), [((20, 85, 30, 20), slice(-25, None)), ((20, 15, 30, 20), slice(0, 25))])
def test_the_caption_does_not_cover_the_event(tmp_path: Path, box, bare):
    watch = watched()
    found = [finding for frame, one in frames(BURST) for finding in watch.add(frame, one)[1]]
    (finding,) = found
    HeatMaps(tmp_path).event(watch, replace(finding, event=replace(finding.event, region=box)))
    image = cv2.imread(str(next(tmp_path.iterdir())))
    assert image[bare].max() < 255 and (image == 255).any()  # letters are white


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_an_annotated_video_keeps_rate_and_length_and_shows_the_event(tmp_path: Path, suffix: str):
    path = tmp_path / f"a{suffix}"
    with annotated_video(path) as sink:
        show(sink, watched(), BURST)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    images = [image for read, image in iter(capture.read, (False, None)) if read]
    assert len(images) == len(BURST) and images[0].shape[1] == 320
    place = (slice(60, 130), slice(170, 230))
    assert np.abs(images[38][place].astype(float) - images[20][place]).mean() > 15


def test_an_annotated_video_follows_the_sources_times(tmp_path: Path):
    path = tmp_path / "a.webm"
    watch = watched()
    with annotated_video(path) as sink:
        sink.begin(watch, None)
        from tests.rendering.watched import frames

        for frame, one in frames([1.0] * 20, fps=5.0):  # half as often as the source says
            assessed, _ = watch.add(frame, one)
            sink.frame(watch, frame, assessed)
    capture = cv2.VideoCapture(str(path))
    count = sum(1 for _ in iter(lambda: capture.read()[0], False))
    assert count == 39


def test_a_video_without_frames_is_not_left_behind(tmp_path: Path):
    with pytest.raises(InputError, match="no frame"), annotated_video(tmp_path / "a.webm"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_fails_is_not_left_behind(tmp_path: Path):
    with pytest.raises(KeyError), annotated_video(tmp_path / "a.webm") as sink:
        show(sink, watched(), [1.0] * 10)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_a_video_that_the_disk_cut_short_is_not_left_behind(small_disk, tmp_path: Path, suffix: str):
    told = pytest.raises(InputError, match=r"of 120 frames arrived\. Is the disk full\?")
    with told, small_disk(5_000), annotated_video(tmp_path / f"a{suffix}") as sink:
        show(sink, watched(), [1.0, 3.0] * 60)
    assert list(tmp_path.iterdir()) == []
