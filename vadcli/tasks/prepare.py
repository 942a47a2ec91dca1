"""`vad prepare`: footage of any kind to one cache of network frames and cue maps."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.frames import Frame
from vadcli.footage.preparation import Prepared
from vadcli.footage.preparation import prepare as prepare_frames
from vadcli.scoring.cues import CueMaker

__all__ = ["Prepared", "prepare"]


def _maker(fps: float) -> Callable[[Frame], Mapping[str, NDArray[np.float16]] | None]:
    """Cue maps of the frames of one clip, in order, by name."""
    cues = CueMaker(fps)

    def maps_of(frame: Frame) -> Mapping[str, NDArray[np.float16]] | None:
        maps = cues(frame.view, frame.time_s, frame.after_gap)
        return None if maps is None else maps._asdict()

    return maps_of


prepare: Callable[..., Any] = partial(prepare_frames, cue_maker=_maker)
