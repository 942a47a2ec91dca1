"""Names of the files of events: the source's, the frame with which the event began, and its kind."""

import re
from itertools import count
from pathlib import Path, PurePath

from vadcli.scoring.events import Event


class EventFiles:
    """Paths in a folder, one an event; sources of the same name get a number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stems: dict[str, str] = {}

    def path(self, event: Event, ending: str) -> Path:
        """`SOURCE-FRAME` or `SOURCE-FRAME-camera` with an ending."""
        first, *kind = event.id.rsplit("#", 1)[1].split("-")
        return self._folder / ("-".join([self._stem(event.source), first.zfill(6), *kind]) + ending)

    def _stem(self, source: str) -> str:
        if source not in self._stems:
            stem, taken = file_stem(source), set(self._stems.values())
            names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
            self._stems[source] = next(name for name in names if name not in taken)
        return self._stems[source]


def file_stem(source: str) -> str:
    """A name that any file system takes, for files made from a source.

    >>> file_stem("rtsp://user:secret@gate:554/live?x=1"), file_stem("a/gate 1.mp4"), file_stem("-")
    ('gate_554_live', 'gate_1', 'stdin')
    """
    if source == "-":
        return "stdin"
    is_url = "://" in source
    stem = source.split("://", 1)[1].split("?", 1)[0].rsplit("@", 1)[-1] if is_url else PurePath(source).stem
    return re.sub(r"[^\w.-]+", "_", stem).strip("._")[:100] or "source"
