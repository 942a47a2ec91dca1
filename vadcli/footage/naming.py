"""Names of footage, and the order people expect them in."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from vadcli.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES

# Hidden folders, and those of network disks, recycle bins, snapshots and archives.
_SYSTEMS = re.compile(
    r"\.|[@#~](?:eaDir|tmp|recycle|recently|snapshot|sharebin)|\$RECYCLE\.BIN$|RECYCLER$|lost\+found$|__MACOSX$"
    r"|System Volume Information$",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}")  # and no end of a time or number in the name
_VIDEO = re.compile(
    rb".{4}ftyp|RIFF.{4}AVI |\x1aE\xdf\xa3|\x00\x00\x01[\xb3\xba]|(?:\x47.{187}){2}\x47|.{4}(?:\x47.{191}){2}\x47"
    rb"|FLV\x01|0&\xb2u\x8ef\xcf\x11|DHAV|OggS|GIF8|\x00\x00\x00\x01[\x67\x40\x09]|YUV4MPEG2",
    re.DOTALL,
)


def natural(path: Path | str) -> list[tuple[int, int, str]]:
    """A sort key by which frame_2 comes before frame_10.

    >>> sorted(["10.png", "9.png", "a.png"], key=natural)
    ['9.png', '10.png', 'a.png']
    """
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part.lower()) for part in parts if part]


def videos_in(folder: Path) -> list[Path]:
    """Video files directly in a folder, by their suffix or, without one, by how they begin, in natural order.

    Hidden files are not footage.
    """
    return [
        path
        for path in _entries(folder)
        if (path.suffix.lower() in VIDEO_SUFFIXES and path.name[0] != ".")
        or (not _SUFFIX.fullmatch(path.suffix) and begins_as_video(path))
    ]


def begins_as_video(path: Path) -> bool:
    """Whether a file that is not hidden begins as containers of video do, whatever its name."""
    if path.name[0] == "." or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return _VIDEO.match(file.read(512)) is not None
    except OSError:
        return False


def images_in(folder: Path) -> list[Path]:
    """Image files directly in a folder, in natural order; hidden files are not footage."""
    return [path for path in _entries(folder) if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."]


def folders_in(folder: Path) -> list[Path]:
    """Folders directly in a folder, in natural order, without hidden ones and those that systems make."""
    return [path for path in _entries(folder) if not _SYSTEMS.match(path.name) and path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    """All that is directly in a folder, in natural order; nothing where there is no folder."""
    return sorted(folder.iterdir(), key=lambda path: natural(path.name)) if folder.is_dir() else []


def tree(folder: Path) -> Iterator[Path]:
    """A folder and all that are below it, each before its own and each once, whatever links lead there."""
    seen: set[str] = set()

    def below(outer: Path) -> Iterator[Path]:
        place = os.path.realpath(outer)
        if place not in seen:
            seen.add(place)
            yield outer
            for inner in sorted(folders_in(outer), key=Path.is_symlink):  # what is linked to lies elsewhere, too
                yield from below(inner)

    return below(folder)


def videos_below(folder: Path) -> list[Path]:
    """Every video in a folder and below it, each once, in natural order by folder."""
    return once([video for inner in tree(folder) for video in videos_in(inner)])


def once(paths: Sequence[Path]) -> list[Path]:
    """The same paths, each file or folder once, where it lies rather than where a link to it does."""
    found: dict[str, Path] = {}
    for path in sorted(paths, key=Path.is_symlink):
        found.setdefault(os.path.realpath(path) if path.exists() else str(path), path)  # a link to nothing is named
    kept = set(found.values())
    return [path for path in dict.fromkeys(paths) if path in kept]


def left_out(folder: Path, *, beside_videos: bool = True) -> list[str]:
    """Notes on files in a folder and below it that are not footage here.

    These are pictures beside videos, such as snapshots, and files of an unknown suffix that begin as videos do.
    """
    notes = []
    if beside_videos and (pictures := sum(len(images_in(inner)) for inner in tree(folder))):
        notes.append(
            f"{folder}: {pictures} picture{'s' * (pictures != 1)} beside the videos left out. "
            "Pictures that are footage need a folder of their own; give that."
        )
    known = VIDEO_SUFFIXES | IMAGE_SUFFIXES
    strangers = [
        path.name
        for inner in tree(folder)
        for path in _entries(inner)
        if _SUFFIX.fullmatch(path.suffix) and path.suffix.lower() not in known and begins_as_video(path)
    ]
    if strangers:
        names = shorten(strangers, 3)
        notes.append(f"{folder}: left out though they may be videos: {names}. Give them by name to read them.")
    return notes


def shorten(names: Sequence[str], most: int = 8) -> str:
    """A list of names, cut to what fits a line."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "nothing"
