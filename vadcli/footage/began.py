"""Start and camera of a recording, as recorders write them into the names of files and folders."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

_DAY = r"(20\d\d)[-_./]?([01]\d)[-_./]?([0-3]\d)"
_NAMED = re.compile(
    rf"(?<!\d){_DAY}[-_.T /]{{0,3}}([0-2]\d)[-_.:h ]?([0-5]\d)(?:[-_.:m ]?([0-5]\d)(?:\d{{3}})?)?(?!\d)(Z?)"
)
_NESTED = re.compile(rf"/{_DAY}/([0-2]\d)(?:/[^/\d][^/]*)?[-_./]([0-5]\d)(?:[-_./]([0-5]\d))?\.(?:\w+)$()")
_EPOCH = re.compile(r"(?<!\d)(1[5-9]\d{8})(?:\d{3})?(?!\d)")
_IN_NAMES = re.compile(rf"{_NAMED.pattern}s?|{_DAY}|{_EPOCH.pattern}")
_COUNT = re.compile(r"(^|[-_. ])\d+$")


def began_of(path: Path, metadata: Mapping[str, str] | None = None) -> datetime | None:
    """The start of a recording: by its name, by those of its folders, else by its container.

    A name's time is taken for this machine's local time, a number of seconds since 1970 and a container's for UTC.

    >>> str(began_of(Path("gate_20251125_100530.mp4")).replace(tzinfo=None))
    '2025-11-25 10:05:30'
    >>> str(began_of(Path("gate/2025-11-25/10/05.30.mp4")).replace(tzinfo=None))
    '2025-11-25 10:05:30'
    >>> began_of(Path("gate.mp4"))
    """
    if (found := _named(path)) is not None:
        return found
    with suppress(ValueError):
        said = datetime.fromisoformat((metadata or {}).get("creation_time", ""))
        if said.year > 1990:  # some write 1904 or 1970 for want of a clock
            return said.replace(tzinfo=said.tzinfo or UTC).astimezone()
    return None


def camera_of(path: Path) -> str:
    """A path without the times, days and counts in it: the same for all segments of one camera.

    >>> camera_of(Path("nvr/gate_20251125_100000.mp4")) == camera_of(Path("nvr/gate_20251125_101500.mp4"))
    True
    >>> camera_of(Path("nvr/gate_20251125_100000.mp4")) == camera_of(Path("nvr/yard_20251125_100000.mp4"))
    False
    >>> camera_of(Path("gate/2025-11-25/10/00.mp4")), camera_of(Path("gate2/part_007.mp4"))
    ('gate', 'gate2/part')
    """
    *folders, name = path.with_suffix("").as_posix().split("/")
    stamped = _IN_NAMES.sub("", name)
    name = _COUNT.sub("", name) if stamped == name else stamped
    kept = (part.strip("-_. ") for part in (*folders, name) if re.search(r"[^\W\d_]", part))
    return "/".join(part for part in kept if part)


def _named(path: Path) -> datetime | None:
    """The time in a file's name, or else in its path."""
    text = path.absolute().as_posix()
    for pattern, where in ((_NAMED, path.name), (_NESTED, text), (_NAMED, text)):
        for match in pattern.finditer(where):
            *numbers, utc = match.groups()
            year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
            with suppress(ValueError):  # a number that is no time
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC if utc else None).astimezone()
    seconds = _EPOCH.search(path.name)
    return datetime.fromtimestamp(int(seconds[1]), UTC).astimezone() if seconds else None
