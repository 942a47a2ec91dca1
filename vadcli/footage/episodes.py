"""Few-shot tasks: K support and Q query windows of one clip, drawn scene by scene."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vadcli.errors import FootageError
from vadcli.footage.cache import Cache, Split
from vadcli.footage.windows import ClipRange, check_alike, clip_ranges


@dataclass(frozen=True, eq=False)
class Episode:
    """One task of meta-training."""

    support: Tensor  # (K, T+1, H, W, C) uint8, in the order of their time
    query: Tensor  # (Q, T+1, H, W, C) uint8, likewise; shares no frame with the support
    scene: str
    clip: str
    support_starts: tuple[int, ...]  # index in the clip of each support window's first frame
    query_starts: tuple[int, ...]


class Episodes:
    """Endless tasks; task i is the same for the same seed, whatever was drawn before it.

    Scenes are drawn uniformly, however much footage each has, then a clip of the scene.
    """

    def __init__(
        self,
        caches: Sequence[Cache],
        input_frames: int,
        shots: int,
        queries: int,
        seed: int,
        split: Split | None = "train",
        clips: Sequence[ClipRange] | None = None,
    ) -> None:
        """Find the clips that are long enough.

        Args:
            caches: of one size and number of channels.
            input_frames: T.
            shots: K.
            queries: Q.
            seed: of all tasks.
            split: which clips; None takes both splits.
            clips: these ranges instead of all clips of the split.

        Raises:
            FootageError: when no clip is long enough.
        """
        check_alike(caches)
        self.length, self.shots, self.queries, self.seed = input_frames + 1, shots, queries, seed
        ranges = list(clip_ranges(caches, split) if clips is None else clips)
        needed = shots + queries + 2 * input_frames
        self._scenes: dict[str, list[ClipRange]] = {}
        for one in ranges:
            if one.num_frames >= needed:
                self._scenes.setdefault(one.clip.scene, []).append(one)
        if not self._scenes:
            longest = max((one.num_frames for one in ranges), default=0)
            raise FootageError(
                f"{', '.join(str(cache.path) for cache in caches)}: no clip has {needed} frames, which {shots} support "
                f"and {queries} query windows need; the longest has {longest}. Use longer clips or fewer shots."
            )

    @property
    def scenes(self) -> tuple[str, ...]:
        """Scenes that are drawn from."""
        return tuple(self._scenes)

    def episode(self, index: int) -> Episode:
        """Task `index`, counted from 0."""
        random = np.random.default_rng((self.seed, index))
        scene = self.scenes[random.integers(len(self._scenes))]
        candidates = self._scenes[scene]
        one = candidates[random.integers(len(candidates))]
        support, query = self._starts(one.num_frames, random)
        return Episode(
            torch.stack([one.window(start, self.length) for start in support]),
            torch.stack([one.window(start, self.length) for start in query]),
            scene,
            one.clip.name,
            tuple(one.start + start for start in support),
            tuple(one.start + start for start in query),
        )

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
        first, second = self.shots, self.queries
        swapped = bool(random.integers(2))
        if swapped:
            first, second = second, first
        cut = first + overlap + int(random.integers(spare + 1))
        head = np.sort(random.choice(cut - overlap, first, replace=False)).tolist()
        tail = (cut + np.sort(random.choice(num_frames - cut - overlap, second, replace=False))).tolist()
        return (tail, head) if swapped else (head, tail)
