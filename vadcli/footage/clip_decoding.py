"""One clip: decoded, resized, labelled, and written on its way into a cache."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError
from vadcli.footage.cache.decoded import CacheFormat, DecodedClip, DecodedClipWriter
from vadcli.footage.identity import location_digest, sha256_of, stamp_of, utf8_location
from vadcli.footage.layouts import ClipSource
from vadcli.footage.layouts.masks import packed_masks
from vadcli.footage.opencv import cv2
from vadcli.footage.resize import network_image
from vadcli.footage.source import Reading, open_source
from vadcli.footage.video import CutOffError
from vadcli.footage.zones import Zones

TOLD_EVERY = 16  # frames between reports of progress


class Stopped(Exception):
    """Decoding was stopped from outside."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings that a stored clip depends on, besides its source.

    Attributes:
        form: size, channels and codec.
        quality: of JPEG.
        fps: thinned to this rate, None keeps all frames.
        mask_top: share of the height blacked out at the top.
    """

    form: CacheFormat
    quality: int
    fps: float | None
    mask_top: float

    def digest(self, clip: ClipSource) -> str:
        """Changes when the stored clip would, though its source did not."""
        facts = asdict(self) | {
            "mask_top": max(self.mask_top, clip.mask_top),
            "quality": self.quality if self.form.codec == "jpeg" else None,
            "clip": [clip.name, clip.scene, clip.split, clip.fps],
            "labels": clip.labels.fingerprint() if clip.labels else None,
            "variants": {name: track.fingerprint() for name, track in sorted(clip.variants.items())},
            "masks": [clip.masks.origin.name, stamp_of(clip.masks.origin)]
            if clip.masks
            else "None",  # as in older caches
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded clip, and what the user should know of it."""

    clip: DecodedClip
    notes: tuple[str, ...]


def decode_clip(
    clip: ClipSource,
    recipe: Recipe,
    folder: Path,
    *,
    threads: int | None = None,
    advance: Callable[[int], None] = lambda frames: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Decoded:
    """Decode a clip into files; all in the caller's thread but the decoder's own.

    Args:
        clip: what to decode.
        recipe: how.
        folder: of the decoded clips.
        threads: decoding threads of a video; None chooses.
        advance: called with the number of frames decoded since the last call.
        stopped: asked now and then; true ends with `Stopped`.

    Raises:
        FootageError: when the clip cannot be used, in one line that names it.
        OSError: when the files cannot be written.
        Stopped: when `stopped` said so.
    """
    utf8_location(clip.source)
    stamp = stamp_of(clip.source)  # before decoding: a file that is written meanwhile is read anew the next time
    form = recipe.form
    reading = Reading(recipe.fps, clip.fps, Zones(max(recipe.mask_top, clip.mask_top)), threads=threads)
    source = open_source(str(clip.source), reading)
    kept: list[int] = []
    try:
        with DecodedClipWriter(folder, clip.name, form, recipe.quality) as writer:
            cut_off = []
            try:
                for frame in source:
                    writer.write(network_image(frame.view, form.size, form.channels))
                    kept.append(frame.index)
                    if len(kept) % TOLD_EVERY == 0:
                        advance(TOLD_EVERY)
                        if stopped():
                            raise Stopped
            except CutOffError as error:
                cut_off.append(str(error))
            advance(len(kept) % TOLD_EVERY)
            arrays = _annotations(clip, form, source.frames_read, np.array(kept))
            facts = {
                "scene": clip.scene,
                "split": clip.split or ("test" if "labels" in arrays and arrays["labels"].any() else "train"),
                "fps": source.info.fps,
                "source": clip.source.absolute().name,
                "location": location_digest(clip.source),
                "sha256": sha256_of(clip.source),
                "stamp": stamp,
                "recipe": recipe.digest(clip),
            }
            return Decoded(writer.finish(facts, arrays), (*source.notes, *cut_off))
    except cv2.error as error:
        raise FootageError(f"{clip.source}: cannot be decoded ({str(error.err or error)[:80]}). Convert it.") from error
    finally:
        source.close()


def _annotations(
    clip: ClipSource, form: CacheFormat, seen: int, kept: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.uint8]]:
    """Labels, masks and variants of the frames that were kept out of all that were seen."""
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    if clip.masks is not None:
        masks, abnormal = packed_masks(clip.masks, seen, form.size, clip.name)
        arrays["masks"], arrays["labels"] = masks[kept], abnormal[kept]
    if clip.labels is not None:
        arrays["labels"] = clip.labels.for_frames(seen, clip.name)[kept]
    for name, track in clip.variants.items():
        arrays[f"variants/{name}"] = track.for_frames(seen, clip.name)[kept]
    return arrays
