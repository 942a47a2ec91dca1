"""A cache's manifest: the record of every clip, and with it the length of every array of the cache.

The arrays are flat, those of one clip end to end with those of the next, in the order of the clips:

- `frames`: bytes of pixels or of JPEGs; `ends` (n,) of each JPEG, counted from the clip's first byte;
- `times_s`, `indices`, `gaps`, `has_cues` (n,): of each frame;
- `cues` (n, sum of the maps' sizes): maps of each frame, by name, zeros where it has none;
- `labels` (sets, n): the usual labels and then the variants; `masks` (n, H·W / 8): packed pixels.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from vadcli.footage.frames import SourceInfo
from vadcli.footage.opencv import MOST_PIXELS

FORMAT = "vad-cache"
VERSION = 3
DTYPES: Mapping[str, np.dtype[Any]] = {
    name: np.dtype(code)
    for name, code in {
        "frames": "u1", "ends": "<i8", "times_s": "<f8", "indices": "<i8", "gaps": "u1", "has_cues": "u1",
        "cues": "<f2", "labels": "u1", "masks": "u1",
    }.items()
}  # fmt: skip
Codec = Literal["raw", "jpeg"]
Split = Literal["train", "test"]
_Count = Annotated[int, Field(ge=0, le=1 << 48)]
_Side = Annotated[int, Field(ge=1, le=1 << 24)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Shape = Annotated[tuple[_Side, ...], Field(max_length=4)]


class NoCacheError(Exception):
    """A file is no cache of this version, and why, in a few words."""


@dataclass(frozen=True, slots=True)
class CacheFormat:
    """The format of all frames of a cache."""

    size: tuple[_Side, _Side]  # (H, W)
    channels: Literal[1, 3]  # grey or RGB
    codec: Codec

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}x{self.channels} {self.codec}"

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame's pixels."""
        return math.prod(self.size) * self.channels

    @property
    def mask_bytes(self) -> int:
        """Bytes of a frame's packed mask."""
        return -(-math.prod(self.size) // 8)


@dataclass(frozen=True, slots=True)
class Clip:
    """A cache's record of one clip."""

    name: str  # unique in the cache: `SCENE/CLIP`, or `SCENE/SPLIT/CLIP` for benchmarks
    scene: str  # whose camera it is
    split: Split  # `train` is normal footage
    fps: _Positive  # frames a second, after thinning
    height: _Side  # of the source's own frames, as is `width`
    width: _Side
    source: str  # name of the file or folder that it came from
    sha256: str  # of the source's bytes
    location: str  # digest of the source's real path
    stamp: str  # size and time of change of the source's files, by which a later run knows it again without hashing
    recipe: str  # digest of everything else that the stored clip depends on
    began: AwareDatetime | None = None  # when the recording began, None where nobody knows
    thinned_to: _Positive | None = None  # frames a second that were asked for, None for all
    mask_top: _Share = 0.0  # share of the height that is black
    num_frames: _Count = 0
    stored_bytes: _Count = 0  # of its frames
    cues: dict[str, _Shape] = field(default_factory=dict)  # shapes of its cue maps by name, empty where it has none
    has_labels: bool = False
    has_masks: bool = False
    label_variants: tuple[str, ...] = ()  # names of further label sets (see `Cache.labels`)

    def info(self, frames: int | None = None) -> SourceInfo:
        """The clip, or so many frames of it, as a source."""
        frames = self.num_frames if frames is None else frames
        return SourceInfo(self.name, self.fps, frames, self.height, self.width, frames / self.fps, self.began)

    @property
    def cue_numbers(self) -> int:
        """Numbers in the cue maps of a frame."""
        return sum(map(math.prod, self.cues.values()))

    def lengths(self, form: CacheFormat) -> dict[str, int]:
        """Items that it has in each array of the cache."""
        count = self.num_frames
        label_sets = self.has_labels + len(self.label_variants)
        return {
            "frames": self.stored_bytes,
            "ends": count if form.codec == "jpeg" else 0,
            **dict.fromkeys(("times_s", "indices", "gaps", "has_cues"), count),
            "cues": count * self.cue_numbers,
            "labels": count * label_sets,
            "masks": count * form.mask_bytes if self.has_masks else 0,
        }


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A clip, and where the bytes of its part of every array lie."""

    clip: Clip
    regions: Callable[[str], tuple[Path, int, int]]  # of an array: a file, the first byte in it, number of bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a cache says of itself."""

    frames: CacheFormat
    clips: tuple[Clip, ...]  # in the order they were prepared

    def to_json(self) -> bytes:
        """The bytes that are stored."""
        facts = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(facts, sort_keys=True, default=str).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """The manifest of stored bytes.

        Raises:
            NoCacheError: for what vad would not have written.
        """
        try:
            facts = from_json(data)
        except ValueError as error:
            raise NoCacheError("its manifest is damaged") from error
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise NoCacheError("an HDF5 file, but no cache of vad")
        if (version := facts.get("version")) != VERSION:
            raise NoCacheError(f"cache version {str(version)[:20]}; this vad reads version {VERSION}")
        try:
            found = _ADAPTER.validate_python(facts)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))[:80]
            raise NoCacheError(f"its manifest says of {place}: {first['msg'].lower()}") from error
        form, names = found.frames, set[str]()
        if math.prod(form.size) > MOST_PIXELS:
            raise NoCacheError(f"frames of {form}")
        for clip in found.clips:
            if clip.name in names:
                raise NoCacheError(f"two clips {clip.name}")
            names.add(clip.name)
            if form.codec == "raw" and clip.stored_bytes != clip.num_frames * form.frame_bytes:
                raise NoCacheError(
                    f"clip {clip.name}: {clip.stored_bytes:,} bytes for {clip.num_frames:,} frames of {form}"
                )
        return found

    def starts(self) -> dict[str, list[int]]:
        """Of every array, where each clip's items begin, and then its length."""
        found = {name: [0] for name in DTYPES}
        for clip in self.clips:
            for name, length in clip.lengths(self.frames).items():
                found[name].append(found[name][-1] + length)
        return found


_ADAPTER = TypeAdapter(Manifest)
