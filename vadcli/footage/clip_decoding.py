"""One clip: decoded, resized, labelled, and written on its way into a cache."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError
from vadcli.footage.cache import CacheFormat, Clip
from vadcli.footage.cache.draft import DecodedClipWriter
from vadcli.footage.cache.manifest import StoredClip
from vadcli.footage.frames import Frame
from vadcli.footage.identity import location_digest, sha256_of, stamp_of, utf8_location
from vadcli.footage.layouts import ClipSource
from vadcli.footage.layouts.masks import packed_masks
from vadcli.footage.opencv import cv2
from vadcli.footage.resize import network_image
from vadcli.footage.source import Reading, open_source
from vadcli.footage.video import CutOffError
from vadcli.footage.zones import Zones

TOLD_EVERY = 16  # frames between reports of progress
CueMaker: TypeAlias = Callable[[float], Callable[[Frame], Mapping[str, npt.NDArray[np.float16]] | None]]


class Stopped(Exception):
    """Decoding was stopped from outside."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings that a stored clip depends on, besides its source."""

    form: CacheFormat
    quality: int  # of JPEG
    fps: float | None  # thinned to this rate, None keeps all frames
    mask_top: float  # share of the height blacked out at the top
    # Makes, of the frames a second of a clip, what makes the cue maps of its frames in order; None for no cue maps.
    cue_maker: CueMaker | None = None

    def digest(self, clip: ClipSource) -> str:
        """Changes when the stored clip would, though its source did not."""
        facts = {
            "form": str(self.form),
            "fps": self.fps,
            "mask_top": max(self.mask_top, clip.mask_top),
            "cues": self.cue_maker is not None,
            "quality": self.quality if self.form.codec == "jpeg" else None,
            "clip": [clip.name, clip.scene, clip.split, clip.fps],
            "labels": clip.labels and clip.labels.fingerprint(),
            "variants": {name: track.fingerprint() for name, track in sorted(clip.variants.items())},
            "masks": clip.masks and [clip.masks.name, stamp_of(clip.masks)],
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded clip, what the user should know of it, and why it is not whole where it is not."""

    stored: StoredClip
    notes: tuple[str, ...]
    problem: str | None = None


def decode_clip(
    clip: ClipSource,
    recipe: Recipe,
    folder: Path,
    threads: int | None = None,
    advance: Callable[[int], None] = lambda frames: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Decoded:
    """Decode a clip into files of a draft's folder; all in the caller's thread but the decoder's own.

    Args:
        clip: what to decode.
        recipe: how.
        folder: of the draft.
        threads: decoding threads of a video; None chooses.
        advance: called with the number of frames decoded since the last call.
        stopped: asked now and then; true ends with `Stopped`.

    Raises:
        FootageError: when the clip cannot be used, in one line that names it.
        OSError: when the files cannot be written.
        Stopped: when `stopped` said so.
    """
    utf8_location(clip.source)
    stamp = stamp_of(clip.source)  # this and the hash before decoding: what is written meanwhile is read the next time
    form, mask_top, cut_off = recipe.form, float(max(recipe.mask_top, clip.mask_top)), None
    try:
        with (
            open_source(str(clip.source), Reading(recipe.fps, clip.fps, Zones(mask_top), threads=threads)) as source,
            DecodedClipWriter(folder, clip.name, form, recipe.quality) as writer,
        ):
            sha256 = sha256_of(clip.source)
            maps_of = recipe.cue_maker(source.info.fps) if recipe.cue_maker else lambda frame: None
            try:
                for frame in source:
                    writer.write(frame, network_image(frame.view, form.size, form.channels), maps_of(frame))
                    if len(writer.indices) % TOLD_EVERY == 0:
                        advance(TOLD_EVERY)
                        if stopped():
                            raise Stopped
            except CutOffError as error:
                cut_off = f"{error} What could be read is in the cache."
            advance(len(writer.indices) % TOLD_EVERY)
            arrays = _annotations(clip, form, source.frames_read, np.array(writer.indices, np.int64))
            abnormal = "labels" in arrays and bool(arrays["labels"][0].any())
            record = Clip(
                name=clip.name,
                scene=clip.scene,
                split=clip.split or ("test" if abnormal else "train"),
                fps=float(source.info.fps),
                height=source.info.height,
                width=source.info.width,
                source=clip.source.absolute().name,
                sha256=sha256,
                location=location_digest(clip.source),
                stamp=stamp,
                recipe=recipe.digest(clip),
                began=source.info.began,
                thinned_to=recipe.fps,
                mask_top=mask_top,
                has_labels="labels" in arrays,
                has_masks="masks" in arrays,
                label_variants=tuple(sorted(clip.variants)),
            )
            return Decoded(writer.finish(record, arrays), source.notes, cut_off)
    except cv2.error as error:
        raise FootageError(f"{clip.source}: cannot be decoded ({str(error.err or error)[:80]}). Convert it.") from error


def _annotations(
    clip: ClipSource, form: CacheFormat, seen: int, kept: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.uint8]]:
    """Masks, and labels and their variants, of the frames that were kept out of all that were seen."""
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    labels = [] if clip.labels is None else [clip.labels.for_frames(seen, clip.name)]
    if clip.masks is not None:
        masks, abnormal = packed_masks(clip.masks, seen, form.size, clip.name)
        arrays["masks"], labels = masks[kept], labels or [abnormal]
    labels += [track.for_frames(seen, clip.name) for _, track in sorted(clip.variants.items())]
    return arrays | ({"labels": np.stack(labels)[:, kept]} if labels else {})
