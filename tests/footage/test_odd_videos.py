"""Kinds of video that people have beside the usual: every frame of them is read, or one line says why not."""

import numpy as np
import pytest

from tests.conftest import picture, remux
from vadcli.errors import FootageError
from vadcli.footage.source import Reading, open_source
from vadcli.footage.span import Span
from vadcli.footage.video import CutOffError

KINDS = {
    "alpha.mov": {"codec": "qtrle", "pixels": "argb"},
    "alpha.webm": {"codec": "libvpx-vp9", "pixels": "yuva420p"},
    "animation.gif": {"codec": "gif", "pixels": "rgb8"},
    "animation.apng": {"codec": "apng", "pixels": "rgb24"},
    "full.mp4": {"pixels": "yuvj420p"},
    "grey.mkv": {"codec": "ffv1", "pixels": "gray"},
    "h263.3gp": {"codec": "h263", "size": (96, 128)},
    "h264.mov": {"encoder": {"bf": "3", "x264-params": "open-gop=1:keyint=12"}},
    "interlaced.ts": {"codec": "mpeg2video", "encoder": {"flags": "+ilme+ildct"}},
    "jpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
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


def read(path):
    with open_source(str(path), Reading(original=True)) as source:
        return list(source), source


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


def test_pictures_that_go_on_under_another_number_of_a_transport_stream_are_read_on(make_film, tmp_path):
    film, both = make_film("a.ts", frames=50, muxer={"mpegts_start_pid": "256"}), tmp_path / "both.ts"
    other = make_film("b.ts", frames=50, muxer={"mpegts_start_pid": "512"})
    both.write_bytes(film.read_bytes() + other.read_bytes())
    frames, source = read(both)
    assert len(frames) == source.info.frames == 100 and 3.8 < frames[-1].time_s < 4.1


def test_files_without_times_take_the_rate_that_is_given(make_film, tmp_path):
    def standing_still(time):
        return 0

    same = shifted(remux(make_film(encoder={"bf": "0"}), tmp_path / "a.mkv"), tmp_path / "same.mkv", standing_still)
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


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mpeg4"), ("a.wmv", "wmv2")])
def test_files_that_say_how_long_they_are_and_are_shorter_were_cut_off(make_film, name, codec):
    film = make_film(name, frames=100, codec=codec)
    read(film)
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    with pytest.raises(CutOffError, match="cut off"):
        read(film)


def test_one_of_several_tracks_is_read_and_told(make_film, tmp_path):
    import av

    films, both = [make_film("a.mp4"), make_film("b.mp4", frames=30, size=(96, 64))], tmp_path / "both.mp4"
    with av.open(str(both), "w") as target:
        opened = [av.open(str(film)) for film in films]
        streams = [target.add_stream_from_template(one.streams.video[0]) for one in opened]
        for one, stream in zip(opened, streams, strict=True):
            for packet in one.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
            one.close()
    for track, frames in ((1, 20), (2, 30)):
        with open_source(str(both), Reading(span=Span(track=track))) as source:
            assert len(list(source)) == frames
            assert source.notes == (f"{both}: track {track} of 2 is read; --track takes another",)
    with pytest.raises(FootageError, match="--track 3: 2 tracks"):
        open_source(str(both), Reading(span=Span(track=3)))


def shifted(source, target, move, **muxer):
    """The same pictures, their times in milliseconds moved."""
    import av

    with av.open(str(source)) as film, av.open(str(target), "w", options=muxer) as copy:
        stream = copy.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = move(packet.pts), move(packet.dts), stream
                copy.mux(packet)
    return target


def test_a_clock_that_jumps_by_days_is_no_recording_cut_off(make_film, tmp_path):
    plain = remux(make_film(frames=50, encoder={"bf": "0"}), tmp_path / "a.mkv")
    jumps = shifted(plain, tmp_path / "b.mkv", lambda time: time + (3 * 86_400_000 if time >= 1000 else 0))
    frames, source = read(jumps)
    assert len(frames) == 50 and frames[-1].time_s == pytest.approx(49 / 25, abs=2e-3)
    assert source.notes == (f"{jumps}: its clock is set anew at 1.0 s; times go on from there.",)


def test_a_clock_that_overflows_goes_on(make_film, tmp_path):
    plain = remux(make_film(frames=50, encoder={"bf": "0"}), tmp_path / "a.mkv")
    wrapped = shifted(plain, tmp_path / "b.ts", lambda time: time + 2**33 // 90 - 1000)
    frames, source = read(wrapped)
    assert len(frames) == 50 and frames[-1].time_s == pytest.approx(49 / 25, abs=2e-3) and source.notes == ()


def test_pictures_that_an_edit_list_hides_are_neither_shown_nor_counted(make_film, tmp_path):
    plain = remux(make_film(frames=50, encoder={"bf": "0"}), tmp_path / "a.mkv")
    trimmed = shifted(plain, tmp_path / "b.mp4", lambda time: time - 1000, avoid_negative_ts="disabled")
    frames, source = read(trimmed)
    assert len(frames) == source.info.frames == 25 and source.info.duration_s == pytest.approx(1.0, abs=0.01)


def test_a_folder_called_a_video_is_a_folder_and_a_picture_called_one_has_one_frame(tmp_path, make_pictures):
    folder = make_pictures("folder.mp4", frames=3)
    assert len(read(folder)[0]) == 3
    image = (folder / "000.png").rename(tmp_path / "image.mp4")
    assert len(read(image)[0]) == 1
