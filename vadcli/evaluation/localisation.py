"""Measures of finding the right place: pixel AUC, the UCSD pixel criterion, regions and tracks (RBDC, TBDC)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vadcli.evaluation.metrics import curve
from vadcli.evaluation.pool import Flags, Floats
from vadcli.footage.opencv import cv2

Maps = NDArray[np.float32]
Masks = NDArray[np.bool_]

COVERED = 0.4  # share of the abnormal pixels that the UCSD criterion asks for
REGION_OVERLAP = 0.1  # intersection over union from which a region is found (Ramachandra and Jones 2020, β)
TRACK_SHARE = 0.1  # share of its regions from which a track is found (α)
_PIXEL_BITS = 12  # low bits of a float32 dropped when pixels are counted
_REGION_BITS = 20  # the same for thresholds of regions: eight an octave are left
_LEVELS = 1 << (31 - _REGION_BITS)
_OCTAVES = 10  # below the highest value of a frame, where thresholds are tried


@dataclass(frozen=True, slots=True)
class LocalisationScores:
    """Figures of where, not only when."""

    frames: int  # frames that had a mask
    pixel_auc: float  # AUC over all pixels of all frames
    pixel_auc_error: float  # most that counting in bins can have moved it
    ucsd_pixel_auc: float  # AUC of frames, an abnormal one found only if 40 % of its abnormal pixels are
    ucsd_pixel_detection: float  # 1 − equal error rate of the same curve
    rbdc: float  # area under found regions over false regions a frame, from 0 to 1 false region
    tbdc: float  # the same for tracks
    regions: int  # abnormal regions in the masks
    tracks: int  # tracks
    tracks_from: str  # "annotation", or "masks linked by overlap"


class PixelCounts:
    """Pixels of any number of frames by score and label, in 16 MiB.

    Nonnegative float32 values are ordered as their bits are: their upper bits are bins of one part in 2^11.
    """

    def __init__(self) -> None:
        self.positive, self.negative = (np.zeros(1 << (32 - _PIXEL_BITS), dtype=np.int64) for _ in range(2))

    def add(self, maps: Maps, masks: Masks) -> None:
        """Count frames: maps (n, H, W), not negative, larger for less normal; masks (n, H, W)."""
        if maps.size and maps.min() < 0:
            raise ValueError(f"error maps are not negative, got {maps.min()}")
        bins = np.ascontiguousarray(maps, dtype=np.float32).view(np.uint32) >> _PIXEL_BITS
        self.positive += np.bincount(bins[masks], minlength=len(self.positive))
        self.negative += np.bincount(bins[~masks], minlength=len(self.negative))

    def auc(self) -> tuple[float, float]:
        """AUC with pixels of one bin counted as ties, and the most it can be off for that."""
        positive, negative = self.positive.astype(np.float64), self.negative.astype(np.float64)
        pairs = positive.sum() * negative.sum()
        tied, won = positive @ negative, positive @ (np.cumsum(negative) - negative)
        return float((won + tied / 2) / pairs), float(tied / 2 / pairs)


def ucsd_frame_scores(maps: Maps, masks: Masks) -> tuple[Flags, Floats]:
    """One number a frame such that a frame AUC over them is the UCSD pixel-level criterion.

    An abnormal frame counts as found at the highest threshold where 40 % of its abnormal pixels are at or above it;
    a normal frame as a false alarm where any pixel is.

    Args:
        maps: (n, H, W), larger for less normal.
        masks: (n, H, W), True where abnormal.

    Returns:
        labels (n,) and scores (n,).
    """
    labels = np.asarray(masks.any(axis=(1, 2)))
    scores = maps.max(axis=(1, 2)).astype(np.float64)
    for number in np.flatnonzero(labels):
        inside = np.sort(maps[number][masks[number]])
        scores[number] = inside[-int(np.ceil(COVERED * len(inside) - 1e-9))]
    return labels, scores


def link_tracks(masks: Masks) -> list[NDArray[np.int32]]:
    """Regions of every frame numbered by track: a region continues the track it shares most pixels with.

    A region that overlaps none of the frame before begins a track; where several claim one track, the one with the
    most shared pixels has it and the others begin their own.

    Args:
        masks: (n, H, W), one clip in order.

    Returns:
        n arrays (H, W), 0 where normal, otherwise the number of the track from 1.
    """
    result: list[NDArray[np.int32]] = []
    tracks = 0
    before = np.zeros(masks.shape[1:], dtype=np.int32)
    for mask in masks:
        count, regions = _components(mask)
        size = int(before.max()) + 1
        shared = np.bincount((regions * size + before).ravel(), minlength=count * size).reshape(count, size)
        shared[0], shared[:, 0] = 0, 0
        track_of = np.zeros(count, dtype=np.int32)
        while shared.any():
            region, track = np.unravel_index(int(shared.argmax()), shared.shape)
            track_of[region] = track
            shared[region], shared[:, track] = 0, 0
        fresh = [region for region in range(1, count) if not track_of[region]]
        track_of[fresh] = np.arange(tracks + 1, tracks + 1 + len(fresh))
        tracks += len(fresh)
        before = track_of[regions]
        result.append(before)
    return result


def _components(mask: NDArray[np.bool_]) -> tuple[int, NDArray[np.int32]]:
    """Number of labels (background included) and the label of every pixel, 8-connected."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return int(count), labels.astype(np.int32, copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class RegionCounts:
    """Counts at each threshold; thresholds are spread evenly over the exponents of float32, so that no unit matters."""

    found_regions: NDArray[np.int64]  # (_LEVELS,), abnormal regions that a detected region overlaps enough
    found_tracks: NDArray[np.int64]  # (_LEVELS,), tracks of which enough regions are found
    false_regions: NDArray[np.int64]  # (_LEVELS,), detected regions that overlap no abnormal region enough
    regions: int  # abnormal regions in all
    tracks: int  # tracks in all
    frames: int  # frames in all

    def rbdc(self) -> float:
        """Region-based detection criterion."""
        return _area(self.false_regions / self.frames, self.found_regions / max(self.regions, 1))

    def tbdc(self) -> float:
        """Track-based detection criterion."""
        return _area(self.false_regions / self.frames, self.found_tracks / max(self.tracks, 1))


