"""A scene's normal footage under every set of weights: errors to calibrate on, and what is usual at each place."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vadcli.progress import Progress
from vadcli.scoring.errors import FEATURE_PEAK, FRAME_PEAK, ErrorMaps, block_means, largest_patch
from vadcli.scoring.scene import Features, learn_scene
from vadcli.trials.bank import Bank, Errors, Key, SceneUsual, scene_errors_of
from vadcli.trials.support import SceneFootage

Normal = tuple[list[Errors], float]


def normal_errors(
    bank: Bank, keys: Sequence[Key], footage: SceneFootage | None, progress: Progress
) -> tuple[dict[Key, Normal], dict[Key, SceneUsual]]:
    """Errors of a scene's normal footage, relative to what is usual there.

    Args:
        bank: weights.
        keys: which of them.
        footage: of the scene; None where there is none.
        progress: counts windows.

    Returns:
        for every key its clips' errors and their frame rate, and what is usual.
    """
    if footage is None:
        taught = {key: SceneUsual({}, bank.taught[key]) for key in keys if key in bank.taught}
        return {key: ([], 0.0) for key in keys}, taught
    parts = [_Part(bank.settings.score.pool) for _ in footage.calibration]
    for part, of_part in zip(parts, footage.calibration, strict=True):
        part.errors = bank.errors(of_part, keys, progress, part.keep)
    fps = footage.calibration[0].clip.fps
    usual = {key: _usual(key, parts, bank) for key in keys}
    return {key: ([part.errors[key] for part in parts], fps) for key in keys}, usual


class _Part:
    """A stretch of normal footage.

    Attributes:
        errors: under each set of weights.
        blocks: coarse maps, by weights and by name of the peak error.
        features: by weights.
    """

    def __init__(self, pool: int) -> None:
        self.pool = pool
        self.errors: dict[Key, Errors] = {}
        self.blocks: dict[Key, dict[str, list[Tensor]]] = {}
        self.features: dict[Key, list[Features]] = {}

    def keep(self, key: Key, first: int, maps: ErrorMaps, features: Features) -> None:
        """Coarse maps and features of a batch."""
        mine = self.blocks.setdefault(key, {})
        for name, values in ((FRAME_PEAK, maps.frame), (FEATURE_PEAK, maps.feature)):
            if values is not None:
                mine.setdefault(name, []).append(block_means(values, self.pool))
        self.features.setdefault(key, []).append(features)


def _usual(key: Key, parts: Sequence[_Part], bank: Bank) -> SceneUsual:
    """The usual errors under one set of weights; the parts' errors are made relative to them."""
    clips = [{name: torch.cat(batches) for name, batches in part.blocks[key].items()} for part in parts]
    means = {name: torch.cat([clip[name] for clip in clips]).mean(0) for name in clips[0]}
    peaks = {name: values - values.mean() for name, values in means.items()}
    for part, clip in zip(parts, clips, strict=True):
        for name, values in clip.items():
            part.errors[key][name] = largest_patch(values, peaks[name]).double().cpu().numpy()
    seen = np.concatenate([batch for part in parts for batch in part.features[key]])
    if bank.settings.eval.scene_from == "support":
        support = bank.taught.get(key)
        learned = None if support is None else (support, support.distances(seen))
    else:
        learned = learn_scene(seen)
    if learned is None:
        return SceneUsual(peaks, None)
    counts = [sum(map(len, part.features[key])) for part in parts]
    for part, distances in zip(parts, np.split(learned[1], np.cumsum(counts)[:-1]), strict=True):
        part.errors[key] |= scene_errors_of(distances)
    return SceneUsual(peaks, learned[0])
