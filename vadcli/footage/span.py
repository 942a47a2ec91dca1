"""Which pictures of a recording are read: from and to seconds of it, or times of day, and of which track."""

import math
from dataclasses import dataclass
from datetime import datetime, tzinfo

from vadcli.errors import FootageError
from vadcli.footage.began import aware
from vadcli.footage.frames import SourceInfo


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source."""

    start: float | datetime | None = None  # seconds from the beginning, or a time of day; None for the beginning
    end: float | datetime | None = None  # likewise; None for the end
    duration_s: float | None = None  # instead of `end`
    began: datetime | None = None  # when the source began, instead of what its name or container says
    names_in: tzinfo | None = None  # zone of times here and in names that do not say theirs; None for this machine's
    track: int | None = None  # of several tracks of pictures, counted from 1; None for the one that players show

    def began_at(self, found: datetime | None) -> datetime | None:
        """The beginning of a source, whatever it says itself."""
        return found if self.began is None else aware(self.began, self.names_in)

    def of(self, info: SourceInfo) -> tuple[float, float]:
        """First second of a source, and the second before which it ends; infinity for its own end.

        Raises:
            FootageError: for a time of day where nobody knows when the source began, or nothing between the two.
        """
        first = self._seconds("--start", self.start, info) if self.start is not None else 0.0
        end = math.inf
        if self.duration_s is not None:
            end = first + self.duration_s
        elif self.end is not None:
            end = self._seconds("--end", self.end, info)
        lasts = info.duration_s if info.duration_s is not None else math.inf
        if end <= first or end <= 0 or first >= lasts:
            of = f"{lasts:.1f} s long" if math.isfinite(lasts) else "read from its beginning"
            until = f"to {end:.1f} s" if math.isfinite(end) else "on"
            raise FootageError(f"{info.name}: nothing from {first:.1f} s {until}; it is {of}. Give other times.")
        return max(0.0, first), end

    def _seconds(self, flag: str, moment: float | datetime, info: SourceInfo) -> float:
        if not isinstance(moment, datetime):
            return moment
        if info.began is None:
            raise FootageError(
                f"{info.name}: {flag} {moment:%Y-%m-%dT%H:%M:%S} is a time of day, and nobody knows when the recording "
                "began. Say it with --began, or give seconds."
            )
        return (aware(moment, self.names_in) - info.began).total_seconds()


WHOLE = Span()