def count_regions(maps: Maps, tracks: Sequence[NDArray[np.int32]]) -> RegionCounts:
    """Regions and tracks of one clip that thresholded maps find (Ramachandra and Jones 2020).

    A detected region is a set of pixels at or above the threshold that touch, corners included. Thresholds are tried
    from a frame's highest value down to its median, or ten octaves; lower ones count in it as the last of these.

    Args:
        maps: (n, H, W), not negative, larger for less normal.
        tracks: n arrays (H, W), 0 where normal, otherwise the number of the track.
    """
    numbers = np.unique([track for frame in tracks for track in np.unique(frame) if track]).astype(np.int64)
    found_regions, false_regions = (np.zeros(_LEVELS, dtype=np.int64) for _ in range(2))
    hits = np.zeros((_LEVELS, len(numbers)), dtype=np.int64)
    sizes = np.zeros(len(numbers), dtype=np.int64)
    for values, truth in zip(maps, tracks, strict=True):
        present = np.unique(truth[truth > 0])
        places = np.searchsorted(numbers, present)
        sizes[places] += 1
        local = np.searchsorted(np.append(0, present), truth)  # 0 normal, then 1.. within this frame
        levels = _levels(values)
        highest, median = int(levels.max()), int(np.median(levels))
        pixels = np.bincount(levels.ravel(), minlength=_LEVELS)
        lowest = max(median, highest - (_OCTAVES << (23 - _REGION_BITS)), 1)  # nothing is detected where a map is 0
        found, false = np.zeros(len(present), dtype=np.bool_), 0
        for level in range(highest, lowest - 1, -1):
            if pixels[level]:
                found, false = _match(levels >= level, local, len(present) + 1)
            reached = slice(level, level + 1) if level > lowest else slice(1, level + 1)
            found_regions[reached] += np.count_nonzero(found)
            false_regions[reached] += false
            hits[reached, places] += found
    found_tracks = np.count_nonzero(hits >= np.maximum(TRACK_SHARE * sizes, 1e-9), axis=1)
    return RegionCounts(found_regions, found_tracks, false_regions, int(sizes.sum()), len(numbers), len(maps))


