"""Recordings as they come, damaged, cut off, with clocks that are wrong, and of odd kinds: every frame, or one line."""

import os
import threading
from itertools import pairwise

import av
import numpy as np
import pytest

from tests.conftest import picture, remux
from vadcli.errors import FootageError
from vadcli.footage.clock import timed
from vadcli.footage.source import Reading, open_source
from vadcli.footage.span import Span
from vadcli.footage.video import CutOffError

GOP = {"g": "10", "bf": "0", "sc_threshold": "0"}


def read(path):
    with open_source(str(path), Reading(original=True)) as source:
        return list(source), source


def gaps(frames):
    """Of every frame before which some are missing, the time of the one before it and its own."""
    return [(before.time_s, frame.time_s) for before, frame in pairwise(frames) if frame.after_gap]


def read_piped(path, fifo):
    os.mkfifo(fifo)
    threading.Thread(target=fifo.write_bytes, args=(path.read_bytes(),)).start()
    return read(fifo)


def read_cut_off(path):
    with open_source(str(path)) as source:
        frames = []
        with pytest.raises(CutOffError) as error:
            frames.extend(source)
            pytest.fail("was not told")
        return frames, str(error.value)


def damaged(film, packets):
    """Overwrite the payload of some packets, by their number."""
    data = bytearray(film.read_bytes())
    with av.open(str(film)) as opened:
        found = [(packet.pos, packet.size) for packet in opened.demux(video=0) if packet.size]
    for number in packets:
        place, size = found[number]
        data[place : place + size] = np.random.default_rng(number).bytes(size)
    film.write_bytes(data)
    return film


@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_reading_goes_on_after_damage_which_is_told_with_its_place(make_film, tmp_path, piped):
    film = damaged(make_film(frames=100, encoder=GOP, muxer={"movflags": "faststart"}), [42, 43, 44])
    frames, source = read_piped(film, tmp_path / "fifo") if piped else read(film)
    assert 95 <= len(frames) < 100
    assert frames[-1].time_s == pytest.approx(99 / 25)
    assert "damaged at 1." in source.notes[0] and "could not be decoded" in source.notes[0]
    at = [end_s for _, end_s in gaps(frames)]
    assert any(42 / 25 <= end <= 48 / 25 for end in at), "nothing is predicted across the hole"
    assert any(end == pytest.approx(50 / 25) for end in at), "nor into the first whole picture after it"


def test_a_recording_that_is_cut_off_gives_what_it_has_and_then_fails(make_film, tmp_path):
    for name, muxer in (("film.mkv", {}), ("film.mp4", {"movflags": "faststart"}), ("film.flv", {})):
        film = make_film(name, frames=100, encoder=GOP, muxer=muxer)
        cut = tmp_path / f"cut-{name}"
        cut.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
        frames, message = read_cut_off(cut)
        assert 40 < len(frames) < 80
        assert message.startswith(f"{cut}: cut off: {len(frames)} frames decoded, none after ") and "\n" not in message
    for name, codec in (("a.avi", "mpeg4"), ("a.wmv", "wmv2")):  # which say how long they are
        film = make_film(name, frames=100, codec=codec)
        read(film)
        film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
        read_cut_off(film)


def test_sound_that_goes_on_after_the_pictures_or_alone_for_minutes_does_not_end_reading(make_film):
    for name in ("film.mkv", "film.mp4", "film.ts"):
        frames, source = read(make_film(name, frames=25, sound_s=3.0))
        assert len(frames) == 25 and source.notes == ()
    times = [0.0, 0.04, 0.08, 400.0, 400.04, 400.08]
    frames, _ = read(make_film("sparse.mkv", frames=6, times=times, sound_s=401.0))
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=0.002)
    assert gaps(frames) == [pytest.approx((0.08, 400.0), abs=0.002)]


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_hole_of_more_than_a_second_is_a_gap(make_film, suffix):
    times = [*np.arange(20) / 10, *(2.5 + np.arange(20) / 10), *(30 + np.arange(20) / 10)]
    frames, source = read(make_film(f"motion.{suffix}", frames=60, fps=10, times=times))
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=0.002)
    assert gaps(frames) == [pytest.approx((4.4, 30.0), abs=0.002)]
    assert source.info.fps == pytest.approx(10, rel=0.01)
    assert "no pictures for 25.6 s in all, after 4.4 s" in source.notes[0]


def test_pictures_that_come_seldom_are_not_full_of_holes(make_film):
    times = list(5.0 * np.arange(30))
    frames, source = read(make_film("lapse.mp4", frames=30, times=times))
    assert [frame.time_s for frame in frames] == pytest.approx(times) and not gaps(frames)
    assert source.info.fps == pytest.approx(0.2)


