"""Made-up footage and a made-up network for tests of scoring."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vadcli.errors import FootageError
from vadcli.footage.frames import Frame, Gap, SourceInfo
from vadcli.scoring.lanes import Opener

T = 4
SIZE = (32, 32)


@dataclass
class Guess:
    """What a network gives."""

    frame: Tensor
    feature_error: Tensor | None
    features: Tensor | None = None


def repeat_last(inputs: Tensor) -> Guess:
    """Predicts that the last frame stays; features are its brightness at half the size."""
    last = inputs[:, -1:]
    return Guess(last, torch.nn.functional.avg_pool2d(last, 2).square().squeeze(1))


@dataclass
class Film:
    """Noise that is the same for the same seed; `fails_at` frames in, it breaks."""

    frames: int
    seed: int = 0
    fps: float = 10.0
    gap_at: int | None = None
    fails_at: int | None = None
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    wait: Callable[[int], None] | None = None
    info: SourceInfo = field(init=False)

    def __post_init__(self) -> None:
        self.info = SourceInfo(f"film {self.seed}", self.fps, self.frames, 64, 96)

    def __iter__(self) -> Iterator[Frame]:
        rng = np.random.default_rng(self.seed)
        late_s = 0.0
        for index in range(self.frames):
            if index == self.fails_at:
                raise FootageError(f"film {self.seed}: broken")
            if index == self.gap_at:
                self.gaps = (Gap(index / self.fps, index / self.fps + 60),)
                late_s = 60.0
            if self.wait:
                self.wait(index)
            image = rng.integers(0, 256, (*SIZE, 1), dtype=np.uint8)
            yield Frame(image, index, index / self.fps + late_s)

    def opener(self, live: bool = False) -> Opener:
        """Opens it."""
        return Opener(lambda: nullcontext(self), live)
