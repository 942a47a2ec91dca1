"""Watches a video file's packets for a change of picture size, which OpenCV hides by stretching what follows."""

from collections.abc import Callable

from vadcli.footage.capture import open_capture
from vadcli.footage.opencv import cv2

HEAD_BYTES = 4096  # of a key packet; parameter sets and headers stand at its beginning
_H264 = {"avc1", "avc3", "h264", "x264"}
_HEVC = {"hvc1", "hev1", "hevc", "h265"}
_MPEG2 = {"mpg1", "mpg2", "mpeg"}
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


class SizeWatch:
    """Reads a file's packets, undecoded, beside the decoder and a packet for each of its frames."""

    def __init__(self, target: str) -> None:
        """Open the file a second time.

        Args:
            target: absolute path of a regular file.
        """
        self._capture = open_capture(target, 1)
        self._capture.set(cv2.CAP_PROP_FORMAT, -1)
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        self._codec = code.to_bytes(4, "little").decode("latin-1").lower()
        self._size: tuple[int, int] | None = None

    def step(self) -> tuple[int, int] | None:
        """Look at the next packet.

        Returns:
            the new (height, width) when it begins pictures of another size, else None.
        """
        if not self._capture.grab() or not self._capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME):
            return None
        read, data = self._capture.retrieve()
        size = picture_size(self._codec, data.tobytes()[:HEAD_BYTES]) if read and data is not None else None
        if size is None or size == self._size:
            return None
        first, self._size = self._size is None, size
        return None if first else size

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()


def picture_size(codec: str, packet: bytes) -> tuple[int, int] | None:
    """Height and width that a packet of H.264, HEVC, MPEG-2 or Motion JPEG declares, None where it declares none."""
    try:
        if codec in _H264:
            unit = _unit(packet, lambda first: first & 0x1F == 7)
            return _h264(_Bits(unit[1:])) if unit else None
        if codec in _HEVC:
            unit = _unit(packet, lambda first: first >> 1 & 0x3F == 33)
            return _hevc(_Bits(unit[2:])) if unit else None
        if codec in _MPEG2 and 0 <= (at := packet.find(b"\0\0\1\xb3")) <= len(packet) - 7:
            both = int.from_bytes(packet[at + 4 : at + 7], "big")
            return both & 0xFFF, both >> 12
        if codec == "mjpg":
            return _jpeg(packet)
    except IndexError:  # cut off in the middle of a header
        pass
    return None


class _Bits:
    """Bits of a parameter set, without the bytes that keep start codes out of it."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data.replace(b"\0\0\3", b"\0\0"), 0

    def take(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        value = 0
        for _ in range(count):
            value = value << 1 | (self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1)
            self._at += 1
        return value

    def golomb(self) -> int:
        """An unsigned exponential-Golomb number."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """A signed exponential-Golomb number."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _unit(packet: bytes, wanted: Callable[[int], bool]) -> bytes | None:
    """The first NAL unit whose first byte is wanted, from that byte on."""
    at = packet.find(b"\0\0\1")
    while 0 <= at < len(packet) - 4:
        if wanted(packet[at + 3]):
            return packet[at + 3 :]
        at = packet.find(b"\0\0\1", at + 3)
    return None


def _h264(bits: _Bits) -> tuple[int, int]:
    """Of a sequence parameter set (ITU-T H.264, 7.3.2.1.1)."""
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = bits.golomb()
        if chroma == 3:
            bits.take(1)
        bits.golomb()
        bits.golomb()
        bits.take(1)
        if bits.take(1):
            for index in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.golomb()
    order_type = bits.golomb()
    if order_type == 0:
        bits.golomb()
    elif order_type == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.golomb()):
            bits.signed()
    bits.golomb()
    bits.take(1)
    width, height = 16 * (bits.golomb() + 1), 16 * (bits.golomb() + 1)
    frames_only = bits.take(1)
    height *= 2 - frames_only
    if not frames_only:
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        left, right, top, bottom = (bits.golomb() for _ in range(4))
        width -= (left + right) * (2 if chroma in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma == 1 else 1) * (2 - frames_only)
    return height, width


def _skip_scaling_list(bits: _Bits, length: int) -> None:
    last = following = 8
    for _ in range(length):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _hevc(bits: _Bits) -> tuple[int, int]:
    """Of a sequence parameter set (ITU-T H.265, 7.3.2.2)."""
    bits.take(4)
    sub_layers = bits.take(3)
    bits.take(1 + 96)
    present = [(bits.take(1), bits.take(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.take(2 * (8 - sub_layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.golomb()
    chroma = bits.golomb()
    if chroma == 3:
        bits.take(1)
    width, height = bits.golomb(), bits.golomb()
    if bits.take(1):
        left, right, top, bottom = (bits.golomb() for _ in range(4))
        width -= (left + right) * (2 if chroma in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma == 1 else 1)
    return height, width


def _jpeg(packet: bytes) -> tuple[int, int] | None:
    """Of a start-of-frame marker."""
    at = 2
    while packet[at] == 0xFF:
        kind, length = packet[at + 1], int.from_bytes(packet[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            sides = packet[at + 5 : at + 9]
            return (sides[0] << 8 | sides[1], sides[2] << 8 | sides[3])
        at += 2 + length
    return None
