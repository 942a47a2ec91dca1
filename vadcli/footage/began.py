"""Start and camera of a recording, as recorders write them into the names of files and folders, or into containers."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path

import av

_DAY = r"(20\d\d)[-_./]?([01]\d)[-_./]?([0-3]\d)"
_HALF = r"[-_. \xa0\u202f]?([AaPp])\.?[Mm]\b\.?"  # of the day
_HOUR = rf"([0-2]\d|\d(?=[-_.:h ][0-5]\d(?:[-_.:m ][0-5]\d)?{_HALF.replace('(', '(?:')}))"
_ZONE = (
    r"(?:[-_ ]?(?:UTC|GMT)(?![A-Za-z])(?:[+-]\d\d?(?:[:.]?[0-5]\d)?(?!\d))?|Z(?![A-Za-z])"
    r"| ?\+\d\d(?:[-_:.]?(?:[03]0|[14]5))?(?!\d)|(?(second)-(?:0[1-9]|1[0-2])[:.]?[03]0(?!\d)|(?!)))"
)
_NAMED = re.compile(
    rf"(?<!\d){_DAY}(?:[-_.T /]{{0,3}}| at ){_HOUR}[-_.:h ]?([0-5]\d)(?:[-_.:m ]?(?P<second>[0-5]\d)s?"
    rf"(?:[.,]?\d{{3}})?)?(?!\d)(?:{_HALF})?({_ZONE}?)"
)
_NESTED = re.compile(rf"/{_DAY}/([0-2]\d)(?:/([^/\d][^/]*))?[-_./]([0-5]\d)(?:([-_./])([0-5]\d))?\.\w+$")
_CLOCK = r"([0-2]\d)[-_.:]([0-5]\d)[-_.:]([0-5]\d)(?!\d)"
_UNDER_DAY = re.compile(rf"/{_DAY}/(?:[^/]+/)*{_CLOCK}[^/]*$")  # .../2025-11-25/001/dav/10/10.00.00-10.15.00[R].dav
_EPOCH = re.compile(r"(?<!\d)(1[4-9]\d{8})(?:(\d{3})(?:\d{3})?|\.(\d+)(?:-[0-9a-z]{6}(?![0-9a-z]))?)?(?!\d)")
_END = r"(?:-[0-2]\d[0-5]\d(?:[0-5]\d)?(?!\d))?"
_IN_NAMES = re.compile(rf"{_NAMED.pattern}{_END}|{_DAY}|{_EPOCH.pattern}")
_COUNT = re.compile(r"(^|[-_. ])\d+$")
_SAY_WHEN = frozenset([".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".asf", ".wmv"])  # in a field of their own


def began_of(path: Path, metadata: Mapping[str, str] | None = None, zone: tzinfo | None = None) -> datetime | None:
    """The start of a recording: by its container, else by its name or those of its folders.

    A name's time is local time unless it says otherwise; seconds since 1970, a container's time and Frigate's folders
    are UTC. A name that says how far it is from UTC, or whose zone was given, is believed before its container.

    Args:
        path: of the recording.
        metadata: of its container.
        zone: of names that do not say it; None for this machine's.

    >>> str(began_of(Path("gate_20251125_100530.mp4")).replace(tzinfo=None))
    '2025-11-25 10:05:30'
    >>> str(began_of(Path("gate/2025-11-25/10/gate/05.30.mp4")))
    '2025-11-25 10:05:30+00:00'
    >>> str(began_of(Path("gate 2025-11-25 12.05.30 AM+0200.mp4")))
    '2025-11-25 00:05:30+02:00'
    >>> began_of(Path("gate.mp4"))
    """
    named = time_in_name(path)
    if named is None or (named.tzinfo is None and zone is None):
        with suppress(ValueError):
            said = datetime.fromisoformat((metadata or {}).get("creation_time", ""))
            if said.year > 1990:  # some write 1904 or 1970 for want of a clock
                return said.replace(tzinfo=said.tzinfo or UTC).astimezone()
    return None if named is None else aware(named, zone)


def disagreement(path: Path, metadata: Mapping[str, str], zone: tzinfo | None = None) -> str:
    """A clause on a name's time where its container's is believed instead and is another; else nothing."""
    taken, named = began_of(path, metadata, zone), began_of(path, None, zone)
    if taken is None or named is None or abs(taken - named) < timedelta(minutes=2):
        return ""
    return f"begins {taken.isoformat()} by its container, {named.isoformat()} by its name (--names-in takes the name's)"


def aware(moment: datetime, zone: tzinfo | None = None) -> datetime:
    """A time with its distance from UTC; one that lacks it is of a zone, or of this machine's."""
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if zone is None else moment.replace(tzinfo=zone)


