"""Why a file cannot be read as video, in words its owner can act on."""

from pathlib import Path

EDGE_BYTES = 1 << 20  # how much of either end of a file is looked at


def why_unreadable(path: Path) -> str:
    """One clause on what is wrong with a file that no decoder opens."""
    size = path.stat().st_size
    if size == 0:
        return "the file is empty. Record or copy it again."
    with path.open("rb") as file:
        head = file.read(EDGE_BYTES)
        file.seek(max(0, size - EDGE_BYTES))
        tail = file.read(EDGE_BYTES)
    if head[4:8] in (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip"):
        return _why_mp4(head + tail)
    if _is_text(head):
        return "this is text, not video. Give a video file, whatever its name."
    return why_no_video()


def why_no_video() -> str:
    """The clause where nothing more is known."""
    return "no video in it that can be decoded (sound only, damaged, or unknown format). Convert it with ffmpeg."


def moov_comes_late(head: bytes) -> bool:
    r"""Whether this is how an mp4 begins whose index follows the pictures, so that it cannot be read forward.

    >>> moov_comes_late(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\1\0\0mdat")
    True
    """
    at = 0
    while at + 8 <= len(head):
        length, kind = int.from_bytes(head[at : at + 4], "big"), head[at + 4 : at + 8]
        if kind == b"moov":
            return False
        if kind == b"mdat":
            return True
        if length < 8 or not kind.isalnum() or (at == 0 and kind not in (b"ftyp", b"wide", b"free", b"skip")):
            return False
        at += length
    return False


def _why_mp4(ends: bytes) -> str:
    if b"moov" not in ends:
        return "the recording was cut off: an mp4 without its index (moov). Copy it again, or repair it."
    if b"vide" not in ends and b"soun" in ends:
        return "sound only, no picture. Give a video file."
    return why_no_video()


def _is_text(head: bytes) -> bool:
    try:
        text = head[:4096].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head[:4096]) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\f\b\x1b" for c in text)
