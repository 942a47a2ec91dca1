"""Stretches of a recording, segments of one camera, and the time of day, by names and containers."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.conftest import remux
from vadcli.errors import FootageError
from vadcli.footage.began import began_of, camera_of
from vadcli.footage.segments import joined
from vadcli.footage.source import Reading, open_source
from vadcli.footage.span import WHOLE, Span
from vadcli.footage.video import CutOffError

BERLIN = ZoneInfo("Europe/Berlin")
NAMES = {  # in Berlin where they do not say their zone
    "gate_20251125_100530.mp4": "2025-11-25T09:05:30",
    "gate 2025-10-26 02.59.54+0200.mp4": "2025-10-26T00:59:54",
    "gate_2025-10-26T02-00-00+01-00.mp4": "2025-10-26T01:00:00",
    "gate_20251126T010000-0500.mp4": "2025-11-26T06:00:00",
    "gate 2025-11-25 11.59.54AM.mp4": "2025-11-25T10:59:54",
    "gate 2025-11-25 12.00.00AM.mp4": "2025-11-24T23:00:00",
    "gate 2025-11-25 at 1.00.00 p.m..mp4": "2025-11-25T12:00:00",
    "gate_20251125_100000Z.mp4": "2025-11-25T10:00:00",
    "gate_20251125_100000_UTC+2.mp4": "2025-11-25T08:00:00",
    "gate_20251125_100000-101500.mp4": "2025-11-25T09:00:00",
    "gate-1764064800.5-ab12cd.mp4": "2025-11-25T10:00:00.500000",
    "gate_1764064800123.mp4": "2025-11-25T10:00:00.123000",
    "gate/2025-11-25/10/05.30.mp4": "2025-11-25T09:05:30",
    "2025-11-25/10/gate/05.30.mp4": "2025-11-25T10:05:30",  # as Frigate keeps them
    "gate/2025-11-25/001/10/10.05.00-10.20.00[R][0@0][0].dav": "2025-11-25T09:05:00",
    "gate-20251125/10.05.00.mp4": None,
    "gate_20251125_1_30.mp4": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_times_are_read_from_names_as_recorders_write_them(name):
    began, expected = began_of(Path(name), None, BERLIN), NAMES[name]
    if expected is None:
        assert began is None or name.startswith("gate-")
    else:
        assert began == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    if "_1_30" not in name:
        assert camera_of(Path(name)) == "gate"


def made(make_film, name, created):
    film = make_film(name, frames=50)
    plain = film.rename(film.parent / f"plain-{name}")
    return str(remux(plain, film, created=created))


def test_a_container_is_believed_before_a_name_without_a_zone(make_film):
    film = made(make_film, "gate_20251026_020000.mp4", "2025-10-26T01:00:00Z")
    assert open_source(film).info.began == datetime(2025, 10, 26, 1, tzinfo=UTC)
    assert open_source(film, Reading(span=Span(names_in=UTC))).info.began == datetime(2025, 10, 26, 2, tzinfo=UTC)
    (note,) = open_source(film, Reading(span=Span(track=1))).notes
    assert "by its container" in note and "--names-in" in note


def test_segments_in_the_hour_that_comes_twice_are_in_the_order_of_their_containers(make_film):
    times = {"015955": "25T23:59:55", "020000": "26T01:00:00", "020001": "26T00:00:01", "025954": "26T00:59:54"}
    films = [made(make_film, f"gate_20251026_{name}.mp4", f"2025-10-{at}Z") for name, at in times.items()]
    (gate,) = joined(films, None)
    assert [path[-10:-4] for path in gate.paths] == ["015955", "020001", "025954", "020000"]


def test_segments_whose_names_overlap_are_told(make_film):
    films = [str(make_film(f"gate_20251026_02000{second}.mp4", frames=100)) for second in (0, 1, 5)]
    (gate,) = joined(films, BERLIN)
    with open_source(gate) as source:
        assert len(list(source)) == 300
    assert "1 of 3 segments begin before the one before them ends" in source.notes[0]


def test_names_in_an_hour_that_was_skipped_know_no_summer_time():
    (gate,) = joined([f"gate_20250330_{name}.mp4" for name in ("015950", "020000", "030000")], BERLIN)
    seconds = [(time - gate.began[0]).total_seconds() for time in gate.began]
    assert seconds == [0, 10, 3610] and "skipped for summer time" in gate.notes[0]


def test_one_camera_is_one_source_whatever_its_names_say_of_the_time():
    for names in (
        ["gate 2025-10-26 02.59.54+0200.mp4", "gate 2025-10-26 02.00.00+0100.mp4"],
        ["gate 2025-11-25 11.59.54AM.mp4", "gate 2025-11-25 12.00.00PM.mp4", "gate 2025-11-25 01.00.00PM.mp4"],
        ["2025-03-30/01/gate/59.54.mp4", "2025-03-30/02/gate/00.00.mp4"],
        ["gate_20251125_100000_001.mp4", "gate_20251125_101000_002.mp4"],
        ["20251125/gate_1764064800.mp4", "20251126/gate_1764151200.mp4"],
    ):
        (gate,) = joined(names[::-1], BERLIN)
        assert list(gate.paths) == names and list(gate.began) == sorted(gate.began)
    twice = [f"nvr_20251125_{time}_{camera}.mp4" for time in ("1000", "1010") for camera in (1, 2)]
    assert [len(one.paths) for one in joined(twice, BERLIN)] == [2, 2]


def test_a_beginning_without_a_zone_gives_times_with_one(make_film):
    for zone in (None, BERLIN):
        span = Span(began=datetime(2025, 11, 25, 10), names_in=zone)
        at = open_source(str(make_film()), Reading(span=span)).info.at(1.5)
        assert datetime.fromisoformat(at).tzinfo is not None
    assert at == "2025-11-25T10:00:01.500+01:00"


GOP = {"g": "10", "bf": "2"}


def read(source, span=WHOLE):
    with open_source(source if not isinstance(source, Path) else str(source), Reading(span=span)) as s:
        return list(s), s


def gaps(frames):
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
