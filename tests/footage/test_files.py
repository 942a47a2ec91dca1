"""Video files and folders of pictures."""

import os
import subprocess
import sys
import threading

import av
import numpy as np
import pytest

from tests.conftest import picture
from vadcli.errors import FootageError
from vadcli.footage.opencv import cv2
from vadcli.footage.resize import network_image, view_of, view_size
from vadcli.footage.source import Reading, find_sources, open_source
from vadcli.footage.span import Span


def read(source, **reading):
    with open_source(str(source), Reading(original=True, **reading)) as opened:
        return list(opened), opened


def test_video_gives_every_frame_with_its_index_and_time(make_video):
    frames, source = read(make_video(frames=12, fps=10.0))
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(12) / 10)
    assert (source.info.fps, source.info.frames, source.info.height, source.info.width) == (10.0, 12, 48, 64)
    assert source.notes == ()


def test_a_view_keeps_its_aspect_within_multiples_of_32_and_8():
    sizes = [(240, 360), (1080, 1920), (110, 80), (10, 7), (4, 60_000), (60_000, 4)]
    views = [(256, 384), (256, 456), (96, 72), (32, 24), (32, 4096), (256, 8)]
    assert [view_size(*size) for size in sizes] == views


def test_a_view_averages_what_it_is_made_of_and_blends_where_it_is_enlarged():
    checks = (np.indices((512, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    halved = view_of(np.repeat(checks[:, :, None], 3, axis=2), (256, 512))
    assert halved.shape == (256, 512, 3) and np.abs(halved.astype(int) - 127).max() <= 1
    smooth = cv2.GaussianBlur(picture(3, (1079, 1917)), (0, 0), 8)
    exact = cv2.resize(smooth, (456, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(view_of(smooth, (256, 456)).astype(int) - exact).mean() < 1
    small = picture(3)
    np.testing.assert_array_equal(view_of(small, (64, 88)), cv2.resize(small, (88, 64)))


def test_a_frame_s_view_is_made_of_the_picture_whole_and_rgb(make_video):
    frames, _ = read(make_video(frames=3))
    np.testing.assert_array_equal(frames[2].view, cv2.resize(frames[2].original, (88, 64)))
    expected = cv2.cvtColor(picture(2), cv2.COLOR_BGR2RGB)
    assert np.abs(frames[2].original.astype(int) - expected).mean() < 8  # MPEG-4 loses a little


def test_the_network_s_image_is_the_view_resized_once_and_grey_by_bt_601():
    view = picture(2, (64, 88))
    assert network_image(view, (64, 88), 3) is view
    image = network_image(view, (32, 40), 1)
    assert image.shape == (32, 40, 1) and image.dtype == np.uint8
    expected = cv2.resize(view, (40, 32)) @ [0.299, 0.587, 0.114]
    assert np.abs(image[:, :, 0] - expected).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".pgm"])
def test_pictures_without_loss_are_read_exactly(make_pictures, suffix):
    channels = 1 if suffix == ".pgm" else 3
    frames, _ = read(make_pictures(suffix=suffix, channels=channels, frames=3))
    expected = np.broadcast_to(picture(1, channels=channels)[:, :, ::-1], (48, 64, 3))
    np.testing.assert_array_equal(frames[1].original, expected)


def test_pictures_are_in_natural_order_from_0_or_1(make_pictures):
    frames, _ = read(make_pictures(frames=12, first=1, pattern="frame_{}"))
    np.testing.assert_array_equal(frames[10].original, picture(10)[:, :, ::-1])
    assert len(frames) == 12


def test_grey_footage_has_three_equal_channels(make_pictures, make_film):
    for source in (make_pictures(channels=1, frames=2), make_film("grey.mkv", codec="ffv1", pixels="gray")):
        view = read(source)[0][1].view
        np.testing.assert_array_equal(view, np.repeat(view[:, :, :1], 3, axis=2))


def test_sixteen_bits_become_eight_by_their_range_and_alpha_is_dropped(tmp_path):
    deep, clear = tmp_path / "deep", tmp_path / "clear"
    deep.mkdir()
    clear.mkdir()
    cv2.imwrite(str(deep / "0.png"), picture(0).astype(np.uint16) * 257)
    cv2.imwrite(str(clear / "0.png"), np.dstack([picture(0), np.zeros((48, 64), np.uint8)]))
    for folder in (deep, clear):
        frames, _ = read(folder)
        np.testing.assert_array_equal(frames[0].original, picture(0)[:, :, ::-1])


def test_thinning_keeps_frames_by_their_times_and_pictures_come_at_the_rate_asked_for(make_video, make_pictures):
    frames, source = read(make_video(frames=30, fps=30.0), fps=10)
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(10) / 10, abs=0.001)
    assert [frame.index for frame in frames] == list(range(0, 30, 3)), "counted over the source's own frames"
    assert (source.info.fps, source.info.frames) == (10, 10)
    frames, source = read(make_pictures(frames=8), fps=4)
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(8) / 4)
    assert (source.info.fps, source.info.frames) == (4, 8)


@pytest.mark.parametrize("fps", [12, 15, 24, 30])
def test_thinning_to_its_own_rate_or_a_higher_keeps_all_though_the_container_rounds_times(make_video, fps):
    video = make_video("a.mkv", frames=60, fps=float(fps))
    assert len(read(video, fps=fps)[0]) == len(read(video, fps=50)[0]) == 60


def test_a_gap_before_a_frame_that_is_thinned_out_is_one_before_the_next(make_film):
    times = [*np.arange(10) / 10, *(5.03 + np.arange(10) / 10)]
    frames, _ = read(make_film("hole.mkv", frames=20, fps=10, codec="ffv1", times=times), fps=5)
    assert [frame.index for frame in frames if frame.after_gap] == [10]
    frames, _ = read(make_film("hole.mkv", frames=20, fps=10, codec="ffv1", times=times), fps=0.15)
    assert [(frame.index, frame.after_gap) for frame in frames] == [(0, False)]
    frames, _ = read(make_film("late.mkv", frames=20, fps=10, codec="ffv1", times=times), span=Span(5.0))
    assert len(frames) == 10 and not any(frame.after_gap for frame in frames), "nothing is missing before the first"


def test_rotation_metadata_is_honoured(make_video):
    video = make_video(frames=2, size=(48, 64))
    data = bytearray(video.read_bytes())
    matrix = data.index(b"tkhd") + 44
    one = (1 << 16).to_bytes(4, "big")
    minus = ((1 << 32) - (1 << 16)).to_bytes(4, "big")
    data[matrix : matrix + 20] = bytes(4) + one + bytes(4) + minus + bytes(4)  # a quarter turn
    video.write_bytes(data)
    frames, source = read(video)
    assert (source.info.height, source.info.width) == (64, 48)
    assert frames[0].original.shape == (64, 48, 3) and frames[0].view.shape == (64, 48, 3)


def complaint(source):
    with pytest.raises(FootageError) as error:
        read(source)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{source}: ")


def test_bad_files_are_named_in_one_line(tmp_path, make_video, capfd):
    empty, text, cut, noise = (tmp_path / name for name in ("empty.mp4", "text.mp4", "cut.mp4", "noise.avi"))
    empty.touch()
    text.write_text("hello\n")
    cut.write_bytes(make_video().read_bytes()[:1500])
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "nothing").mkdir()
    assert complaint(tmp_path / "missing.mp4") == "not found. Check the path."
    assert complaint(empty).startswith("the file is empty")
    assert complaint(text).startswith("this is text, not video")
    assert complaint(cut).startswith("the recording was cut off")
    assert complaint(noise).startswith("no video in it")
    assert complaint(tmp_path / "nothing").startswith("no pictures in this folder")
    assert capfd.readouterr() == ("", ""), "OpenCV and FFmpeg keep quiet"


