"""Several cues as one score: how rare each is in normal footage, added up, and the level that alarms begin at."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vadcli.settings import FusionSettings

Floats = NDArray[np.float64]

CUES = ("area", "speed", "crowd", "look", "frame")
AREA, SPEED, CROWD, LOOK, FRAME = range(len(CUES))
_TAIL = 0.9  # quantile from which a tail is exponential
_APART_S = 2.0  # one independent value of the sum in so many seconds


@dataclass(frozen=True, eq=False)
class Rarity:
    """-log of the share of normal values above a level, exponential beyond their 0.9 quantile.

    Attributes:
        levels: (m,), normal values, rising.
        shares: (m,), share of normal values not below each.
        start: the 0.9 quantile.
        scale: mean excess over it.
    """

    levels: Floats
    shares: Floats
    start: float
    scale: float

    @classmethod
    def of(cls, values: Floats, floor: float) -> Self:
        """Learned from normal values (n,).

        Args:
            values: of normal footage.
            floor: least scale, as a share of the distance from the median to the 0.9 quantile.
        """
        ordered = np.sort(values)
        levels, first = np.unique(ordered, return_index=True)
        start, median = float(np.quantile(ordered, _TAIL)), float(np.median(ordered))
        excess = ordered[ordered > start] - start
        scale = float(excess.mean()) if len(excess) else 0.0
        return cls(
            levels,
            1 - first / len(ordered),
            start,
            max(scale, floor * (start - median), 1e-3 * max(1.0, abs(start))),
        )

    def __call__(self, values: NDArray[np.floating]) -> Floats:
        """Of any values, of the same shape; at least 0."""
        wide = np.asarray(values, np.float64)
        below = -np.log(np.maximum(np.interp(wide, self.levels, self.shares), 1 - _TAIL))
        beyond = -np.log(1 - _TAIL) + (wide - self.start) / self.scale
        return np.where(wide > self.start, beyond, below)

    def level(self, share: float) -> float:
        """The level that a share of normal values lies above, in (0, 1]; the median at least."""
        if share < 1 - _TAIL:
            return self.start + self.scale * float(np.log((1 - _TAIL) / share))
        return float(np.interp(-min(share, 0.5), -self.shares, self.levels))


class Fusion:
    """The sum of the rarities of all cues, and its own distribution in normal footage.

    Args:
        table: (n, 5), smoothed cues of normal frames; a column of NaN is a cue that there is none of.
        seconds: of normal footage.
        settings: weights and floors.

    Attributes:
        weights: (5,), of each cue in the sum.
    """

    def __init__(self, table: Floats, seconds: float, settings: FusionSettings) -> None:
        present = ~np.isnan(table).any(axis=0)
        floors = np.where(np.arange(len(CUES)) == LOOK, 0.0, settings.tail_floor)
        self._rarities = [
            Rarity.of(table[:, i], floor) if known else None
            for i, (known, floor) in enumerate(zip(present.tolist(), floors.tolist(), strict=True))
        ]
        look = settings.look_weight * seconds / (seconds + settings.look_seconds)
        self.weights: Floats = np.array([1.0, 1.0, 1.0, look, settings.frame_weight]) * present
        self._look_cap = settings.look_cap
        sums = self.terms(table).sum(axis=1)
        self._normal = Rarity.of(sums, settings.tail_floor)
        self.typical = float(np.median(sums))
        self.unit = max(self.level(settings.reference_rate) - self.typical, 1e-6)

    def term(self, cue: int, values: NDArray[np.floating]) -> Floats:
        """What values of one cue add to the sum, of the same shape."""
        rarity = self._rarities[cue]
        if rarity is None:
            return np.zeros(np.shape(values))
        found = rarity(values)
        return float(self.weights[cue]) * (np.minimum(found, self._look_cap) if cue == LOOK else found)

    def terms(self, values: Floats) -> Floats:
        """What each cue adds to the sum, (..., 5)."""
        return np.stack([self.term(cue, values[..., cue]) for cue in range(len(CUES))], axis=-1)

    def score(self, terms: Floats) -> Floats:
        """Scores of terms (..., 5): 0 is a typical normal frame, 1 the level of the reference rate."""
        return (terms.sum(axis=-1) - self.typical) / self.unit

    def threshold(self, alarms_per_hour: float) -> float:
        """The score that normal footage exceeds so often."""
        return max((self.level(alarms_per_hour) - self.typical) / self.unit, 0.0)

    def level(self, alarms_per_hour: float) -> float:
        """The sum that normal footage exceeds so often."""
        return self._normal.level(min(alarms_per_hour * _APART_S / 3600, 1.0))
