"""Incidents of a live stream as alarms: it is lost, or frames of it are left out."""

import time
from collections.abc import Iterator
from dataclasses import replace

from vadcli.footage.frames import Change
from vadcli.scoring.camera import CameraAlarm
from vadcli.scoring.events import State

Told = tuple[CameraAlarm, State]


class Incidents:
    """Alarms of one stream that are open."""

    def __init__(self) -> None:
        self.lost: CameraAlarm | None = None
        self._behind: CameraAlarm | None = None
        self._heard_s = 0.0  # by this machine's clock, when the stream was lost

    def add(self, change: Change, frame: int) -> Iterator[Told]:
        """Alarms that end or begin with what happens after a frame of some index."""
        if change.kind in ("lost", "level") and self._behind:
            yield replace(self._behind, end_s=change.since_s), "closed"
            self._behind = None
        if change.kind == "behind":
            self._behind = CameraAlarm("frames left out", frame, change.time_s, change.time_s)
            yield self._behind, "open"
        if change.kind == "lost" and self.lost is None:
            self.lost, self._heard_s = CameraAlarm("no signal", frame, change.since_s, change.time_s), time.monotonic()
            yield self.lost, "open"
        if change.kind == "back" and self.lost:
            yield replace(self.lost, end_s=change.time_s), "closed"
            self.lost = None

    def end(self, time_s: float) -> Iterator[Told]:
        """Those that are open when nobody reads on after a frame of some time."""
        if self._behind:
            yield replace(self._behind, end_s=time_s), "closed"
        if self.lost:
            yield replace(self.lost, end_s=self.lost.end_s + time.monotonic() - self._heard_s), "closed"
        self.lost = self._behind = None
