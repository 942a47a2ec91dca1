"""Maps of where errors are, clip by clip, against the masks of a benchmark."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from vadcli.errors import InputError
from vadcli.evaluation.localisation import Localiser
from vadcli.footage.cache import Cache, Clip
from vadcli.footage.opencv import cv2
from vadcli.scoring.errors import ErrorMaps
from vadcli.scoring.scene import Features
from vadcli.settings import Settings
from vadcli.trials.bank import Key


def localisers_of(clips: Sequence[Clip], shots: Sequence[int]) -> dict[tuple[int, str], Localiser]:
    """One for every K and kind of map.

    Raises:
        InputError: if no clip has masks.
    """
    if not any(clip.has_masks for clip in clips):
        raise InputError("--localise: no test clip of this cache has masks. Prepare a benchmark that comes with them.")
    return {(k, kind): Localiser() for k in shots for kind in ("fp", "fr")}


class MapWatcher:
    """Takes the maps of one clip as they are computed, pools them, and hands them to localisers at its end.

    Args:
        cache: that the clip is in.
        clip: with masks.
        window: frames read to predict the next one (T).
        counted: first frame that counts; the largest K adapts on those before.
        localisers: of every K and kind of map.
        settings: of section `score`.
    """

    def __init__(
        self,
        cache: Cache,
        clip: Clip,
        window: int,
        counted: int,
        localisers: dict[tuple[int, str], Localiser],
        settings: Settings,
    ) -> None:
        self.cache, self.clip, self.window, self.counted, self.localisers = cache, clip, window, counted, localisers
        self.size = cache.size
        self.side = max(1, round(settings.score.pool * cache.size[0] / 128))
        self.maps: dict[tuple[int, str], list[NDArray[np.float16]]] = {}

    def __call__(self, key: Key, first: int, maps: ErrorMaps, features: Features) -> None:
        """Keep what counts of a batch's maps: those of the model's own adaptation and first draw."""
        skipped = max(0, self.counted - (self.window + first))
        if key.draw or key.adaptation not in ("none", "meta") or skipped >= len(maps.frame):
            return
        for kind, values in (("fp", maps.frame), ("fr", maps.feature)):
            if values is not None:
                self.maps.setdefault((key.shots, kind), []).append(self._pooled(values[skipped:]))

    def _pooled(self, maps: Tensor) -> NDArray[np.float16]:
        """(B, H, W), every pixel the mean of the patch around it; half precision holds it to one part in 2^11."""
        full = maps if maps.shape[1:] == self.size else interpolate(maps[:, None], self.size, mode="bilinear")[:, 0]
        blurred = [cv2.blur(one, (self.side, self.side)) for one in full.float().cpu().numpy()]
        pooled: NDArray[np.float16] = np.maximum(np.stack(blurred), 0).astype(np.float16)
        return pooled

    def finish(self) -> None:
        """Judge the clip."""
        masks = self.cache.masks(self.clip.name, self.counted)
        assert masks is not None
        for where, batches in self.maps.items():
            self.localisers.setdefault(where, Localiser()).add(np.concatenate(batches).astype(np.float32), masks)
