"""Intervals of an AUC: clips are resampled, since the frames of one clip are not independent."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from vadcli.evaluation.metrics import micro_auc, placements
from vadcli.evaluation.pool import Floats, Pool

MOST_CLIPS = 1000  # beyond this many the clips × clips matrix costs more than the linear interval is off


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval and how it was made."""

    low: float  # lower end
    high: float  # upper end
    method: str  # "bootstrap over clips", or "linear over clips" (infinitesimal jackknife) for very many


def wins(data: Pool) -> Floats:
    """(C, C), abnormal frames of clip i against normal frames of clip j: pairs that are ranked rightly, ties half.

    The AUC of any multiset of clips w is (w·A·w) / ((w·P)(w·N)), so one such matrix gives every resample of clips.
    """
    clips, count = data.clip_of, len(data.names)
    abnormal, owners = data.scores[data.labels], clips[data.labels]
    columns = []
    for clip in range(count):
        normal = np.sort(data.scores[(clips == clip) & ~data.labels])
        below = np.searchsorted(normal, abnormal, "left") + np.searchsorted(normal, abnormal, "right")
        columns.append(np.bincount(owners, weights=below / 2, minlength=count))
    return np.stack(columns, axis=1)


def influences(data: Pool) -> Floats:
    """(C,), first-order change of the micro AUC for one more copy of each clip, times one; they sum to 0.

    The variance of the AUC over clips is about Σ influence²; of a difference of two results on the same
    clips, Σ (difference of influences)². One number a clip is all that a later comparison needs.
    """
    per_frame = placements(data.labels, data.scores)
    positives, negatives = data.abnormal, data.lengths - data.abnormal
    pairs = float(positives.sum()) * float(negatives.sum())
    won = np.bincount(data.clip_of, weights=per_frame, minlength=len(data.names))  # as owner of either side of a pair
    area = per_frame[data.labels].sum() / pairs
    effect: Floats = won / pairs - area * (positives / positives.sum() + negatives / negatives.sum())
    return effect


def interval(data: Pool, resamples: int, seed: int) -> Interval | None:
    """95 % interval of the micro AUC over multisets of the clips; None for fewer than two, whose spread nothing tells.

    The same clips and seed give the same draws, whatever the scores.
    """
    count = len(data.names)
    if count < 2:
        return None
    if count > MOST_CLIPS:
        margin, area = spread(influences(data)) * float(norm.ppf(0.975)), micro_auc(data)
        return Interval(max(0.0, area - margin), min(1.0, area + margin), "linear over clips")
    weights = draw_weights(count, resamples, seed)
    positives = weights @ data.abnormal
    pairs = positives * (weights @ data.lengths - positives)
    usable = pairs > 0
    if usable.sum() < 2:
        return None
    won = np.einsum("bi,bi->b", weights @ wins(data), weights)
    low, high = np.quantile(won[usable] / pairs[usable], [0.025, 0.975])
    return Interval(float(low), float(high), "bootstrap over clips")


def draw_weights(count: int, resamples: int, seed: int) -> Floats:
    """(resamples, C), how often each clip is drawn."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)


def spread(influence: Floats) -> float:
    """Standard error over two clips or more of the AUC, or difference of AUCs, with these influences."""
    count = len(influence)
    return float(np.sqrt(count / (count - 1) * np.sum((influence - influence.mean()) ** 2)))


def difference_interval(ours: dict[str, float], theirs: dict[str, float]) -> tuple[float, bool] | None:
    """Half width of the 95 % interval of the difference of two micro AUCs, from influences by clip.

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
