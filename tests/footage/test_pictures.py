"""Pictures whose headers claim what no camera gives."""

import struct
import zlib

import numpy as np
import pytest

from vadcli.errors import FootageError
from vadcli.footage.opencv import cv2
from vadcli.footage.pictures import read_picture

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
