"""Ranking of abnormal frames above normal ones: AUC over all frames or the mean over clips, AP, EER, recall."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from vadcli.evaluation.pool import Flags, Floats, Pool

FALSE_POSITIVE_RATES = (0.01, 0.05, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Operating points from the highest threshold to the lowest."""

    thresholds: Floats  # (m,), a frame is called abnormal from here up; the first is infinite
    recall: Floats  # (m,), share of abnormal frames that are called abnormal (true positive rate)
    false_positive_rate: Floats  # (m,), share of normal frames that are
    precision: Floats  # (m,), share of frames called abnormal that are; 1 where none is
    auc: float  # area under recall over false positive rate, every distinct score a point
    average_precision: float  # Σ (recall_i − recall_{i−1}) precision_i, without interpolation (AP)

    @property
    def equal_error_rate(self) -> float:
        """The rate at which false positives and misses cross, straight between points (EER)."""
        before, after = self._crossing - 1, self._crossing
        share = -self._excess[before] / (self._excess[after] - self._excess[before])
        rate = self.false_positive_rate
        return float(rate[before] + share * (rate[after] - rate[before]))

    @property
    def equal_error_threshold(self) -> float:
        """The threshold of the first point past the crossing."""
        return float(self.thresholds[self._crossing])

    @property
    def _excess(self) -> Floats:
        """False positive rate over miss rate, from -1 to 1."""
        return self.false_positive_rate - (1 - self.recall)

    @property
    def _crossing(self) -> int:
        return int(np.argmax(self._excess >= 0))

    def recall_at(self, false_positive_rate: float) -> float:
        """Largest recall with no more than that share of normal frames called abnormal."""
        reached = np.searchsorted(self.false_positive_rate, false_positive_rate, side="right") - 1
        return float(self.recall[reached])

    def false_positive_rate_at(self, recall: float) -> float:
        """Share of normal frames called abnormal at `threshold_at(recall)`."""
        return float(self.false_positive_rate[np.searchsorted(self.recall, recall - 1e-12)])

    def threshold_at(self, recall: float) -> float:
        """Highest threshold that calls at least that share of abnormal frames abnormal."""
        return float(self.thresholds[np.searchsorted(self.recall, recall - 1e-12)])


def curve(labels: Flags, scores: Floats) -> Curve:
    """All operating points of pooled frames.

    Args:
        labels: (n,), True where abnormal, both kinds present.
        scores: (n,), larger means less normal.
    """
    rate, recall, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    precision = precision_recall_curve(labels, scores)[0][::-1]  # from the lowest threshold up
    average = float(average_precision_score(labels, scores))
    return Curve(thresholds, recall, rate, precision, auc(labels, scores), average)


def placements(labels: Flags, scores: Floats) -> Floats:
    """Frames of the other kind that each frame is rightly ranked against, ties counting half.

    Args:
        labels: (n,), True where abnormal.
        scores: (n,), larger means less normal.

    Returns:
        (n,): for an abnormal frame the normal ones below it, for a normal frame the abnormal ones above it.
    """
    result = np.empty(len(scores))
    for kind in (labels, ~labels):
        others = np.sort(scores[~kind])
        below = np.searchsorted(others, scores[kind], "left") + np.searchsorted(others, scores[kind], "right")
        result[kind] = below / 2
    result[~labels] = labels.sum() - result[~labels]
    return result


def auc(labels: Flags, scores: Floats) -> float:
    """Share of pairs of an abnormal and a normal frame that are ranked rightly; NaN for frames of one kind only."""
    both = labels.any() and not labels.all()
    return float(roc_auc_score(labels, scores)) if both else float("nan")


def micro_auc(data: Pool) -> float:
    """AUC over all frames of all clips pooled (micro)."""
    return auc(data.labels, data.scores)


def clip_aucs(data: Pool) -> Floats:
    """(C,), AUC within every clip; NaN for a clip of one kind only, which has none."""
    return np.array([auc(data.labels[begin:end], data.scores[begin:end]) for begin, end in pairwise(data.offsets)])


def scene_aucs(data: Pool) -> dict[str, float | None]:
    """AUC over the pooled frames of each scene, in the order of their clips; None for frames of one kind only."""
    of_frame = np.array(data.scenes)[data.clip_of]
    by_scene = {name: of_frame == name for name in dict.fromkeys(data.scenes)}
    return {name: mean_or_none(np.array([auc(data.labels[at], data.scores[at])])) for name, at in by_scene.items()}


def mean_or_none(values: NDArray[np.floating]) -> float | None:
    """Mean of the values that are not NaN, or None when there is none."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else None
