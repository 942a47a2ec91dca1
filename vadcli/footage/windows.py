"""Windows of T+1 successive frames, and the one place that makes [-1, 1] floats of them."""

import itertools
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vadcli.errors import FootageError
from vadcli.footage.cache import Cache, Clip
from vadcli.footage.frames import Image

BATCHES_AHEAD = 4


def to_network(windows: Tensor, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Windows as the network reads them: x/127.5 - 1, after upload.

    Args:
        windows: (B, T+1, H, W, C) uint8.
        device: where the floats are made.

    Returns:
        inputs (B, T*C, H, W), channels of frame t at t*C onwards, and target (B, C, H, W); float32 in [-1, 1].
    """
    if windows.dtype != torch.uint8 or windows.ndim != 5:
        raise ValueError(f"windows must be uint8 (B, T+1, H, W, C), got {windows.dtype} {tuple(windows.shape)}")
    pixels = windows.to(device, non_blocking=True).permute(0, 1, 4, 2, 3)  # (B, T+1, C, H, W)
    frames = pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(127.5).sub_(1.0)
    return frames[:, :-1].flatten(1, 2), frames[:, -1]


def windows_of(images: Sequence[Image], input_frames: int) -> Tensor:
    """All windows of successive images (H, W, C): (n − T, T+1, H, W, C) uint8."""
    return torch.from_numpy(np.stack(images)).unfold(0, input_frames + 1, 1).movedim(-1, 1)


@dataclass(frozen=True, eq=False)
class ClipRange:
    """Frames `start` to `stop` (excluded) of one clip of a cache."""

    cache: Cache
    clip: Clip
    start: int
    stop: int

    @property
    def num_frames(self) -> int:
        """How many frames."""
        return self.stop - self.start

    def window(self, first: int, length: int) -> Tensor:
        """Frames `first` to `first + length` of the range, (length, H, W, C) uint8."""
        begin = self.start + first
        return torch.from_numpy(self.cache.frames(self.clip.name, begin, begin + length))


def clip_ranges(caches: Sequence[Cache]) -> list[ClipRange]:
    """All of every clip of split `train`, parted at its gaps, in the caches' order."""
    found = []
    for cache in caches:
        for clip in cache.clips:
            if clip.split == "train":
                gaps = np.flatnonzero(cache.timeline(clip.name)[2]).tolist()
                edges = itertools.pairwise([0, *(number for number in gaps if number), clip.num_frames])
                found += [ClipRange(cache, clip, start, stop) for start, stop in edges]
    return found


def split_normal(
    caches: Sequence[Cache], share: float, seed: int, least: int = 1
) -> tuple[list[ClipRange], list[ClipRange]]:
    """Clips of split `train`, parted into those to learn from and those to validate on.

    Whole clips are held out, drawn by seed, as long as they stay within the share. Where every clip is far larger
    than the share (only one clip, or few long ones), the tail of the longest is held out instead.

    Args:
        caches: to draw from.
        share: of the frames to hold out, in [0, 1); 0 holds out nothing.
        seed: of the draw.
        least: frames of a clip or tail that are of use; shorter clips are not held out, nor is the tail of a clip that
            has not twice as many.

    Returns:
        training ranges and validation ranges, each in the caches' order; together every frame once.
    """
    ranges = clip_ranges(caches)
    if share <= 0:
        return ranges, []
    room = target = share * sum(each.num_frames for each in ranges)
    held: set[int] = set()
    for index in np.random.default_rng(seed).permutation(len(ranges)):
        if least <= ranges[index].num_frames <= room and len(held) < len(ranges) - 1:
            held.add(int(index))
            room -= ranges[index].num_frames
    if not held and len(ranges) > 1:
        of_use = [index for index, each in enumerate(ranges) if least <= each.num_frames <= 2 * target]
        held.update(sorted(of_use, key=lambda index: ranges[index].num_frames)[:1])
    if held:
        return [r for i, r in enumerate(ranges) if i not in held], [ranges[i] for i in sorted(held)]
    longest = max(ranges, key=lambda each: each.num_frames)
    if longest.num_frames < 2 * least:
        return ranges, []
    cut = longest.stop - min(max(least, round(target)), longest.num_frames - least)
    kept = [replace(each, stop=cut) if each is longest else each for each in ranges]
    return kept, [replace(longest, start=cut)]


class Windows:
    """Every window of T+1 frames of some clips; none crosses from one clip into another."""

    def __init__(self, ranges: Sequence[ClipRange], input_frames: int, stride: int = 1) -> None:
        """Count the windows; frames are read when asked for.

        Args:
            ranges: of clips whose frames are alike.
            input_frames: T.
            stride: frames between the starts of windows.

        Raises:
            FootageError: when no clip is long enough for one window.
        """
        self.length, self.stride, self.ranges = input_frames + 1, stride, ranges
        counts = [max(0, (each.num_frames - self.length) // stride + 1) for each in ranges]
        self._ends = list(itertools.accumulate(counts))
        if not len(self):
            raise too_short(ranges, self.length, "a window needs. Use longer clips")

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Tensor:
        """Window `index`, (T+1, H, W, C) uint8."""
        clip, start = self.locate(index)
        return clip.window(start, self.length)

    def batch(self, indices: Sequence[int]) -> Tensor:
        """Several windows, (B, T+1, H, W, C) uint8."""
        return torch.stack([self[index] for index in indices])

    def locate(self, index: int) -> tuple[ClipRange, int]:
        """The range that window `index` is of, and where in it the window begins."""
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        clip = bisect_right(self._ends, index)
        before = self._ends[clip - 1] if clip else 0
        return self.ranges[clip], (index - before) * self.stride


class WindowLoader:
    """Endless shuffled batches, read ahead in a thread; batch n is the same however often one stops and goes on."""

    def __init__(
        self,
        windows: Windows,
        batch_size: int,
        seed: int,
        first_step: int = 0,
        pin_memory: bool = False,
        share: slice = slice(None),
    ) -> None:
        """Read nothing yet.

        Args:
            windows: to draw from; every pass over them has an order of its own, drawn by `seed`.
            batch_size: B.
            seed: of the orders.
            first_step: number of the first batch, to go on where an interrupted run stopped.
            pin_memory: hand over page-locked batches, for upload to a GPU.
            share: which windows of every batch to read, where processes share them.
        """
        self._windows, self._batch_size, self._seed, self._first = windows, batch_size, seed, first_step
        self._pin, self._share = pin_memory, share
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="windows")

    def indices(self, step: int) -> list[int]:
        """The windows of batch `step`; a batch may straddle two passes."""
        count = len(self._windows)
        places = range(step * self._batch_size, (step + 1) * self._batch_size)
        orders = {epoch: _order(self._seed, epoch, count) for epoch in {place // count for place in places}}
        return [int(orders[place // count][place % count]) for place in places]

    def __iter__(self) -> Iterator[Tensor]:
        """Batches (B, T+1, H, W, C) uint8, without end."""
        steps = itertools.count(self._first)
        ahead = deque(self._reader.submit(self._read, next(steps)) for _ in range(BATCHES_AHEAD))
        while True:
            yield ahead.popleft().result()
            ahead.append(self._reader.submit(self._read, next(steps)))

    def close(self) -> None:
        """Stop reading."""
        self._reader.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read(self, step: int) -> Tensor:
        batch = self._windows.batch(self.indices(step)[self._share])
        return batch.pin_memory() if self._pin else batch


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of so many windows in one pass over them."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def too_short(ranges: Sequence[ClipRange], needed: int, by: str) -> FootageError:
    """The error where no clip has as many frames as are needed, `by` whom, and the cure."""
    paths = ", ".join(dict.fromkeys(str(each.cache.path) for each in ranges))
    longest = max(each.num_frames for each in ranges)
    return FootageError(f"{paths}: the longest clip without a gap has {longest} frames, not the {needed} that {by}.")
