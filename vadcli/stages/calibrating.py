"""Errors on normal footage, and the calibration that a checkpoint or adapter keeps of them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from copy import deepcopy
from itertools import accumulate
from typing import Any

import torch

from vadcli.footage.clips import Clipped, clip_footage
from vadcli.footage.windows import ClipRange
from vadcli.model.network import Network
from vadcli.model.runtime import for_inference
from vadcli.progress import Progress
from vadcli.scoring.calibration import LEAST_FRAMES, fit_calibration
from vadcli.scoring.engine import Engine, Scored
from vadcli.scoring.lanes import Ended, Opener
from vadcli.scoring.measuring import Measured, Measurer
from vadcli.scoring.usual import NormalErrors
from vadcli.settings import Settings

MOST_FRAMES = 20_000


def measure(
    network: Network, footage: Sequence[Clipped], settings: Settings, device: torch.device, progress: Progress
) -> Iterator[tuple[int, Measured]]:
    """Errors and coarse maps of every frame that has a prediction, and the number of the clip it is of."""
    measurer = Measurer(network, device, pool=settings.score.pool)
    engine = Engine(measurer, network.settings.input_frames, batch_size=settings.score.batch_size)

    def opener(clip: Clipped) -> Opener:
        def open_clip() -> AbstractContextManager[Clipped]:
            return nullcontext(clip)

        return Opener(open_clip)

    with closing(engine.run([opener(clip) for clip in footage])) as stream:
        for item in stream:
            if isinstance(item, Ended) and item.error is not None:
                raise item.error
            if isinstance(item, Scored) and item.measured is not None:
                progress.advance()
                yield item.source, item.measured


def calibrate_model(
    network: Network,
    training: Sequence[ClipRange],
    held_out: Sequence[ClipRange],
    settings: Settings,
    device: torch.device,
    precision: torch.dtype,
    progress: Progress,
) -> dict[str, Any] | None:
    """A model's own calibration, from normal clips of all its scenes: what a new camera is measured by at first.

    Where they are of one scene, it knows what is usual at each of its places, as an adapter does.

    Args:
        network: trained; unchanged.
        training: normal footage that it was trained on.
        held_out: that it was not; if there is some, this is used. Of either, at most MOST_FRAMES are.
        settings: of section `score`.
        device: where to compute.
        precision: of the convolutions.
        progress: told of every frame.

    Returns:
        as it is stored; None where there is too little footage.
    """
    ranges = held_out or training
    totals = accumulate(one.num_frames for one in ranges)
    chosen = [one for one, total in zip(ranges, totals, strict=True) if total - one.num_frames < MOST_FRAMES]
    footage = [clip_footage(one.cache, one.clip, one.start, one.stop) for one in chosen]
    if not footage:
        return None
    progress.start("calibrating", sum(one.num_frames for one in chosen))
    scenes = {one.clip.scene for one in (*training, *held_out)}
    normal = NormalErrors(places=len(scenes) == 1)
    ready = for_inference(deepcopy(network), device, precision)
    for clip, measured in measure(ready, footage, settings, device, progress):
        normal.add(clip, measured)
    if normal.frames < LEAST_FRAMES:
        return None
    fps = footage[0].info.fps
    return fit_calibration(normal.finish(), fps, settings.score, normal.usual, normal.scene).to_json()