def test_a_clock_that_begins_anew_goes_on(make_film, tmp_path):
    parts = [make_film(f"{number}.ts", frames=count).read_bytes() for number, count in enumerate((50, 75))]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(parts))
    frames, source = read(both)
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(125) / 25, abs=0.001)
    assert gaps(frames) == [pytest.approx((49 / 25, 2.0), abs=0.001)]
    assert source.info.frames == 125 and source.info.duration_s == pytest.approx(5.0, abs=0.1)


def times_of(clocks, step=0.04):
    return [time for _, time, _ in timed(((None, clock) for clock in clocks), step)]


@pytest.mark.parametrize("spike", [-3.0, 0.0, 0.9, 5.0, 50.0, 1e6])
@pytest.mark.parametrize("frames", [1, 3, 8])
def test_a_time_that_a_few_frames_have_moves_no_other(spike, frames):
    clocks = 10 + np.arange(50) / 25
    clocks[20 : 20 + frames] += spike
    times = times_of(clocks.tolist())
    assert np.all(np.diff(times) > 0)
    assert times == pytest.approx(np.arange(50) / 25, abs=0.001)


def test_a_clock_that_stands_still_stutters_says_nothing_or_is_set_by_years_still_rises_and_does_not_drift():
    still = times_of([3.0] * 100)
    assert np.all(np.diff(still) > 0) and still[99] - still[49] == pytest.approx(2.0)
    twice = times_of([frame // 2 / 12.5 for frame in range(100)])
    assert np.all(np.diff(twice) > 0) and twice[98] == pytest.approx(98 / 25)
    assert times_of([None] * 50) == pytest.approx(np.arange(50) / 25)
    assert times_of([*(np.arange(20) / 25), *(1.7e9 + np.arange(20) / 25)]) == pytest.approx(np.arange(40) / 25)


@pytest.mark.parametrize("rate", [15, 100])
def test_a_rate_that_the_header_invents_is_not_believed(make_film, rate):
    """H.264 says a rate of its own in its stream, whatever the packets' times."""
    times = [frame / 20 for frame in range(60)]
    film = make_film("vui.ts", frames=60, fps=rate, times=times)
    frames, source = read(film)
    assert source.info.fps == pytest.approx(20, rel=0.01) and source.info.frames == 60
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=0.001)


def test_length_is_found_out_where_the_container_does_not_say_it(make_film, tmp_path):
    film = make_film(frames=75, fps=30, encoder={"g": "25"})
    options = {"live.mkv": {"live": "1"}, "parts.mp4": {"movflags": "frag_keyframe+empty_moov"}}
    options["more.mp4"] = {"movflags": "frag_keyframe"}  # whose header counts the pictures of its first part
    for name in ("film.264", "film.flv", "film.mkv", "film.ts", "film.mp4", *options):
        frames, source = read(remux(film, tmp_path / name, **options.get(name, {})))
        assert (len(frames), source.info.frames) == (75, 75), name
        assert source.info.duration_s == pytest.approx(2.5, abs=0.05), name
        assert source.info.fps == pytest.approx(30, rel=0.01), name


def test_a_recording_that_begins_in_the_middle_begins_with_a_whole_picture(make_film, tmp_path):
    for codec in ("libx264", "mpeg2video"):
        film = make_film(f"{codec}.ts", frames=100, codec=codec, encoder={"g": "40", "bf": "0", "sc_threshold": "0"})
        whole, _ = read(film)
        late = tmp_path / f"late-{codec}.ts"
        data = film.read_bytes()
        late.write_bytes(data[: 3 * 188] + data[len(data) // 4 // 188 * 188 :])
        frames, _ = read(late)
        assert len(frames) < 75
        clean = {frame.original.tobytes() for frame in whole}
        assert all(frame.original.tobytes() in clean for frame in frames), "no picture is half of something else"


KINDS = {
    "alpha.mov": {"codec": "qtrle", "pixels": "argb"},
    "alpha.webm": {"codec": "libvpx-vp9", "pixels": "yuva420p"},
    "animation.gif": {"codec": "gif", "pixels": "rgb8"},
    "grey.mkv": {"codec": "ffv1", "pixels": "gray"},
    "h263.3gp": {"codec": "h263", "size": (96, 128)},
    "h264.mov": {"encoder": {"bf": "3", "x264-params": "open-gop=1:keyint=12"}},
    "interlaced.ts": {"codec": "mpeg2video", "encoder": {"flags": "+ilme+ildct"}},
    "jpeg.mjpeg": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "odd.mkv": {"pixels": "yuv444p", "size": (95, 127)},
    "prores.mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
    "pieces.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}},
    "rgb.mkv": {"codec": "libx264rgb", "pixels": "rgb24"},
    "sorenson.flv": {"codec": "flv"},
    "tiny.avi": {"codec": "rawvideo", "pixels": "bgr24", "size": (16, 16)},
    "twelve.mkv": {"codec": "libx265", "pixels": "yuv420p12le", "encoder": {"x265-params": "log-level=none"}},
    "windows.wmv": {"codec": "wmv2"},
}
ASSUMED = "it does not say when its pictures were taken; 25 a second (--fps)"


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_of_an_odd_kind_is_read_in_its_colours_at_its_time(make_film, name):
    how = KINDS[name]
    size = how.get("size", (48, 64))
    frames, source = read(make_film(name, **how))
    assert source.notes == ((f"{source.info.name}: {ASSUMED}",) if name == "jpeg.mjpeg" else ())
    assert len(frames) == source.info.frames == 20
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(20) / 25, abs=2e-3)
    made = np.stack([picture(index, size)[:, :, ::-1] for index in range(20)]).astype(int)
    if how.get("pixels") == "gray":
        made = np.stack([picture(index, size, channels=1) for index in range(20)]).astype(int)
    far = np.abs(frames[10].original - made).mean(axis=(1, 2, 3))
    assert far.argmin() == 10 and far[10] <= np.abs(frames[10].original[:, :, ::-1] - made[10]).mean()


def test_files_without_times_take_the_rate_that_is_given(make_film, tmp_path):
    plain = remux(make_film(encoder={"bf": "0"}), tmp_path / "a.mkv")
    same = remux(plain, tmp_path / "same.mkv", lambda time: 0)
    for film in (same, make_film("a.mjpeg", codec="mjpeg", pixels="yuvj420p")):
        with open_source(str(film), Reading(fps=10)) as source:
            assert [frame.time_s for frame in source] == pytest.approx(np.arange(20) / 10)
            assert source.notes == () and source.info.duration_s == pytest.approx(2.0)
        assert ASSUMED in read(film)[1].notes[0]
    raw = remux(make_film("b.mp4", fps=10), tmp_path / "b.264")  # which says its rate
    frames, source = read(raw)
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(20) / 10) and source.notes == ()


def test_pictures_that_are_coded_in_another_way_on_the_way_are_told(make_film, tmp_path):
    films = [make_film("a.ts", frames=90, codec="mpeg2video"), make_film("b.ts", frames=90)]
    for number, order in enumerate((films, films[::-1], (films[0], make_film("c.ts", frames=9)))):
        both = tmp_path / f"both{number}.ts"
        both.write_bytes(b"".join(film.read_bytes() for film in order))
        with pytest.raises(CutOffError, match=r"give no picture: .*coded in another way"):
            read(both)


def test_one_of_several_tracks_is_read_and_told(make_film, tmp_path):
    films, both = [make_film("a.mp4"), make_film("b.mp4", frames=30, size=(96, 64))], tmp_path / "both.mp4"
    with av.open(str(both), "w") as target, av.open(str(films[0])) as first, av.open(str(films[1])) as second:
        streams = [target.add_stream_from_template(each.streams.video[0]) for each in (first, second)]
        for each, stream in zip((first, second), streams, strict=True):
            for packet in each.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    for track, frames in ((1, 20), (2, 30)):
        with open_source(str(both), Reading(span=Span(track=track))) as source:
            assert len(list(source)) == frames
            assert source.notes == (f"{both}: track {track} of 2 is read; --track takes another",)
    with pytest.raises(FootageError, match="--track 3: 2 tracks"):
        open_source(str(both), Reading(span=Span(track=3)))


@pytest.mark.parametrize(
    ("name", "move", "frames", "note"),
    [
        (
            "jumps.mkv",
            lambda time: time + (3 * 86_400_000 if time >= 1000 else 0),
            50,
            "its clock is set anew at 1.0 s",
        ),
        ("overflows.ts", lambda time: time + 2**33 // 90 - 1000, 50, None),
        ("edited.mp4", lambda time: time - 1000, 25, None),  # an edit list hides what lies before 0
    ],
)
def test_a_clock_may_jump_by_days_overflow_or_hide_a_beginning(make_film, tmp_path, name, move, frames, note):
    plain = remux(make_film(frames=50, encoder={"bf": "0"}), tmp_path / "a.mkv")
    moved = remux(plain, tmp_path / name, move, **({"avoid_negative_ts": "disabled"} if "edited" in name else {}))
    found, source = read(moved)
    assert len(found) == source.info.frames == frames and found[-1].time_s == pytest.approx((frames - 1) / 25, abs=2e-3)
    told = (f"{moved}: {note}; times go on from there.",) if note else ()
    assert source.notes == told and source.info.duration_s == pytest.approx(frames / 25, abs=0.01)


def test_a_folder_called_a_video_is_a_folder_and_a_picture_called_one_has_one_frame(tmp_path, make_pictures):
    folder = make_pictures("folder.mp4", frames=3)
    assert len(read(folder)[0]) == 3
    image = (folder / "000.png").rename(tmp_path / "image.mp4")
    assert len(read(image)[0]) == 1