def skipped_at(moment: datetime, zone: tzinfo | None = None) -> timezone | None:
    """The standard time of a zone that skips a local time, as in the night when summer time begins; else None."""
    known = aware(moment, zone)
    back = known.astimezone(UTC).astimezone(zone)
    offset = known.astimezone(UTC) - timedelta(hours=2)
    return None if back.replace(tzinfo=None) == moment else timezone(offset.astimezone(zone).utcoffset() or timedelta())


def metadata_of(path: Path) -> dict[str, str]:
    """The words of a container on itself; nothing where it cannot be opened, or has no field for a time."""
    if path.suffix.lower() in _SAY_WHEN and path.is_file():
        with suppress(av.FFmpegError, ValueError), av.open(str(path.absolute()), metadata_errors="replace") as opened:
            return dict(opened.metadata)
    return {}


def camera_of(path: Path) -> str:
    """A path without the times, days and counts in it: the same for all segments of one camera.

    >>> camera_of(Path("nvr/gate_20251125_100000.mp4")) == camera_of(Path("nvr/gate 2025-11-25 01.15.00PM+0100.mp4"))
    True
    >>> camera_of(Path("nvr/gate_20251125_100000.mp4")) == camera_of(Path("nvr/yard_20251125_100000.mp4"))
    False
    >>> camera_of(Path("gate/2025-11-25/10/00.mp4")), camera_of(Path("gate2/part_007.mp4"))
    ('gate', 'gate2/part')
    """
    *folders, name = path.with_suffix("").as_posix().split("/")
    if _UNDER_DAY.search(path.absolute().as_posix()):
        name = re.sub(rf"^{_CLOCK}(?:-{_CLOCK})?|\[[^]]*\]", "", name)
    stamped = _IN_NAMES.sub("", name)
    name = _COUNT.sub("", name) if stamped == name else stamped
    parts = (*(_IN_NAMES.sub("", part) for part in folders), name)
    kept = (part.strip("-_. ") for part in parts if re.search(r"[^\W\d_]", part) and not re.fullmatch(r"\d\dh", part))
    return "/".join(part for part in kept if part)


def without_count(name: str) -> str:
    """A name without the number at its end."""
    return _COUNT.sub("", name).rstrip("-_. ")


def time_in_name(path: Path) -> datetime | None:
    """The time in a file's name, or else in its path; naive where it does not say its zone."""
    text = path.absolute().as_posix()
    found = _first(_NAMED, path.name)
    if found is None and (epoch := _EPOCH.search(path.name)):
        return datetime.fromtimestamp(int(epoch[1]), UTC) + timedelta(seconds=float(f"0.{epoch[2] or epoch[3] or 0}"))
    if found is None and (nested := _NESTED.search(text)):
        *day, hour, camera, minute, between, second = nested.groups()
        frigate = camera is not None and between == "." and path.name.count(".") == 2
        found = _moment([*day, hour, minute, second], zone="Z" if frigate else "")
    if found is None and (under := _UNDER_DAY.search(text)):
        found = _moment(under.groups())
    return found or _first(_NAMED, text)


def _first(pattern: re.Pattern[str], text: str) -> datetime | None:
    times = (_moment(found.groups()[:6], found[7], found[8]) for found in pattern.finditer(text))
    return next((time for time in times if time is not None), None)


def _moment(numbers: Iterable[str | None], half: str | None = None, zone: str = "") -> datetime | None:
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    if half and hour <= 12:
        hour = hour % 12 + 12 * (half in "Pp")
    far = re.search(r"([+-])(\d\d?)[-_:.]?(\d\d)?$", zone)
    offset = timedelta(hours=int(far[2]), minutes=int(far[3] or 0)) if far else timedelta()
    with suppress(ValueError):  # a number that is no time
        tz = timezone(-offset if far and far[1] == "-" else offset) if zone else None
        return datetime(year, month, day, hour, minute, second, tzinfo=tz)
    return None
