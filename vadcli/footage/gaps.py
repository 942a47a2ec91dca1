"""Gaps in a source as it is read: places where a frame does not follow the one before it, and why."""

from dataclasses import dataclass, field

from vadcli.footage.clock import HOLE_S
from vadcli.footage.container import Decoded

MOST_PLACES = 3  # named in a line


@dataclass
class Places:
    """Times in a source, the first few of them kept, and a sum over all."""

    count: int = 0
    total: float = 0.0
    first_s: list[float] = field(default_factory=list)

    def add(self, time_s: float, amount: float) -> None:
        """Count another time."""
        self.count, self.total = self.count + 1, self.total + amount
        if self.count <= MOST_PLACES:
            self.first_s.append(time_s)

    def __str__(self) -> str:
        named = ", ".join(f"{time_s:.1f} s" for time_s in self.first_s)
        more = self.count - len(self.first_s)
        return f"{named} and {more} more place{'s' * (more > 1)}" if more else named


class Gaps:
    """Counts gaps, frame by frame, for the notes at the end."""

    def __init__(self, begin_s: float = 0.0) -> None:
        self._begin_s = begin_s  # where reading begins
        self._begun_s: float | None = None
        self._damage, self._corrupt, self._holes, self._restarts = Places(), Places(), Places(), Places()

    def add(self, decoded: Decoded, before_s: float, now_s: float, missing: bool) -> bool:
        """Whether there is a gap before the next frame.

        Args:
            decoded: the frame.
            before_s: the time of the frame before it.
            now_s: its own.
            missing: whether the clock says that something lies between them.
        """
        self.damaged(before_s, decoded.broken)
        if decoded.frame.is_corrupt:
            self._corrupt.add(now_s, 1)
        if self._begun_s is None:
            self._begun_s = now_s
            return False
        if missing:
            (self._holes if now_s - before_s > HOLE_S else self._restarts).add(before_s, now_s - before_s)
        return missing or decoded.discontinuous

    def damaged(self, time_s: float, packets: int) -> None:
        """Packets after the frame of that time could not be decoded."""
        if packets:
            self._damage.add(time_s, packets)

    def lines(self, name: str) -> list[str]:
        """The gaps in words for people, a line a kind."""
        told = []
        if self._begun_s is not None and self._begun_s - self._begin_s > HOLE_S:
            told.append(f"begins in the middle; its first {self._begun_s:.1f} s cannot be decoded.")
        if self._damage.count:
            packets = round(self._damage.total)
            told.append(f"damaged at {self._damage}: {packets} packet{'s' * (packets > 1)} could not be decoded.")
        if count := self._corrupt.count:
            told.append(f"damaged at {self._corrupt}: {count} frame{'s' * (count > 1)} could be decoded only in part.")
        if self._holes.count:
            told.append(f"no pictures for {self._holes.total:.1f} s in all, after {self._holes}.")
        if self._restarts.count:
            told.append(f"its clock is set anew at {self._restarts}; times go on from there.")
        return [f"{name}: {line}" for line in told]