def _levels(values: Maps) -> NDArray[np.int64]:
    """The highest threshold that each value reaches, as its index."""
    return (np.ascontiguousarray(values, dtype=np.float32).view(np.uint32) >> _REGION_BITS).astype(np.int64)


def _match(detected: NDArray[np.bool_], truth: NDArray[np.int64], count: int) -> tuple[NDArray[np.bool_], int]:
    """(count − 1,) whether each true region is found, and how many detected regions are false."""
    labels, regions = _components(detected)
    shared = np.bincount((regions * count + truth).ravel(), minlength=labels * count).reshape(labels, count)
    union = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    enough = (shared[1:, 1:] >= REGION_OVERLAP * union[1:, 1:]) & (shared[1:, 1:] > 0)
    return enough.any(axis=0), int(np.count_nonzero(~enough.any(axis=1)))


def total(counts: Sequence[RegionCounts]) -> RegionCounts:
    """Counts of several clips, added."""
    names = [field.name for field in fields(RegionCounts)]
    return RegionCounts(**{name: sum(getattr(clip, name) for clip in counts) for name in names})


def _area(false_rate: Floats, found_rate: Floats) -> float:
    """Area under the best found rate that is reachable with at most x false regions a frame, x from 0 to 1.

    Neither rate is monotone in the threshold (regions merge as it falls), so the curve is the upper envelope of
    the operating points, joined by straight lines, and flat beyond the last one.
    """
    order = np.lexsort((-found_rate, false_rate))
    x, y = false_rate[order], np.maximum.accumulate(found_rate[order])
    first = np.concatenate([[True], np.diff(x) > 0])  # of equal false rates, the best
    last = np.concatenate([first[1:], [True]])
    x, y = np.concatenate([[0.0], x[last]]), np.concatenate([[y[x == 0].max(initial=0.0)], y[last]])
    grid = np.concatenate([x[x < 1], [1.0]])
    return float(np.trapezoid(np.interp(grid, x, y), grid))


class Localiser:
    """All figures of where, over clips that are added one after the other; maps of any kind and unit."""

    def __init__(self) -> None:
        self.pixels, self.regions = PixelCounts(), list[RegionCounts]()
        self.labels, self.scores = list[Flags](), list[Floats]()

    def add(self, maps: Maps, masks: Masks, regions: Maps | None = None) -> None:
        """Count one clip.

        Args:
            maps: (n, H, W), not negative, larger for less normal.
            masks: (n, H, W), True where abnormal.
            regions: (n, H, W), detected regions painted with their scores, in place of thresholded maps.
        """
        self.pixels.add(maps, masks)
        labels, scores = ucsd_frame_scores(maps, masks)
        self.labels.append(labels)
        self.scores.append(scores)
        self.regions.append(count_regions(maps if regions is None else regions, link_tracks(masks)))

    def scores_of_all(self) -> LocalisationScores | None:
        """Figures of the maps so far; None unless they have both abnormal and normal frames."""
        labels = np.concatenate(self.labels)
        if labels.all() or not labels.any():
            return None
        area, error = self.pixels.auc()
        every, points = total(self.regions), curve(labels, np.concatenate(self.scores))
        return LocalisationScores(
            frames=every.frames,
            pixel_auc=area,
            pixel_auc_error=error,
            ucsd_pixel_auc=points.auc,
            ucsd_pixel_detection=1 - points.equal_error_rate,
            rbdc=every.rbdc(),
            tbdc=every.tbdc(),
            regions=every.regions,
            tracks=every.tracks,
            tracks_from="masks linked by overlap",
        )
