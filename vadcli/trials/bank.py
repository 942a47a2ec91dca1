"""Errors of every clip under every set of adapted weights, from one pass over the frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from vadcli.footage.windows import ClipRange, to_network
from vadcli.learning.scene import adapt_to_scene
from vadcli.model.checkpoint import Checkpoint, load_network
from vadcli.model.network import AdaptedPart, Frozen, Prediction
from vadcli.model.runtime import for_inference, pick_device, pick_precision
from vadcli.progress import Progress
from vadcli.scoring.errors import ErrorMaps, error_maps, reduce_maps
from vadcli.scoring.scene import Features, SceneFeatures, scene_errors, scene_of
from vadcli.settings import Settings

Errors = dict[str, NDArray[np.float64]]
OnMaps = Callable[["Key", int, ErrorMaps, Features], None]


@dataclass(frozen=True, slots=True)
class Key:
    """One set of weights.

    Attributes:
        adaptation: "none", "meta" or "no-meta".
        shots: K; 0 for the weights as they were learned.
        draw: which draw of the support; 0 where nothing is drawn.
        where: scene or clip that the support is of; "" for K = 0.
    """

    adaptation: str
    shots: int
    draw: int
    where: str


@dataclass(frozen=True, eq=False)
class SceneUsual:
    """Usual errors and features of a scene under one set of weights.

    Attributes:
        peaks: (h, w), block means by name of the peak error that counts what exceeds them.
        features: that are usual at each place; None where there is too little footage.
    """

    peaks: Mapping[str, Tensor]
    features: SceneFeatures | None


class Bank:
    """A checkpoint's network, and the weights it was adapted to.

    The part that no adaptation changes (83 % of the work at the paper's size) runs once a window, whatever the
    number of weights. The adapted part runs in float32 even where the other is in bfloat16: one update changes
    weights by some 1e-5 of their size, which rounding to bfloat16 (4e-3) would drown.
    """

    def __init__(self, checkpoint: Checkpoint, settings: Settings) -> None:
        self.checkpoint, self.settings = checkpoint, settings
        self.device = pick_device(settings.score.device)
        self.scope = checkpoint.settings.metatrain.scope
        precision = pick_precision(settings.score.precision, self.device)
        network = load_network(checkpoint)
        self.network = for_inference(network, self.device, precision, exact=network.adapted_names(self.scope))
        self.part = AdaptedPart(self.network, self.scope)
        self.trainable = load_network(checkpoint)
        self.weights: dict[Key, dict[str, Tensor]] = {}
        self.taught: dict[Key, SceneFeatures] = {}

    def keep(self, key: Key) -> None:
        """Evaluate the weights as they were learned."""
        self.weights[key] = {}

    def adapt(self, key: Key, support: Sequence[ClipRange]) -> None:
        """Adapt to K windows, and learn from them which features are usual if nothing else is to teach that."""
        windows = torch.stack([window.window(0, window.num_frames) for window in support])
        fitted = adapt_to_scene(
            self.checkpoint,
            self.trainable,
            windows,
            steps=self.settings.adapt.steps,
            device=self.device,
        )
        ours = dict(self.network.named_parameters())
        self.weights[key] = {name: self._like(value, ours[name]) for name, value in fitted.weights.items()}
        if self.settings.eval.scene_from == "support":
            self.taught[key] = scene_of(self._features(key, windows))

    @staticmethod
    def _like(value: Tensor, own: Tensor) -> Tensor:
        value = value.to(own.device, own.dtype)
        return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value

    def forget(self, where: str) -> None:
        """Let go of the weights of a scene or clip that is done."""
        self.weights = {key: value for key, value in self.weights.items() if key.where != where}
        self.taught = {key: value for key, value in self.taught.items() if key.where != where}

    @torch.inference_mode()
    def _features(self, key: Key, windows: Tensor) -> Features:
        """Of each of K windows (K, T+1, H, W, C) uint8, under adapted weights."""
        found = []
        for batch in windows.split(self.settings.score.batch_size):
            frozen, _ = self._frozen(batch)
            found.append(self._predict(key, frozen).features.half().cpu().numpy())
        return np.concatenate(found)

    def _frozen(self, windows: Tensor) -> tuple[Frozen, Tensor]:
        """Outputs of the frozen layers for windows (B, T+1, H, W, C) uint8, and the windows' last frames."""
        inputs, target = to_network(windows, self.device)
        return self.network.begin(inputs.contiguous(memory_format=torch.channels_last), self.scope), target

    def _predict(self, key: Key, frozen: Frozen) -> Prediction:
        weights = {f"network.{name}": value for name, value in self.weights[key].items()}
        prediction: Prediction = functional_call(self.part, weights, (frozen,)) if weights else self.part(frozen)
        return prediction

    @torch.inference_mode()
    def errors(
        self,
        footage: ClipRange,
        keys: Sequence[Key],
        progress: Progress,
        on_maps: OnMaps | None = None,
        scene: Mapping[Key, SceneUsual] | None = None,
    ) -> dict[Key, Errors]:
        """Errors of every window of some frames, (n − T,) by name, under each of `keys`.

        Args:
            footage: successive frames of a clip.
            keys: weights.
            progress: counts windows.
            on_maps: called with the key, the first window's number, and the maps and features of every batch.
            scene: what is usual at each place of the scene under each of `keys`.
        """
        collected: dict[Key, list[Errors]] = {key: [] for key in keys}
        for first, windows in self._batches(footage):
            frozen, target = self._frozen(windows)
            for key in keys:
                prediction = self._predict(key, frozen)
                maps = error_maps(prediction.frame, target, prediction.feature_error)
                features = prediction.features.half().cpu().numpy()
                known = (scene or {}).get(key, SceneUsual({}, None))
                reduced = reduce_maps(maps, self.settings.score.pool, known.peaks)
                numbers = {name: values.double().cpu().numpy() for name, values in reduced.items()}
                if known.features is not None:
                    numbers |= scene_errors_of(known.features.distances(features))
                collected[key].append(numbers)
                if on_maps is not None:
                    on_maps(key, first, maps, features)
            progress.advance(len(windows))
        return {key: _joined(batches) for key, batches in collected.items()}

    def _batches(self, footage: ClipRange) -> Iterator[tuple[int, Tensor]]:
        """Number of the first window, and windows (B, T+1, H, W, C) uint8; every frame is read about once."""
        span, size = self.network.settings.input_frames + 1, self.settings.score.batch_size
        for first in range(0, footage.num_frames - span + 1, size):
            frames = footage.window(first, min(size + span - 1, footage.num_frames - first))
            yield first, frames.unfold(0, span, 1).movedim(-1, 1)


def scene_errors_of(distances: NDArray[np.float32]) -> Errors:
    """The numbers of `scene_errors` for a batch: (n, h, w) to (n,) by name."""
    rows = [scene_errors(one) for one in distances]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _joined(batches: Sequence[Errors]) -> Errors:
    return {name: np.concatenate([one[name] for one in batches]) for name in batches[0]}
