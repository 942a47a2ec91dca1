"""Labels of a clip's frames, held until its number of frames is known."""

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError

Labels = npt.NDArray[np.uint8]  # (n,), 1 = abnormal
MOST_FRAMES = 100_000_000  # of one clip: 46 days at 25 a second


@dataclass(frozen=True)
class Intervals:
    """Abnormal stretches."""

    origin: str  # the file they are from, for messages
    intervals: tuple[tuple[int, int], ...]  # first and last frame of each, counted from 0, both included
    may_overrun: bool = False  # whether an interval may end after the clip, as some annotations do

    def for_frames(self, count: int, clip: str) -> Labels:
        """Labels of `count` frames, 1 inside the intervals.

        Raises:
            FootageError: when an interval goes beyond the clip.
        """
        labels = np.zeros(count, dtype=np.uint8)
        for first, last in self.intervals:
            if not 0 <= first <= last:
                raise FootageError(f"{clip}: {self.origin} has the interval {first} to {last}. Give first <= last.")
            if last >= count and not self.may_overrun:
                raise FootageError(
                    f"{clip}: {self.origin} labels frame {last}, {last - count + 1} beyond the last of {count} frames. "
                    "Use the labels of this footage."
                )
            labels[first : last + 1] = 1
        return labels

    def fingerprint(self) -> str:
        """The intervals themselves."""
        return repr(self.intervals)


@dataclass(frozen=True, eq=False)
class FrameLabels:
    """A label for every frame."""

    origin: str  # the file they are from, for messages
    values: Labels

    def for_frames(self, count: int, clip: str) -> Labels:
        """The labels.

        Raises:
            FootageError: when there is not one for each of `count` frames.
        """
        if len(self.values) != count:
            off = abs(len(self.values) - count)
            raise FootageError(
                f"{clip}: {len(self.values)} labels in {self.origin} for {count} frames, "
                f"{off} too {'many' if len(self.values) > count else 'few'}. Use the labels of this footage."
            )
        return self.values

    def fingerprint(self) -> str:
        """A digest of the labels."""
        return hashlib.sha256(self.values.tobytes()).hexdigest()


LabelTrack: TypeAlias = Intervals | FrameLabels


def as_labels(values: npt.ArrayLike, origin: str) -> FrameLabels:
    """A label track of an array of numbers or truth values.

    Raises:
        FootageError: when it holds anything but 0 and 1.
    """
    array = np.asarray(values).reshape(-1)
    if array.dtype.kind not in "biuf":
        raise FootageError(f"{origin}: labels must be numbers, 0 normal and 1 abnormal; got {array.dtype}.")
    wrong = np.flatnonzero((array != 0) & (array != 1))
    if wrong.size:
        raise FootageError(
            f"{origin}: labels must be 0 (normal) or 1 (abnormal); got {array[wrong[0]]:g} for frame {wrong[0]}."
        )
    return FrameLabels(origin, array.astype(np.uint8))
