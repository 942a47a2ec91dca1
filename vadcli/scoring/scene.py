"""What features a scene usually shows at each place, and how far others are from them: the scene distance.

A frame's prototypes are made from that frame, so what is abnormal in it may get a prototype of its own; normal footage
of the scene has none for it. The distance is Mahalanobis: a mean for every place, one covariance for all of them. PaDiM
(Defard et al., 2020) has a covariance for every place, which some minutes of footage do not hold: on Ped2 half of each
place's own and half of all ranks worse than all's alone.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import CheckpointError
from vadcli.scoring.errors import SCENE_ERROR, SCENE_FAR

Features = NDArray[np.float16]

# Fewer frames than this do not say what is usual at a place.
_LEAST_FRAMES = 8
# Normal footage is cut into so many parts; the distances of each are measured by what the others taught.
_PARTS = 5
# How many frames' worth of the spread between places the covariance starts with: among ten frames it hardly counts, and
# a single frame has nothing else.
_PRIOR = 0.1
# Added to the covariance's diagonal: of its mean, and of the features' mean square for footage in which nothing moves.
_RIDGE = 1e-3
_STILL = 1e-6


@dataclass(frozen=True, eq=False)
class SceneFeatures:
    """The usual features of a scene.

    Attributes:
        mean: float32 (C, h, w), at each place.
        whitening: float32 (C, C), W with W Wᵀ the inverse of the covariance around `mean`.
    """

    mean: NDArray[np.float32]
    whitening: NDArray[np.float32]

    def distances(self, features: Features) -> NDArray[np.float32]:
        """Squared Mahalanobis distances over C: (..., C, h, w) to (..., h, w), 1 on the average of normal footage.

        Raises:
            CheckpointError: if the features are not of the shape of those that were usual.
        """
        if features.shape[-3:] != self.mean.shape:
            raise CheckpointError(
                f"calibration: made for features of {_shape(self.mean.shape)}, these are "
                f"{_shape(features.shape[-3:])}. Adapt again with this model."
            )
        gaps = np.moveaxis(features.astype(np.float32) - self.mean, -3, -1)
        found: NDArray[np.float32] = np.square(gaps @ self.whitening).mean(-1)
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values for a checkpoint's header: little-endian float32 in base64."""
        return {
            "shape": list(self.mean.shape),
            "mean": base64.b64encode(self.mean.astype("<f4").tobytes()).decode("ascii"),
            "whitening": base64.b64encode(self.whitening.astype("<f4").tobytes()).decode("ascii"),
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """What `to_json` wrote.

        Raises:
            CheckpointError: if it is damaged, or a stranger's.
        """
        problem = CheckpointError("calibration: the scene's usual features are damaged. Adapt again.")
        if not isinstance(value, Mapping) or value.keys() != {"shape", "mean", "whitening"}:
            raise problem
        shape = value["shape"]
        if not (isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)):
            raise problem
        channels = shape[0]
        return cls(
            _read(value["mean"], tuple(shape), problem), _read(value["whitening"], (channels, channels), problem)
        )


def scene_errors(distances: NDArray[np.float32]) -> dict[str, float]:
    """Numbers of a frame by name, of distances (h, w).

    Returns:
        the mean over places, and over those that are farther than normal footage is on the average: how strange what
        is there is, and not how much of it there is. Where no place is so far, the farthest.
    """
    far = distances[distances > 1]
    strangest = far.mean(dtype=np.float64) if far.size else distances.max()
    return {SCENE_ERROR: float(distances.mean(dtype=np.float64)), SCENE_FAR: float(strangest)}


def scene_map(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    """Patches that overlap by half as even cells, means of the patches over each: (h, w) to (h + 1, w + 1)."""
    wide = np.pad(distances, 1, mode="edge")
    cells: NDArray[np.float32] = np.float32(0.25) * (wide[:-1, :-1] + wide[1:, :-1] + wide[:-1, 1:] + wide[1:, 1:])
    return cells


def scene_of(seen: Features) -> SceneFeatures:
    """The usual features of a few frames of normal footage, (n, C, h, w); one is enough."""
    return _Sums.of(seen).features()


def learn_scene(seen: Features) -> tuple[SceneFeatures, NDArray[np.float32]] | None:
    """The usual features of normal footage, and its own distances from them.

    What was learned from is nearer than what is new, the more so the less there was of it: so the distances of each
    fifth of the footage are from what the other four taught.

    Args:
        seen: (n, C, h, w), in order.

    Returns:
        what all of it taught, and distances (n, h, w); None for fewer than eight frames, and for features that are not
        finite, of a model whose errors are not either.
    """
    if len(seen) < _LEAST_FRAMES or not np.isfinite(seen).all():
        return None
    parts = np.array_split(np.arange(len(seen)), _PARTS)
    sums = [_Sums.of(seen[part]) for part in parts]
    whole = _Sums(*(sum(values) for values in zip(*((s.count, s.first, s.second) for s in sums), strict=True)))
    distances = [whole.without(own).features().distances(seen[part]) for part, own in zip(parts, sums, strict=True)]
    return whole.features(), np.concatenate(distances)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What means and covariances are made of; in float64.

    Attributes:
        count: frames.
        first: (C, h, w), the sum over frames.
        second: (C, C), the sum of f fᵀ over frames and places.
    """

    count: int
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features) -> Self:
        """Of (n, C, h, w)."""
        first, second = np.zeros(features.shape[1:]), np.zeros((features.shape[1],) * 2)
        for frame in features:
            wide = frame.astype(np.float64)
            first += wide
            flat = wide.reshape(len(wide), -1)
            second += flat @ flat.T
        return cls(len(features), first, second)

    def without(self, other: "_Sums") -> "_Sums":
        """Of the frames that are not `other`'s."""
        return _Sums(self.count - other.count, self.first - other.first, self.second - other.second)

    def features(self) -> SceneFeatures:
        """What they teach."""
        mean = self.first / self.count
        flat = mean.reshape(len(mean), -1)
        places = flat.shape[1]
        within = self.second - self.count * flat @ flat.T
        overall = flat.mean(1)
        between = self.second / self.count - places * np.outer(overall, overall)
        covariance = (within + _PRIOR * between) / ((self.count - 1 + _PRIOR) * places)
        size = max(float(np.trace(covariance)) / len(mean), 0.0)
        square = float(np.trace(self.second)) / (self.count * places * len(mean))
        values, vectors = np.linalg.eigh(covariance)
        whitening = vectors / np.sqrt(np.maximum(values, 0) + _RIDGE * size + _STILL * max(square, _STILL))
        return SceneFeatures(mean.astype(np.float32), whitening.astype(np.float32))


def _read(text: Any, shape: tuple[int, ...], problem: CheckpointError) -> NDArray[np.float32]:
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (TypeError, ValueError, binascii.Error) as error:
        raise problem from error
    if values.size != np.prod(shape, dtype=np.int64) or not np.isfinite(values).all():
        raise problem
    return values.reshape(shape).astype(np.float32)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
