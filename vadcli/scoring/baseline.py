"""What is normal at a camera, by row and by place, learned from normal footage in bounded memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vadcli.scoring.cues import LOOK_CHANNELS, ROWS, SMALL, WIDE, CueMaps, Map, window_means

Floats = NDArray[np.float64]

MOVERS = 0.1  # share of moving pixels from which a window counts as a mover
_AMONG_MOVERS, _OF_ALL = 0.9, 0.995  # quantiles of a row
_ENOUGH = 20  # movers of a row, below which the whole picture's quantile is taken
_SMOOTHED_ROWS = 5
_LEAST_SHARE = 0.1  # of the picture's quantile, or of the largest row
_LEAST_SCALE = 1e-3
_HABIT_S = 1200.0  # time constant with which the mean look follows what is seen
_ANEW_S = 1.0  # that a look counts for which is taken up at once
_PARTS = 10  # of the normal looks; the distances of each are from what the others taught
_PRIOR, _RIDGE, _STILL = 0.1, 1e-3, 1e-6  # of the covariance: weight of the spread between places, and its diagonal


class Windows:
    """Maps of the motion cues of one frame: small windows of area and speed, wide windows of speed."""

    __slots__ = ("area", "crowd", "speed")

    def __init__(self, cues: CueMaps) -> None:
        self.area = window_means(cues.area, SMALL)
        self.speed = window_means(cues.speed, SMALL)
        self.crowd = window_means(cues.speed, WIDE)


@dataclass(frozen=True, eq=False)
class RowScales:
    """Normal values of each row of windows, by which maps are divided."""

    area: Map  # (30, 1), the 0.9 quantile among movers
    speed: Map  # (30, 1), the same
    crowd: Map  # (24, 1), the 0.995 quantile of all windows


class RowHistograms:
    """Values of each row in logarithmic bins, two per cent wide: quantiles of any amount of footage."""

    _LEAST, _RATIO, _BINS = 1e-3, 1.02, 700  # up to some 1,000 pixels

    def __init__(self, rows: int) -> None:
        self.counts = np.zeros((rows, self._BINS), np.int64)

    def add(self, values: Map, chosen: NDArray[np.bool_] | None = None) -> None:
        """Count values (rows, n), or the chosen ones."""
        rows = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
        if chosen is not None:
            values, rows = values[chosen], rows[chosen]
        steps = np.log(np.maximum(values, self._LEAST) * np.float32(1 / self._LEAST)) / np.log(self._RATIO)
        bins = np.minimum(np.ceil(steps), self._BINS - 1).astype(np.int64)
        np.add(self.counts, np.bincount((rows * self._BINS + bins).ravel(), minlength=self.counts.size).reshape(
            self.counts.shape), out=self.counts)  # fmt: skip

    def quantiles(self, share: float) -> Floats:
        """(rows,), the level that this share of a row's values lies below; 0 for an empty row."""
        return np.array([self._quantile(row, share) for row in self.counts])

    def quantile(self, share: float) -> float:
        """The same of all rows together."""
        return self._quantile(self.counts.sum(0), share)

    def _quantile(self, row: NDArray[np.int64], share: float) -> float:
        below = np.cumsum(row)
        if not below[-1]:
            return 0.0
        number = int(np.searchsorted(below, share * (below[-1] - 1), side="right"))
        return 0.0 if number == 0 else self._LEAST * self._RATIO ** (number - 0.5)


class MotionNormal:
    """The motion of normal footage, row by row; what two of them counted can be added up."""

    def __init__(self) -> None:
        small, wide = ROWS - SMALL + 1, ROWS - WIDE + 1
        self.area, self.speed, self.crowd = RowHistograms(small), RowHistograms(small), RowHistograms(wide)

    def add(self, windows: Windows) -> None:
        """The next frame."""
        moving = windows.area > MOVERS
        if moving.any():
            self.area.add(windows.area, moving)
            self.speed.add(windows.speed, moving)
        self.crowd.add(windows.crowd)

    @classmethod
    def of(cls, parts: Iterable["MotionNormal"]) -> "MotionNormal":
        """All that several of them counted."""
        whole = cls()
        for part in parts:
            for own, other in ((whole.area, part.area), (whole.speed, part.speed), (whole.crowd, part.crowd)):
                own.counts += other.counts
        return whole

    def scales(self) -> RowScales:
        """What the maps of other frames are divided by."""
        return RowScales(_among_movers(self.area), _among_movers(self.speed), _of_all(self.crowd))


def _among_movers(rows: RowHistograms) -> Map:
    """Quantiles that do not fall from row to row downwards: what is nearer is larger and faster."""
    from sklearn.isotonic import IsotonicRegression

    counts = rows.counts.sum(1)
    every = max(rows.quantile(_AMONG_MOVERS), _LEAST_SCALE)
    values = np.where(counts > _ENOUGH, rows.quantiles(_AMONG_MOVERS), every)
    rising = IsotonicRegression().fit_transform(np.arange(len(values)), values, sample_weight=counts + 1e-3)
    return _column(np.maximum(_smoothed(rising), _LEAST_SHARE * every))


