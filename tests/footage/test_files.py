"""Video files and folders of pictures, and pictures whose headers claim what no camera gives."""

import os
import struct
import subprocess
import sys
import threading
import zlib

import av
import numpy as np
import pytest

from tests.conftest import picture
from vadcli.errors import FootageError
from vadcli.footage.opencv import cv2
from vadcli.footage.pictures import read_picture
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


def test_the_network_s_image_is_the_view_resized_once_and_grey_by_bt_601():
    view = picture(2, (64, 88))
    assert network_image(view, (64, 88), 3) is view
    image = network_image(view, (32, 40), 1)
    assert image.shape == (32, 40, 1) and image.dtype == np.uint8
    expected = cv2.resize(view, (40, 32)) @ [0.299, 0.587, 0.114]
    assert np.abs(image[:, :, 0] - expected).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".pgm"])
def test_pictures_without_loss_are_read_exactly_in_natural_order(make_pictures, suffix):
    channels = 1 if suffix == ".pgm" else 3
    frames, _ = read(make_pictures(suffix=suffix, channels=channels, frames=12, first=1, pattern="frame_{}"))
    expected = np.broadcast_to(picture(10, channels=channels)[:, :, ::-1], (48, 64, 3))
    np.testing.assert_array_equal(frames[10].original, expected)
    assert len(frames) == 12


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
    with av.open(str(tmp_path / "sound.mp4"), "w") as film:
        sound = film.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        film.mux([*sound.encode(silence), *sound.encode()])
    (tmp_path / "nothing").mkdir()
    for name, content, problem in (
        ("missing.mp4", None, "not found. Check the path."),
        ("empty.mp4", b"", "the file is empty"),
        ("text.mp4", b"hello\n", "this is text, not video"),
        ("cache.mp4", b"\x89HDF\r\n\x1a\n" + bytes(99), "a cache, not a video. `vad eval`"),
        ("model.mp4", b'\x40\0\0\0\0\0\0\0{"__metadata__":{}}', "a checkpoint, not a video. Give it to --model"),
        ("cut.mp4", make_video().read_bytes()[:1500], "the recording was cut off"),
        ("noise.avi", np.random.default_rng(0).bytes(5000), "no video in it"),
        ("sound.mp4", None, "sound only"),
        ("nothing", None, "no pictures in this folder"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert complaint(tmp_path / name).startswith(problem)
    assert capfd.readouterr() == ("", ""), "OpenCV and FFmpeg keep quiet"


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


def test_pictures_are_bit_for_bit_what_opencv_decodes_and_views_are_made_of_them(make_film):
    for pixels, codec in (("yuv420p", "libx264"), ("yuvj420p", "mjpeg"), ("yuv422p10le", "ffv1"), ("gray", "ffv1")):
        film = make_film(f"{pixels}.mkv", frames=5, size=(37, 51) if codec == "ffv1" else (48, 64), codec=codec,
                         pixels=pixels)  # fmt: skip
        capture = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG)
        for frame in read(film)[0]:
            np.testing.assert_array_equal(frame.original[:, :, ::-1], capture.read()[1])
            np.testing.assert_array_equal(frame.view, view_of(frame.original, view_size(*frame.original.shape[:2])))
            assert pixels != "gray" or (frame.view == frame.view[:, :, :1]).all()
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


def test_a_missing_system_library_is_named_with_the_package_that_has_it(make_video, tmp_path):
    (tmp_path / "libGL.so.1").touch()
    environment = os.environ | {"LD_LIBRARY_PATH": str(tmp_path)}
    command = [sys.executable, "-m", "vadcli", "score", str(make_video())]
    if subprocess.run([sys.executable, "-c", "import cv2"], env=environment, capture_output=True).returncode == 0:
        pytest.skip("this OpenCV needs no libGL")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "OpenCV cannot be loaded" in ended.stderr and "apt install libgl1" in ended.stderr


SIDE = 30_000


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def ppm():
    return f"P6\n{SIDE} {SIDE}\n255\n".encode() + bytes(1000)


def bmp():
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, SIDE, SIDE, 1, 24, *[0] * 6) + bytes(100)


def jpg():
    data = bytearray(cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    size = data.index(b"\xff\xc0") + 5
    data[size : size + 4] = struct.pack(">HH", SIDE, SIDE)
    return bytes(data)


def tiff():
    data = bytearray(cv2.imencode(".tiff", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    (start,) = struct.unpack("<I", data[4:8])
    for at in range(start + 2, start + 2 + 12 * struct.unpack("<H", data[start : start + 2])[0], 12):
        if struct.unpack("<H", data[at : at + 2])[0] in (256, 257):  # width and height
            data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, SIDE)
    return bytes(data)


@pytest.mark.parametrize("make", [png, ppm, bmp, jpg, tiff])
def test_a_size_is_bounded_by_the_header_before_anything_is_decoded(tmp_path, make):
    file = tmp_path / f"0.{make.__name__}"
    file.write_bytes(make())
    with pytest.raises(FootageError) as caught:
        read_picture(file)
    assert str(caught.value) == f"{file}: a picture of more than 67 million pixels. Scale it down or remove it."


def test_a_file_longer_than_any_picture_is_not_read(tmp_path):
    file = tmp_path / "0.png"
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(FootageError, match=r"1,099,511,627,776 bytes, more than any picture has"):
        read_picture(file)


def test_damaged_pictures_are_told_in_our_words_alone(tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    broken, hurt = (bytearray(cv2.imencode(kind, noise)[1].tobytes()) for kind in (".png", ".jpg"))
    broken[1000] ^= 255
    hurt[3000:3200] = bytes(200)
    (tmp_path / "0.png").write_bytes(broken)
    (tmp_path / "0.jpg").write_bytes(hurt)
    with pytest.raises(FootageError, match=r"0\.png: no picture that can be decoded"):
        read_picture(tmp_path / "0.png")
    told = []
    read_picture(tmp_path / "0.jpg", told=told.append)
    assert len(told) == 1 and "0.jpg: damaged (Corrupt JPEG data" in told[0] and capfd.readouterr().err == ""
