"""Few-shot tasks: K support and Q query windows of one clip, drawn scene by scene."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vadcli.footage.windows import ClipRange, too_short


@dataclass(frozen=True, eq=False)
class Episode:
    """One task of meta-training."""

    support: Tensor  # (K, T+1, H, W, C) uint8, in the order of their time
    query: Tensor  # (Q, T+1, H, W, C) uint8, likewise; shares no frame with the support
    scene: str
    clip: str


class Episodes:
    """Endless tasks; task i is the same for the same seed, whatever was drawn before it.

    Scenes are drawn uniformly, however much footage each has, then a clip of the scene.
    """

    def __init__(self, ranges: Sequence[ClipRange], input_frames: int, shots: int, queries: int, seed: int) -> None:
        """Find the clips that are long enough.

        Args:
            ranges: of clips whose frames are alike.
            input_frames: T.
            shots: K.
            queries: Q.
            seed: of all tasks.

        Raises:
            FootageError: when no clip is long enough.
        """
        self.length, self.shots, self.queries, self.seed = input_frames + 1, shots, queries, seed
        needed = shots + queries + 2 * input_frames
        self._scenes: dict[str, list[ClipRange]] = {}
        for each in ranges:
            if each.num_frames >= needed:
                self._scenes.setdefault(each.clip.scene, []).append(each)
        if not self._scenes:
            by = f"{shots} support and {queries} query windows need. Use longer clips or fewer shots"
            raise too_short(ranges, needed, by)

    def episode(self, index: int) -> Episode:
        """Task `index`, counted from 0."""
        random = np.random.default_rng((self.seed, index))
        scene = list(self._scenes)[random.integers(len(self._scenes))]
        candidates = self._scenes[scene]
        drawn = candidates[random.integers(len(candidates))]
        support, query = (
            torch.stack([drawn.window(start, self.length) for start in starts])
            for starts in self._starts(drawn.num_frames, random)
        )
        return Episode(support, query, scene, drawn.clip.name)

    def _starts(self, num_frames: int, random: np.random.Generator) -> tuple[list[int], list[int]]:
        """Sorted starts of support and of query windows.

        Where the clip is long enough no two windows share a frame, drawn uniformly among all such choices. In a
        shorter clip support and query are taken from either side of a cut, and overlap only among themselves.
        """
        many, overlap = self.shots + self.queries, self.length - 1
        if num_frames >= many * self.length:
            places = np.sort(random.choice(num_frames - many * overlap, many, replace=False))
            starts = places + overlap * np.arange(many)
            chosen = np.zeros(many, dtype=np.bool_)
            chosen[random.choice(many, self.shots, replace=False)] = True
            return starts[chosen].tolist(), starts[~chosen].tolist()
        spare = num_frames - many - 2 * overlap
        swapped = bool(random.integers(2))
        first, second = (self.queries, self.shots) if swapped else (self.shots, self.queries)
        cut = first + overlap + int(random.integers(spare + 1))
        head = np.sort(random.choice(cut - overlap, first, replace=False)).tolist()
        tail = (cut + np.sort(random.choice(num_frames - cut - overlap, second, replace=False))).tolist()
        return (tail, head) if swapped else (head, tail)
