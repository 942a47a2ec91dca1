"""A scene's normal footage under every set of weights: errors to calibrate on, and what is usual at each place."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vadcli.progress import Progress
from vadcli.scoring.errors import FEATURE_PEAK, FRAME_PEAK, ErrorMaps, block_means, largest_patch
from vadcli.stages.eval_errors import Bank, Errors, Key
from vadcli.stages.eval_support import SceneFootage

Normal = tuple[list[Errors], float]


def normal_errors(
    bank: Bank, keys: Sequence[Key], footage: SceneFootage | None, progress: Progress
) -> tuple[dict[Key, Normal], dict[Key, dict[str, Tensor]]]:
    """Errors of a scene's normal footage, relative to what is usual there.

    Args:
        bank: weights.
        keys: which of them.
        footage: of the scene; None where there is none.
        progress: told of every window.

    Returns:
        for every key its clips' errors and their frame rate, and (h, w) block means by name of the peak error.
    """
    if footage is None:
        return {key: ([], 0.0) for key in keys}, {}
    pool = bank.settings.score.pool
    blocks: dict[tuple[Key, int], dict[str, list[Tensor]]] = {}
    parts: list[dict[Key, Errors]] = []

    def keep(key: Key, first: int, maps: ErrorMaps) -> None:
        mine = blocks.setdefault((key, len(parts)), {})
        for name, values in ((FRAME_PEAK, maps.frame), (FEATURE_PEAK, maps.feature)):
            if values is not None:
                mine.setdefault(name, []).append(block_means(values, pool))

    for footage_part in footage.calibration:
        parts.append(bank.errors(footage_part, keys, progress, keep))
    usual: dict[Key, dict[str, Tensor]] = {}
    for key in keys:
        clips = [{name: torch.cat(b) for name, b in blocks[key, i].items()} for i in range(len(parts))]
        means = {name: torch.cat([clip[name] for clip in clips]).mean(0) for name in clips[0]}
        usual[key] = {name: values - values.mean() for name, values in means.items()}
        for errors, clip in zip(parts, clips, strict=True):
            for name, values in clip.items():
                errors[key][name] = largest_patch(values, usual[key][name]).double().cpu().numpy()
    fps = footage.calibration[0].clip.fps
    return {key: ([part[key] for part in parts], fps) for key in keys}, usual
