"""Sizes of pictures, read from undecoded packets."""

import subprocess

import pytest

from vadcli.footage.bitstream import SizeWatch, picture_size


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video", "mjpeg"])
@pytest.mark.parametrize("size", [(48, 64), (50, 70), (242, 324)])
def test_size_in_the_packets_is_that_of_the_pictures(ffmpeg, tmp_path, codec, size):
    file = tmp_path / "video.mkv"
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    source = f"testsrc=s={size[1]}x{size[0]}:r=25:d=0.2"
    try:
        ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", pixels, "-c:v", codec, file)
    except subprocess.CalledProcessError:
        pytest.skip(f"this ffmpeg has no {codec}")
    watch = SizeWatch(str(file))
    assert watch.step() is None
    assert watch._size == size
    watch.close()


def test_profiles_with_scaling_lists_and_interlacing_are_parsed(ffmpeg, tmp_path):
    file = tmp_path / "video.mkv"
    try:
        ffmpeg(
            "-f",
            "lavfi",
            "-i",
            "testsrc=s=70x64:r=25:d=0.2",
            "-pix_fmt",
            "yuv444p",
            "-c:v",
            "libx264",
            "-x264-params",
            "cqm=jvt:interlaced=1",
            file,
        )
    except subprocess.CalledProcessError:
        pytest.skip("this ffmpeg has no libx264")
    watch = SizeWatch(str(file))
    watch.step()
    assert watch._size == (64, 70)
    watch.close()


@pytest.mark.parametrize("packet", [b"", b"\0\0\1", b"\0\0\1\x67\x42", b"\0\0\1\xb3\1", b"\xff\xd8\xff\xc0"])
@pytest.mark.parametrize("codec", ["h264", "hevc", "mpg2", "mjpg", "none"])
def test_packets_that_say_nothing_give_no_size(codec, packet):
    assert picture_size(codec, packet) is None
