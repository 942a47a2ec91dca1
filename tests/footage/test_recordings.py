"""Recordings as they come: damaged, cut off, full of holes, with clocks and headers that are wrong."""

import os
import threading
from itertools import pairwise

import numpy as np
import pytest

from tests.conftest import remux
from vadcli.footage.clock import timed
from vadcli.footage.source import Reading, open_source
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
    import av

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


def test_packets_that_a_network_lost_are_told(make_film):
    film = make_film("lost.ts", frames=100, size=(240, 320), encoder=GOP)
    data = film.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    film.write_bytes(b"".join(packet for index, packet in enumerate(packets) if index % 30 or index < 60))
    frames, source = read(film)
    assert 80 < len(frames) <= 100 and gaps(frames)
    assert any("damaged at " in note for note in source.notes)


def test_a_recording_that_is_cut_off_gives_what_it_has_and_then_fails(make_film, tmp_path):
    for name, muxer in (("film.mkv", {}), ("film.mp4", {"movflags": "faststart"}), ("film.flv", {})):
        film = make_film(name, frames=100, encoder=GOP, muxer=muxer)
        cut = tmp_path / f"cut-{name}"
        cut.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
        frames, message = read_cut_off(cut)
        assert 40 < len(frames) < 80
        assert message.startswith(f"{cut}: cut off: {len(frames)} frames decoded, none after ") and "\n" not in message


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
        how = options.get(name, {})
        frames, source = read(remux(film, tmp_path / name, **how))
        assert (len(frames), source.info.frames) == (75, 75), name
        assert source.info.duration_s == pytest.approx(2.5, abs=0.05), name
        assert source.info.fps == pytest.approx(30, rel=0.01), name


def test_nobody_knows_the_length_of_a_pipe(make_film, tmp_path):
    parts = make_film("film.mp4", muxer={"movflags": "frag_keyframe+empty_moov"}, encoder={"g": "5"})
    for film in (make_film("film.ts"), parts):
        frames, source = read_piped(film, tmp_path / f"{film.name}.fifo")
        assert len(frames) == 20 and source.info.frames is None and source.info.duration_s is None


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
