"""Why a file cannot be read as video, in words its owner can act on."""

from codecs import getincrementaldecoder
from pathlib import Path

_ASF, _ASF_FACTS = bytes.fromhex("3026b2758e66cf11"), bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
EDGE_BYTES = 1 << 20  # how much of either end of a file is looked at
_NO_VIDEO = "no video in it that can be decoded (sound only, damaged, or unknown format). Convert it with ffmpeg."


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
    if head.startswith(b"\x89HDF"):
        return "a cache, not a video. `vad eval`, `vad adapt` and training take it."
    if head[8:9] == b"{" and b'"__metadata__"' in head[:4096]:
        return "a checkpoint, not a video. Give it to --model or --adapter."
    if _is_text(head):
        return "this is text, not video. Give a video file, whatever its name."
    return _NO_VIDEO


def cut_short(head: bytes, size: int) -> str:
    r"""The sign that an AVI or WMV file lost its end; nothing where there is none.

    >>> cut_short(b"RIFF\x00\x00\x01\x00AVI LIST", 1000)
    'it has 1,000 bytes of 65,544'
    """
    wanted = 0
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        wanted = int.from_bytes(head[4:8], "little") + 8
    elif head.startswith(_ASF) and (at := head.find(_ASF_FACTS)) >= 0 and not head[at + 88] & 1:  # which is live
        wanted = int.from_bytes(head[at + 40 : at + 48], "little")
    return f"it has {size:,} bytes of {wanted:,}" if size < wanted < 1 << 48 else ""


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
    return _NO_VIDEO


def _is_text(head: bytes) -> bool:
    try:
        text = getincrementaldecoder("utf-8")().decode(head[:4096])  # which may end within a character
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\r\n\t\f\b\x1b" for c in text)
