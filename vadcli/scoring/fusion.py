"""Several cues as one score: how rare each is in normal footage, added up, and the level that alarms begin at."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vadcli.settings import FusionSettings

Floats = NDArray[np.float64]

CUES = ("area", "speed", "crowd", "look", "frame")
AREA, SPEED, CROWD, LOOK, FRAME = range(len(CUES))
LOGARITHMS = (LOOK, FRAME)  # cues that are logarithms
_TAIL = 0.9  # quantile from which a tail is exponential
_UNIT = np.array([0.1, 0.1, 0.1, 0.25, 0.25])  # least scale: a share of the 0.9 quantile; of logarithms, absolute
_LEAST_QUANTILE = 0.1  # of a motion cue, that its share is taken of where nothing moves
_BEND = 12.0  # nats from which a cue counts as its logarithm, so that none drowns the others
_APART_S = 2.0  # one independent value of the sum in so many seconds
_PEAKS, _PRIOR_PEAKS = 20.0, 3.0  # that the tail of the sum rests on, and that are taken for known beforehand
_LEAST_EXCESS = 2.0  # nats, of the sum's tail
_SEVERAL = 3.0  # times above all that was normal: an object that always reaches the level of alarms


@dataclass(frozen=True, eq=False)
class Rarity:
    """-log of the share of normal values above a level, exponential beyond their 0.9 quantile, logarithmic far out."""

    levels: Floats  # (m,), normal values, rising
    nats: Floats  # (m,), -log of the share of normal values not below each, at most that of the tail's start
    start: float  # the 0.9 quantile
    scale: float  # mean excess over it, or the least that counts

    @classmethod
    def of(cls, values: Floats, cue: int) -> Self:
        """Learned from normal values (n,) of a cue."""
        ordered = np.sort(values)
        levels, first = np.unique(ordered, return_index=True)
        start = float(np.quantile(ordered, _TAIL))
        least = float(_UNIT[cue]) * (1.0 if cue in LOGARITHMS else max(start, _LEAST_QUANTILE))
        nats = -np.log(np.maximum(1 - first / len(ordered), 1 - _TAIL))
        return cls(levels, nats, start, max(_mean_excess(ordered, start), least, 1e-12))

    def __call__(self, values: NDArray[np.floating]) -> Floats:
        """Of any values, of the same shape; at least 0."""
        wide = np.asarray(values, np.float64)
        below = np.interp(wide, self.levels, self.nats)
        beyond = -np.log(1 - _TAIL) + (wide - self.start) / self.scale
        nats = np.where(wide > self.start, beyond, below)
        return np.where(nats > _BEND, _BEND * (1 + np.log(np.maximum(nats, _BEND) / _BEND)), nats)


class Fusion:
    """The sum of the rarities of all cues, and its own distribution in normal footage.

    Args:
        table: (n, 5), smoothed cues of normal frames in order; a column of NaN is a cue that there is none of.
        seconds: of normal footage that its rows stand for.
        settings: weights.
    """

    def __init__(self, table: Floats, seconds: float, settings: FusionSettings) -> None:
        present = np.array([not np.isnan(column).any() for column in table.T])
        self._rarities = [Rarity.of(table[:, cue], cue) if present[cue] else None for cue in range(len(CUES))]
        self.weights: Floats = np.array([1.0, 1.0, 1.0, settings.look_weight, settings.frame_weight]) * present
        self._seconds = max(seconds, _APART_S)
        self._sums = self.terms(table).sum(axis=1)
        rows = max(1, round(_APART_S * len(table) / self._seconds))
        whole = len(table) // rows * rows
        self._peaks = self._sums[:whole].reshape(-1, rows).max(axis=1)
        largest = np.array([table[:, cue].max() if present[cue] else np.nan for cue in range(len(CUES))])
        largest[list(LOGARITHMS)] += np.log(_SEVERAL)
        motion = [AREA, SPEED, CROWD]
        largest[motion] = _SEVERAL * np.maximum(largest[motion], _LEAST_QUANTILE)
        self._reach = float(self.terms(largest).sum())
        self.typical = float(np.median(self._sums))  # of a normal frame: score 0
        # the sum from there to score 1
        self.unit = max(self.level(settings.reference_rate) - self.typical, 1e-6)

    def term(self, cue: int, values: NDArray[np.floating]) -> Floats:
        """What values of one cue add to the sum, of the same shape."""
        rarity = self._rarities[cue]
        found: Floats = np.zeros(np.shape(values)) if rarity is None else float(self.weights[cue]) * rarity(values)
        return found

    def terms(self, values: Floats) -> Floats:
        """What each cue adds to the sum, (..., 5)."""
        return np.stack([self.term(cue, values[..., cue]) for cue in range(len(CUES))], axis=-1)

    def score(self, terms: Floats) -> Floats:
        """Scores of terms (..., 5): 0 is a typical normal frame, 1 the level of the reference rate."""
        scores: Floats = (terms.sum(axis=-1) - self.typical) / self.unit
        return scores

    def threshold(self, alarms_per_hour: float) -> float:
        """The score that normal footage exceeds so often."""
        return max((self.level(alarms_per_hour) - self.typical) / self.unit, 0.0)

    def level(self, alarms_per_hour: float) -> float:
        """The sum that normal footage exceeds so often: by its values and by its peaks, the larger of both.

        A tail is exponential, known from as many peaks as lie in it and a few more: the predictive distribution, which
        is the heavier the less is known.
        """
        share = min(alarms_per_hour * _APART_S / 3600, 1.0)
        begins = float(np.clip(_PEAKS * _APART_S / self._seconds, min(share, 1 - _TAIL), 1 - _TAIL))
        return min(max(self._level(values, share, begins) for values in (self._sums, self._peaks)), self._reach)

    def expected(self, alarms_per_hour: float) -> float:
        """Alarms an hour to expect at most where so many are asked for: three where none was seen in this footage."""
        return max(alarms_per_hour, 3 * 3600 / self._seconds)

    def _level(self, values: Floats, share: float, begins: float) -> float:
        if share >= begins:
            return float(np.quantile(values, 1 - share))
        start = float(np.quantile(values, 1 - begins))
        known = begins * self._seconds / _APART_S + _PRIOR_PEAKS
        grown: float = known * ((begins / share) ** (1 / known) - 1)
        return start + max(_mean_excess(values, start), _LEAST_EXCESS) * grown


def _mean_excess(values: Floats, start: float) -> float:
    excess = values[values > start] - start
    return float(excess.mean()) if len(excess) else 0.0
