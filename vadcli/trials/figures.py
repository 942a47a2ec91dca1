"""The paper's Figures 3 and 4, for a model and a test clip."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vadcli.errors import InputError
from vadcli.footage.cache import open_cache
from vadcli.footage.windows import ClipRange, to_network
from vadcli.model.checkpoint import PACKAGED_MODEL, load_checkpoint, load_network
from vadcli.model.network import Network
from vadcli.model.runtime import for_inference, pick_device, pick_precision
from vadcli.rendering.paper_figures import Picture, Shown
from vadcli.scoring.errors import error_maps
from vadcli.settings import Settings
from vadcli.trials.support import test_clips
from vadcli.trials.trial import check_fit


@torch.inference_mode()
def figures_stage(cache: Path, model: Path | None, settings: Settings) -> Shown:
    """A normal and an abnormal moment of the first test clip that has both.

    Args:
        cache: with labels.
        model: checkpoint; the model in the package if None.
        settings: of section `score`.

    Raises:
        InputError: when no clip has both kinds of frames.
    """
    with open_cache(cache) as opened:
        checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")
        check_fit(opened, checkpoint)
        span = checkpoint.model.input_frames + 1
        both_kinds = (
            (clip, labels[span - 1 :])
            for clip, labels in test_clips(opened, None).values()
            if labels[span - 1 :].any() and not labels[span - 1 :].all()
        )
        clip, late = next(both_kinds, (None, None))
        if clip is None or late is None:
            raise InputError(f"{cache}: no test clip has both normal and abnormal frames to show.")
        chosen = tuple(_middle(np.flatnonzero(late == kind)) + span - 1 for kind in (False, True))
        whole = ClipRange(opened, clip, 0, clip.num_frames)
        windows = torch.stack([whole.window(frame - span + 1, span) for frame in chosen])  # (2, T+1, H, W, C)
        masks = None
        if clip.has_masks:
            both = [opened.masks(clip.name, frame, frame + 1) for frame in chosen]
            masks = np.concatenate([one for one in both if one is not None])
    device = pick_device(settings.score.device)
    network = for_inference(load_network(checkpoint), device, pick_precision(settings.score.precision, device))
    inputs, target = to_network(windows, device)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    prediction = network(inputs)
    maps = error_maps(prediction.frame, target, prediction.feature_error)
    attention = None
    if prediction.unit is not None:
        attention = _numpy(prediction.unit.attention.unflatten(2, prediction.unit.distance.shape[1:]))
    return Shown(
        clip=clip.name,
        frames=(int(chosen[0]), int(chosen[1])),
        truth=windows[:, -1].numpy(),
        mask=masks,
        predicted=_numpy((prediction.frame.movedim(1, 3) + 1) / 2),
        error=_numpy(maps.frame),
        feature=None if maps.feature is None else _numpy(maps.feature),
        attention=attention,
        norms=encoding_norms(network, inputs),
    )


def _middle(places: NDArray[np.int64]) -> int:
    return int(places[len(places) // 2])


def encoding_norms(network: Network, inputs: torch.Tensor) -> dict[int, Picture]:
    """Length of the encoding at every position, (B, H/level, W/level), at each of the four places for the unit.

    Args:
        network: ready to predict; its unit is left out.
        inputs: (B, T·C, H, W) in [-1, 1].
    """
    *skips, x = network.begin(inputs, "decoder")
    found = {8: x}
    for level, block in zip((4, 2, 1), network.decoder, strict=True):
        x = torch.cat([skips.pop(), block(x)], dim=1)
        found[level] = x
    return {level: _numpy(encoding.float().norm(dim=1)) for level, encoding in sorted(found.items())}


def _numpy(values: torch.Tensor) -> Picture:
    array: Picture = values.float().cpu().numpy()
    return array