def test_sound_alone_is_named(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as film:
        sound = film.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        film.mux([*sound.encode(silence), *sound.encode()])
    assert complaint(path).startswith("sound only")


def test_damaged_pictures_and_those_of_another_size_are_named(make_pictures, capfd):
    folder = make_pictures("mixed", frames=3)
    cv2.imwrite(str(folder / "002.png"), picture(0, (40, 40)))
    assert complaint(folder).startswith(f"{folder / '002.png'}: 40x40, but the frames before it are 64x48")
    folder = make_pictures(frames=3, suffix=".jpg")
    (folder / "001.jpg").write_bytes((folder / "001.jpg").read_bytes()[:700])
    assert complaint(folder).startswith(f"{folder / '001.jpg'}: this picture is cut off")
    (folder / "001.jpg").write_text("no picture")
    assert complaint(folder).startswith(f"{folder / '001.jpg'}: no picture")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_a_picture_that_changes_size_on_the_way_is_refused(make_film, tmp_path, codec, piped):
    parts = [make_film(f"{size[0]}.ts", size=size, codec=codec).read_bytes() for size in ((48, 64), (80, 96))]
    both = tmp_path / "both.ts"
    if piped:
        os.mkfifo(both)
        threading.Thread(target=both.write_bytes, args=(b"".join(parts),)).start()
    else:
        both.write_bytes(b"".join(parts))
    at = "the picture changes from 64x48 to 96x80 at frame "
    assert complaint(both).startswith((f"{at}20", f"{at}19"))  # MPEG-2 gives up its last frame


def test_frames_are_read_when_they_are_asked_for_and_a_consumer_may_stop_early(make_video):
    threads = threading.active_count()
    with open_source(str(make_video(frames=60))) as source:
        next(source)
        assert source.frames_read == 1 and threading.active_count() == threads
    assert list(source) == []


def test_pictures_are_bit_for_bit_what_opencv_decodes(make_film):
    for pixels, codec in (("yuv420p", "libx264"), ("yuvj420p", "mjpeg"), ("yuv422p10le", "ffv1"), ("gray", "ffv1")):
        film = make_film(f"{pixels}.mkv", frames=5, size=(37, 51) if codec == "ffv1" else (48, 64), codec=codec,
                         pixels=pixels)  # fmt: skip
        capture = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG)
        for frame in read(film)[0]:
            np.testing.assert_array_equal(frame.original[:, :, ::-1], capture.read()[1])
        assert not capture.read()[0]


