"""Stretches of a recording, segments of one camera, and the time of day."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from vadcli.errors import FootageError
from vadcli.footage.segments import joined
from vadcli.footage.source import Reading, open_source
from vadcli.footage.span import WHOLE, Span
from vadcli.footage.video import CutOffError

GOP = {"g": "10", "bf": "2"}


def read(source, span=WHOLE):
    with open_source(source if not isinstance(source, Path) else str(source), Reading(span=span)) as s:
        return list(s), s


def gaps(frames):
    """Numbers of the frames before which some are missing."""
    return [number for number, frame in enumerate(frames) if frame.after_gap]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "mpeg2video")])
def test_a_stretch_holds_the_same_frames_as_the_whole(make_film, name, codec):
    film = make_film(name, frames=100, codec=codec, encoder=GOP)
    whole, _ = read(film)
    for span, first, last in ((Span(1.0, 2.0), 25, 50), (Span(2.2), 55, 100), (Span(0.5, duration_s=0.2), 13, 18)):
        frames, source = read(film, span)
        assert [frame.index for frame in frames] == list(range(first, last)), "counted from the beginning"
        for frame, expected in zip(frames, whole[first:last], strict=True):
            assert frame.time_s == pytest.approx(expected.time_s, abs=1e-6)
            np.testing.assert_array_equal(frame.view, expected.view)
        assert source.info.duration_s == pytest.approx((last - first) / 25, abs=0.03) and source.notes == ()


def test_what_lies_before_a_stretch_is_not_decoded(make_film):
    film = make_film(frames=200, encoder=GOP)
    with open_source(str(film), Reading(span=Span(6.0))) as source:
        assert next(source).index == 150
        assert source._reader._container.passed >= 120


def test_a_stretch_may_be_given_by_the_time_of_day(make_film):
    film = make_film("gate_20251125_100000.mp4", frames=100)
    frames, source = read(film, span=Span(datetime(2025, 11, 25, 10, 0, 2), datetime(2025, 11, 25, 10, 0, 3)))
    assert [frame.index for frame in frames] == list(range(50, 75))
    assert source.info.began == datetime(2025, 11, 25, 10).astimezone()
    assert source.info.at(frames[0].time_s).startswith("2025-11-25T10:00:02.000")
    began = datetime(2025, 11, 25, 8, tzinfo=UTC)
    assert read(film, span=Span(began=began))[1].info.at(1.5) == "2025-11-25T08:00:01.500+00:00"


def test_a_stretch_with_nothing_in_it_is_named(make_film):
    film = make_film(frames=50)
    for span in (Span(5.0), Span(1.0, 0.5), Span(end=-1.0)):
        with pytest.raises(FootageError, match=r"nothing from .* it is 2.0 s long"):
            read(film, span)
    with pytest.raises(FootageError, match=r"--start 2025-11-25T10:00:00 is a time of day.*--began"):
        read(film, span=Span(datetime(2025, 11, 25, 10)))


def test_segments_of_one_camera_are_one_source_in_time(make_film, tmp_path):
    for name in ("yard_20251125_100000", "gate_20251125_100002", "gate_20251125_100000", "gate_20251125_100010"):
        make_film(f"{name}.mp4", frames=50)
    gate, yard = joined([str(path) for path in sorted(tmp_path.glob("*.mp4"))])
    assert [Path(path).stem[-2:] for path in gate.paths] == ["00", "02", "10"] and len(yard.paths) == 1
    frames, source = read(gate)
    times = [*np.arange(100) / 25, *(10 + np.arange(50) / 25)]
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=0.001)
    assert [frame.index for frame in frames] == list(range(150))
    assert gaps(frames) == [100]
    assert (source.info.frames, source.info.duration_s) == (300, pytest.approx(12.0))
    late, _ = read(gate, span=Span(10.4, 11.0))
    assert [frame.time_s for frame in late] == pytest.approx(10.4 + np.arange(15) / 25, abs=0.001)


def test_segments_that_do_not_say_when_follow_each_other_and_a_bad_one_is_left_out(make_film, tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    for number, size in ((1, (48, 64)), (2, (48, 64)), (10, (80, 96))):
        make_film(f"gate/{number}.mp4", frames=20, size=size)
    (folder / "3.mp4").write_bytes(b"")
    (gate,) = joined([str(path) for path in folder.iterdir()])
    assert [Path(path).stem for path in gate.paths] == ["1", "2", "3", "10"] and gate.name == str(folder).lstrip("/")
    frames = []
    with open_source(gate) as source, pytest.raises(CutOffError, match=r"1 of 4 segments .*3.mp4: the file is empty"):
        frames.extend(source)
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(60) / 25, abs=0.001)
    assert gaps(frames) == [40], "something is missing where the third was"
