from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from tests.rendering.watched import SIZE, observed, show, watched
from vadcli.errors import InputError
from vadcli.footage.h264 import PictureWriter, mp4
from vadcli.footage.opencv import cv2
from vadcli.rendering.annotated import annotated_video
from vadcli.rendering.heatmaps import HeatMaps
from vadcli.rendering.overlay import draw_heat, draw_regions
from vadcli.scoring.regions import Region
from vadcli.scoring.scorer import ScoredFrame

BURST = [None] * 4 + [1.0] * 30 + [6.0] * 10 + [1.0] * 30


def test_heat_tints_its_place_draws_contours_around_it_and_leaves_the_rest_alone():
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    heat = np.zeros((32, 32), np.float32)
    heat[4:12, 4:12] = 8.0
    before = picture.copy()
    drawn = draw_heat(picture, heat)
    changed = np.abs(drawn.astype(int) - picture).sum(axis=2) > 0
    assert not changed[80:, :].any() and not changed[:, 100:].any() and (picture == before).all()
    inner = drawn[22:38, 28:52].astype(float)
    assert (inner[..., 0] > inner[..., 2]).mean() > 0.7
    assert np.corrcoef(inner[..., 1].ravel(), picture[22:38, 28:52, 1].ravel())[0, 1] > 0.99  # seen through the tint
    assert (np.abs(drawn.astype(int) - (255, 225, 60)).sum(axis=2) < 30).sum() > 60


def test_regions_that_reach_the_level_of_alarms_say_their_share_and_one_alone_says_nothing():
    alone, both, low = np.zeros((3, 240, 320, 3), np.uint8)
    first, second = Region((10, 10, 40, 40), 3.0, 0.6), Region((100, 60, 40, 40), 1.5, 0.3)
    draw_regions(alone, [first], (120, 160))
    draw_regions(both, [first, second], (120, 160))
    draw_regions(low, [first, second._replace(score=0.9)], (120, 160))
    letters = (slice(26, 40), slice(28, 60))
    assert alone[letters].max() == 0 and both[letters].max() == 255 and np.array_equal(low, alone)


def test_every_event_has_a_picture_of_its_peak_and_sources_with_one_name_lie_side_by_side(tmp_path: Path):
    maps = HeatMaps(tmp_path)
    show(maps, watched("rtsp://user:secret@gate/live"), BURST + BURST[4:])
    for source in ("a/01.mp4", "b/01.mp4"):
        show(maps, watched(source), BURST)
    names = sorted(path.name for path in tmp_path.iterdir())
    beginnings = ("01-0", "01-2-0", "gate_live-000", "gate_live-000")
    assert len(names) == 4 and all(map(str.startswith, names, beginnings))
    image = cv2.imread(str(tmp_path / names[0]))
    assert image.shape[0] * SIZE[1] == image.shape[1] * SIZE[0] and image.shape[1] >= 360


def test_an_event_has_its_picture_when_it_begins_and_again_only_if_its_peak_came_later(tmp_path: Path, monkeypatch):
    written = []
    monkeypatch.setattr(HeatMaps, "_write", lambda self, scorer, finding: written.append(finding))
    for levels in (BURST, [None] * 4 + [1.0] * 30 + [6.0, *[2.5] * 9] + [1.0] * 30):
        written.clear()
        show(HeatMaps(tmp_path), watched(), levels)
        first, *later = written
        assert first.event.state == "open" and first.event.id in {each.event.id for each in written}
        assert all(each.event.peak_s > first.event.peak_s for each in later if each.event.id == first.event.id)


def decoded(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as opened:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in opened.decode(video=0)]


def test_an_annotated_video_is_h264_and_shows_the_event(tmp_path: Path):
    path = tmp_path / "a.mp4"
    with annotated_video(path) as sink:
        show(sink, watched(), BURST)
    with av.open(str(path)) as opened:
        stream = opened.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.frames, stream.width, float(stream.average_rate)) == (len(BURST), 320, 10)
    images = [image for _, image in decoded(path)]
    place = (slice(130, 170), slice(200, 250))
    assert np.abs(images[38][place].astype(float) - images[20][place]).mean() > 15
    head = path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # begins to play before all of it has come


@pytest.mark.parametrize("times", [[0.0, 0.2, 0.4, 0.6], [0.5, 0.54, 0.6, 0.9, 0.9001, 86_400.0]])
def test_an_annotated_video_keeps_the_sources_times(tmp_path: Path, times: list[float]):
    scorer = watched()
    with annotated_video(tmp_path / "a.mp4") as sink:
        for time_s, seen in zip(times, observed([None] * len(times)), strict=False):
            sink.frame(scorer, ScoredFrame(None, replace(seen, time_s=time_s), None, scorer.info))
    assert [time_s for time_s, _ in decoded(tmp_path / "a.mp4")] == pytest.approx(times, abs=1e-9)


@pytest.mark.parametrize("size", [(121, 333), (240, 321), (1, 320), (77, 400)])
def test_pictures_of_odd_sizes_are_written(tmp_path: Path, size: tuple[int, int]):
    picture = np.random.default_rng(0).integers(100, 120, (*size, 3), np.uint8)
    with mp4(tmp_path / "a.mp4") as opened:
        writer = PictureWriter(opened, 25.0)
        writer.write(picture, 0.0)
        writer.finish()
    ((_, image),) = decoded(tmp_path / "a.mp4")
    assert image.shape == (size[0] + size[0] % 2, size[1] + size[1] % 2, 3)
    assert np.abs(image[: size[0], : size[1]].astype(int) - picture).mean() < 8


def test_a_video_without_frames_or_that_fails_is_not_left_behind(tmp_path: Path):
    with pytest.raises(InputError, match="no frame"), annotated_video(tmp_path / "a.mp4"):
        pass
    with pytest.raises(KeyError), annotated_video(tmp_path / "a.mp4") as sink:
        show(sink, watched(), [1.0] * 10)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [500, 5_000, 20_000])
def test_a_video_that_the_disk_cut_short_is_not_left_behind(small_disk, tmp_path: Path, room: int):
    path = tmp_path / "a.mp4"
    with pytest.raises(OSError) as told, small_disk(room), annotated_video(path) as sink:
        show(sink, watched(), [1.0, 3.0] * 60)
    assert told.value.filename == str(path) and list(tmp_path.iterdir()) == []