def test_find_sources_takes_files_folders_and_patterns_in_natural_order(make_video, make_pictures, tmp_path):
    for number in (10, 9, 1):
        make_video(f"cam/{number}.mp4", frames=1)
    make_pictures("stills/a", frames=1)
    names = [str(tmp_path / "cam" / f"{number}.mp4") for number in (1, 9, 10)]
    assert find_sources([str(tmp_path / "cam")]) == names
    live = ["-", "rtsp://x/y", "camera:0"]
    assert find_sources([str(tmp_path / "cam" / "*.mp4"), *live]) == [*names, *live]
    assert find_sources([str(tmp_path / "stills")]) == [str(tmp_path / "stills" / "a")]
    with pytest.raises(FootageError, match=r"nothing\*.mp4: not found"):
        find_sources([str(tmp_path / "nothing*.mp4")])


@pytest.mark.parametrize("pictures", ["cam", "cam/thumbs"])
def test_find_sources_takes_videos_before_pictures_beside_them_and_tells(make_video, make_pictures, tmp_path, pictures):
    """As recorders write snapshots beside recordings."""
    names = [str(make_video(f"cam/{number}.mp4", frames=1)) for number in (1, 2)]
    make_pictures(pictures, frames=3)
    told = []
    assert find_sources([str(tmp_path / "cam")], told.append) == names
    (note,) = told
    assert note.startswith(f"{tmp_path / 'cam'}: 3 pictures beside the videos left out.")


def test_ctrl_c_ends_a_reading_program_at_once(make_video, tmp_path):
    program = (
        "import os, signal, sys\n"
        "from vadcli.footage.source import open_source\n"
        "try:\n"
        "    with open_source(sys.argv[1]) as source:\n"
        "        next(source)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        list(source)\n"
        "except KeyboardInterrupt:\n"
        "    print('clean')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(make_video(frames=200))], capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("clean\n", "", 0)


def test_a_missing_system_library_is_named_with_the_package_that_has_it(make_video, tmp_path):
    """As in slim containers."""
    (tmp_path / "libGL.so.1").touch()
    environment = os.environ | {"LD_LIBRARY_PATH": str(tmp_path)}
    command = [sys.executable, "-m", "vadcli", "score", str(make_video())]
    if subprocess.run([sys.executable, "-c", "import cv2"], env=environment, capture_output=True).returncode == 0:
        pytest.skip("this OpenCV needs no libGL")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "OpenCV cannot be loaded" in ended.stderr and "apt install libgl1" in ended.stderr
