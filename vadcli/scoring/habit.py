"""The distribution of cues as it goes on being learned while a source is scored."""

import numpy as np
from numpy.typing import NDArray

from vadcli.scoring.calibration import MOST_ROWS, ROW_S, Calibration
from vadcli.scoring.fusion import Floats, Fusion

_ANEW_S = 60.0  # between two derivations
_BLOCK_S = 2.0  # of rows that are kept and replaced together, so that peaks stay peaks
_FEWEST, _MOST = 2.0, 10.0  # while an alarm sounds only one row in so many counts, from a minute to ten of footage


class Habit:
    """Rows of what is seen join the table of normal footage, and scores follow once a minute.

    While an alarm sounds few rows count: an event that lasts becomes usual, but slowly. A full table forgets two
    seconds at random for every two that come.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._table = calibration.table.astype(np.float64)
        self._row_s = calibration.facts.seconds / len(self._table)
        self._settings = calibration.facts.fusion
        self._random = np.random.default_rng(0)
        self._rows: list[Floats] = []
        self._owed, self._row_due_s, self._due_s = 0.0, -np.inf, np.inf

    def add(self, values: Floats, time_s: float, *, sounding: bool) -> Fusion | None:
        """Take a frame's smoothed cues, (5,); gives the scores from now on, None while they stay as they are."""
        if not np.isfinite(self._due_s):
            self._due_s = time_s + _ANEW_S
        if time_s >= self._row_due_s and not self._lacks(values):
            self._row_due_s = time_s + ROW_S
            known = len(self._table) * self._row_s / _ANEW_S
            self._owed += 1 / float(np.clip(known, _FEWEST, _MOST)) if sounding else 1.0
            if self._owed >= 1:
                self._owed -= 1
                self._rows.append(values)
        if time_s < self._due_s:
            return None
        self._due_s = time_s + _ANEW_S
        return self._anew()

    def _lacks(self, values: Floats) -> bool:
        return bool((np.isnan(values) & ~np.isnan(self._table[0])).any())

    def _anew(self) -> Fusion:
        block = max(1, round(_BLOCK_S / self._row_s))
        whole = len(self._rows) // block * block
        for first in range(0, whole, block):
            part: NDArray[np.float64] = np.stack(self._rows[first : first + block])
            if len(self._table) + block <= MOST_ROWS:
                self._table = np.concatenate([self._table, part])
            else:
                place = int(self._random.integers(0, len(self._table) // block)) * block
                self._table[place : place + block] = part
        del self._rows[:whole]
        return Fusion(self._table, len(self._table) * self._row_s, self._settings)
