"""Intervals of an AUC: clips are resampled, since the frames of one clip are not independent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from vadcli.evaluation.metrics import micro_auc, placements
from vadcli.evaluation.pool import Floats, Indices, Pool

MOST_CLIPS = 1000  # beyond this many the clips × clips matrix costs more than the linear interval is off
_BLOCK = 64
_CHUNK = 1 << 21


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval and how it was made."""

    low: float  # lower end
    high: float  # upper end
    method: str  # "bootstrap over clips", or "linear over clips" (infinitesimal jackknife) for very many


def wins(data: Pool) -> Floats:
    """(C, C), abnormal frames of clip i against normal frames of clip j: how many pairs are ranked rightly.

    Ties count half. The AUC of any multiset of clips w is (w·A·w) / ((w·P)(w·N)), so one such matrix gives
    every resample of clips without looking at a frame again.
    """
    clips = data.clip_of
    ties_last = np.lexsort((~data.labels, data.scores))  # abnormal first among equals: equals do not count
    ties_first = np.lexsort((data.labels, data.scores))  # normal first among equals: equals count
    count = len(data.names)
    return (
        _ordered_wins(clips[ties_last], data.labels[ties_last], count)
        + _ordered_wins(clips[ties_first], data.labels[ties_first], count)
    ) / 2


def _ordered_wins(clips: Indices, positive: NDArray[np.bool_], count: int) -> Floats:
    """(C, C), pairs (abnormal of i, normal of j) where the normal one comes earlier in the given order.

    Pairs in different blocks of the order are one matrix product of the blocks' counts; pairs within a block
    are counted one distance at a time. Cost: n/64·C² products and 32·n steps; memory bounded by a chunk.
    """
    result = np.zeros((count, count))
    before = np.zeros(count)
    rows = max(1, _CHUNK // max(count, _BLOCK))
    for start in range(0, len(clips), rows * _BLOCK):
        own, flags = clips[start : start + rows * _BLOCK], positive[start : start + rows * _BLOCK]
        blocks = -(-len(own) // _BLOCK)
        cell = np.arange(len(own)) // _BLOCK * count + own
        positives = np.bincount(cell[flags], minlength=blocks * count).reshape(blocks, count).astype(np.float64)
        negatives = np.bincount(cell[~flags], minlength=blocks * count).reshape(blocks, count).astype(np.float64)
        earlier = np.cumsum(negatives, axis=0) - negatives + before
        result += positives.T @ earlier
        before = earlier[-1] + negatives[-1]
        inner = np.zeros(count * count, dtype=np.int64)
        position = np.arange(len(own)) % _BLOCK
        for distance in range(1, min(_BLOCK, len(own))):
            pair = flags[distance:] & ~flags[:-distance] & (position[distance:] >= distance)
            inner += np.bincount(own[distance:][pair] * count + own[:-distance][pair], minlength=count * count)
        result += inner.reshape(count, count)
    return result


def influences(data: Pool) -> Floats:
    """(C,), first-order change of the micro AUC for one more copy of each clip, times one; they sum to 0.

    The variance of the AUC over clips is about Σ influence²; of a difference of two results on the same
    clips, Σ (difference of influences)². One number a clip is all that a later comparison needs.
    """
    per_frame = placements(data.labels, data.scores)
    clips, count = data.clip_of, len(data.names)
    positives, negatives = data.abnormal, data.lengths - data.abnormal
    pairs = float(positives.sum()) * float(negatives.sum())
    won = np.bincount(clips, weights=per_frame, minlength=count)  # as owner of either side of a pair
    area = per_frame[data.labels].sum() / pairs
    effect: Floats = won / pairs - area * (positives / positives.sum() + negatives / negatives.sum())
    return effect


def interval(data: Pool | Sequence[Pool], resamples: int, seed: int) -> Interval | None:
    """95 % interval of the micro AUC, or of its mean over several scorings of the same clips.

    Args:
        data: scored clips; several where a support was drawn several times.
        resamples: how many multisets of C clips are drawn.
        seed: of the draws; the same clips and seed give the same draws, whatever the scores.

    Returns:
        None for fewer than two clips, whose spread nothing tells.
    """
    every = [data] if isinstance(data, Pool) else list(data)
    count = len(every[0].names)
    if count < 2:
        return None
    if count > MOST_CLIPS:
        return _linear(every)
    weights = draw_weights(count, resamples, seed)
    positives = weights @ every[0].abnormal
    pairs = positives * (weights @ every[0].lengths - positives)
    usable = pairs > 0
    if usable.sum() < 2:
        return None
    won = sum((np.einsum("bi,bi->b", weights @ wins(one), weights) for one in every), start=np.zeros(resamples))
    low, high = np.quantile(won[usable] / pairs[usable] / len(every), [0.025, 0.975])
    return Interval(float(low), float(high), "bootstrap over clips")


def draw_weights(count: int, resamples: int, seed: int) -> Floats:
    """(resamples, C), how often each clip is drawn."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)


def _linear(every: Sequence[Pool]) -> Interval:
    area = float(np.mean([micro_auc(data) for data in every]))
    effect: Floats = np.mean([influences(data) for data in every], axis=0)
    margin = spread(effect) * float(norm.ppf(0.975))
    return Interval(max(0.0, area - margin), min(1.0, area + margin), "linear over clips")


def spread(influence: Floats) -> float:
    """Standard error over clips of the AUC (or difference of AUCs) with these influences."""
    count = len(influence)
    if count < 2:
        return float("nan")
    return float(np.sqrt(count / (count - 1) * np.sum((influence - influence.mean()) ** 2)))


def difference_interval(ours: dict[str, float], theirs: dict[str, float]) -> tuple[float, bool] | None:
    """Half width of the 95 % interval of the difference of two micro AUCs.

    Returns:
        (half width, whether it is paired): paired when both have the same clips, otherwise as if independent,
        which is wider; None for fewer than two clips.
    """
    if min(len(ours), len(theirs)) < 2:
        return None
    paired = set(ours) == set(theirs)
    if paired:
        error = spread(np.array([ours[name] - theirs[name] for name in sorted(ours)]))
    else:
        error = float(np.hypot(spread(np.array(list(ours.values()))), spread(np.array(list(theirs.values())))))
    return error * float(norm.ppf(0.975)), paired