def _of_all(rows: RowHistograms) -> Map:
    smoothed = _smoothed(rows.quantiles(_OF_ALL))
    return _column(smoothed + _LEAST_SHARE * max(float(rows.quantiles(_OF_ALL).max()), _LEAST_SCALE))


def _smoothed(values: Floats) -> Floats:
    edge = _SMOOTHED_ROWS // 2
    return np.convolve(np.pad(values, edge, mode="edge"), np.full(_SMOOTHED_ROWS, 1 / _SMOOTHED_ROWS), "valid")


def _column(values: Floats) -> Map:
    return values.astype(np.float32)[:, None]


@dataclass(frozen=True, eq=False)
class LookNormal:
    """The normal look of every place."""

    mean: Map  # (h, w, 7)
    whitening: Map  # (7, 7), W with W Wᵀ the inverse of the one covariance around `mean` that all places share

    def distances(self, look: NDArray[np.floating], mean: Map | None = None) -> Map:
        """Squared Mahalanobis distance a channel of a look (h, w, 7), (h, w): 1 on the average of normal footage."""
        apart = np.asarray(look, np.float32) - (self.mean if mean is None else mean)
        return np.asarray(np.square(apart @ self.whitening).mean(-1), np.float32)


@dataclass(frozen=True, eq=False)
class LookSums:
    """Sums over looks, of which means and covariances are made."""

    count: int  # how many
    first: Floats  # (h, w, 7), the sum of looks
    second: Floats  # (7, 7), the sum of products of channels over looks and places

    @classmethod
    def of(cls, looks: NDArray[np.float16]) -> Self:
        """Of looks (n, h, w, 7)."""
        wide = looks.astype(np.float64)
        flat = wide.reshape(-1, LOOK_CHANNELS)
        return cls(len(looks), wide.sum(axis=0), flat.T @ flat)

    def without(self, other: Self) -> "LookSums":
        """Of the looks that are not `other`'s."""
        return LookSums(self.count - other.count, self.first - other.first, self.second - other.second)

    def normal(self) -> LookNormal:
        """What the looks teach; one is enough."""
        mean = self.first / self.count
        flat = mean.reshape(-1, LOOK_CHANNELS)
        within = self.second - self.count * flat.T @ flat
        between = np.cov(flat.T) if len(flat) > 1 else np.eye(LOOK_CHANNELS)
        covariance = (within / len(flat) + _PRIOR * between) / (self.count + _PRIOR)
        values, vectors = np.linalg.eigh(covariance)
        values = np.maximum(values, 0) + _RIDGE * max(values.mean(), 0) + _STILL
        return LookNormal(mean.astype(np.float32), (vectors / np.sqrt(values)).astype(np.float32))


def held_out_looks(looks: NDArray[np.float16]) -> tuple[LookNormal, Floats]:
    """The normal look of all looks (n, h, w, 7), and the strangeness of each by what the other parts taught, (n,)."""
    parts = np.array_split(np.arange(len(looks)), min(_PARTS, len(looks)))
    sums = [LookSums.of(looks[part]) for part in parts]
    first, second = (np.sum([getattr(part, name) for part in sums], axis=0) for name in ("first", "second"))
    whole = LookSums(len(looks), first, second)
    strange = np.empty(len(looks))
    for part, own in zip(parts, sums, strict=True):
        others = (whole.without(own) if len(parts) > 1 else whole).normal()
        strange[part] = [strangeness(others.distances(look)) for look in looks[part]]
    return whole.normal(), strange


def strangeness(distances: Map) -> float:
    """The look cue: the logarithm of the largest mean distance of a window."""
    return float(np.log(window_means(distances, SMALL).max() + 1e-6))


class LookFollower:
    """The mean look as it gets used to what it sees, within some twenty minutes."""

    def __init__(self, normal: LookNormal) -> None:
        self._normal, self.mean = normal, normal.mean
        self._before_s: float | None = None
        self._known_s = _HABIT_S  # footage that the mean is of

    def distances(self, look: NDArray[np.floating]) -> Map:
        """Distances of a look from the mean, (h, w)."""
        return self._normal.distances(look, self.mean)

    def follow(self, look: NDArray[np.floating], time_s: float) -> None:
        """Take the next frame's look."""
        step_s = 0.0 if self._before_s is None else min(max(0.0, time_s - self._before_s), _HABIT_S)
        self._before_s = time_s
        self._known_s = min(self._known_s + step_s, _HABIT_S)
        self.mean = self.mean + _share(step_s, self._known_s) * (np.asarray(look, np.float32) - self.mean)

    def begin_anew(self, look: NDArray[np.floating]) -> None:
        """Take a look for the usual one, until more was seen: the whole view has changed."""
        self.mean, self._known_s = np.asarray(look, np.float32), _ANEW_S


def _share(step_s: float, constant_s: float) -> np.float32:
    return np.float32(-np.expm1(-step_s / constant_s))


@dataclass(frozen=True, eq=False)
class Baseline:
    """What is normal at a camera: of rows among movers, and of every place's look."""

    rows: RowScales
    look: LookNormal
