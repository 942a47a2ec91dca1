from collections import Counter

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from vadcli.evaluation.localisation import PixelCounts, count_regions, link_tracks, ucsd_frame_scores


def box(rows, columns, size=(20, 20)):
    mask = np.zeros(size, dtype=bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def test_pixel_auc_agrees_with_scikit_learn_within_its_own_bound():
    random = np.random.default_rng(0)
    masks = random.random((5, 30, 40)) < 0.2
    maps = (random.lognormal(size=masks.shape) * np.where(masks, 1.5, 1)).astype(np.float32)
    counts = PixelCounts()
    counts.add(maps[:2], masks[:2])
    counts.add(maps[2:], masks[2:])
    area, error = counts.auc()
    assert error < 1e-3
    assert area == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=error)


def test_a_threshold_finds_a_frame_exactly_when_forty_percent_of_its_abnormal_pixels_are_above():
    random = np.random.default_rng(4)
    mask = random.random((2, 8, 8)) < 0.4
    mask[1] = False
    maps = random.random((2, 8, 8)).astype(np.float32)
    labels, scores = ucsd_frame_scores(maps, mask)
    assert labels.tolist() == [True, False] and scores[1] == maps[1].max()
    for threshold in np.linspace(0, 1, 101):
        assert (scores[0] >= threshold) == ((maps[mask] >= threshold).mean() >= 0.4)


def test_a_moving_region_is_one_track_and_a_jump_begins_another():
    masks = np.stack([box((2, 8), (2, 8)), box((2, 8), (5, 11)), box((2, 8), (8, 14)), box((15, 19), (0, 4))])
    assert [frame.max() for frame in link_tracks(masks)] == [1, 1, 1, 2]
    joined, parted = box((0, 10), (0, 10)), box((0, 10), (0, 7)) | box((0, 10), (8, 10))
    after = link_tracks(np.stack([joined, parted]))[1]
    assert (after[0, 0], after[0, 9]) == (1, 2), "the larger overlap has the track"


def at(values, level):
    """The count at the threshold that is exactly `level`, a power of two or such."""
    return int(values[np.float32(level).view(np.uint32) >> 20])


def literal_counts(maps, tracks, threshold):
    """Found regions, regions found by track, and false regions, pair by pair and from the definition."""
    found, false, of_track = 0, 0, Counter()
    for values, truth in zip(maps, tracks, strict=True):
        labels, count = ndimage.label(values >= threshold, structure=np.ones((3, 3)))
        detected = [labels == number for number in range(1, count + 1)]
        abnormal = {number: truth == number for number in np.unique(truth) if number}

        def overlap(a, b):
            return (a & b).sum() / (a | b).sum()

        for number, region in abnormal.items():
            hit = any(overlap(region, other) >= 0.1 for other in detected)
            found, of_track[number] = found + hit, of_track[number] + hit
        false += sum(all(overlap(region, other) < 0.1 for region in abnormal.values()) for other in detected)
    return found, of_track, false


def literal_area(points):
    """Area from 0 to 1 false region a frame under the best that is found with as many false regions or fewer."""
    best, curve = 0.0, [(0.0, max([y for x, y in points if x == 0], default=0.0))]
    for x in sorted({x for x, _ in points if x > 0}):
        best = max(y for other, y in [*points, curve[0]] if other <= x)
        curve.append((x, best))
    grid = np.linspace(0, 1, 20001)
    return float(np.interp(grid, *zip(*curve, strict=True)).mean())


@pytest.mark.parametrize("unit", [1.0, 1e-5, 4096.0])
@pytest.mark.parametrize("seed", range(4))
def test_regions_and_tracks_agree_with_their_definition_in_any_unit(seed, unit):
    random = np.random.default_rng(seed)
    centres = np.array([[4, 4], [14, 15]]) + np.cumsum(random.integers(-1, 2, (6, 2, 2)), axis=0)
    masks = np.zeros((6, 20, 20), bool)
    for mask, frame in zip(masks[1:], centres[1:], strict=True):
        for row, column in frame:
            mask[row - 2 : row + 3, column - 1 : column + 3] = True
    raw = ndimage.gaussian_filter(random.random(masks.shape) + 1.2 * np.roll(masks, 1, axis=1), (0, 1.2, 1.2))
    maps = np.float32(unit) * 2.0 ** np.round(12 * (raw - raw.min()) / np.ptp(raw) - 6).astype(np.float32)
    tracks = link_tracks(masks)
    counts, sizes = count_regions(maps, tracks), Counter(t for frame in tracks for t in np.unique(frame) if t)
    rbdc, tbdc = [(0.0, 0.0)], [(0.0, 0.0)]
    assert (counts.regions, counts.tracks) == (sum(sizes.values()), len(sizes))
    for threshold in np.unique(maps)[::-1]:
        found, of_track, false = literal_counts(maps, tracks, threshold)
        tracked = sum(of_track[number] >= 0.1 * size for number, size in sizes.items())
        rbdc.append((false / 6, found / counts.regions))
        tbdc.append((false / 6, tracked / counts.tracks))
        if all(threshold >= np.median(values) for values in maps):
            assert (at(counts.found_regions, threshold), at(counts.false_regions, threshold)) == (found, false)
            assert at(counts.found_tracks, threshold) == tracked
    assert 0 < counts.rbdc() == pytest.approx(literal_area(rbdc), abs=2e-4)
    assert 0 < counts.tbdc() == pytest.approx(literal_area(tbdc), abs=2e-4)
