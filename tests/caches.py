"""Caches of frames that are given, and evidence on a clip, for tests of all rooms."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vadcli.evaluation.evidence import Evidence
from vadcli.footage.cache import CacheFormat, Clip
from vadcli.footage.cache.draft import DecodedClipWriter
from vadcli.footage.cache.hdf5 import write_cache
from vadcli.footage.frames import Frame
from vadcli.footage.opencv import cv2
from vadcli.footage.resize import view_size
from vadcli.scoring.cues import CueMaker


def view_of(image: np.ndarray) -> np.ndarray:
    height, width = view_size(*image.shape[:2])
    colour = np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))
    return np.asarray(cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA))


@dataclass
class Given:
    """One clip: frames (n, H, W, C), masks (n, H, W), cues and whatever else it has, a value a frame."""

    frames: np.ndarray
    labels: Sequence[int] | None = None
    masks: np.ndarray | None = None
    variants: Mapping[str, Sequence[int]] = field(default_factory=dict)
    cues: Sequence[Mapping[str, np.ndarray] | None] | None = None
    own_cues: bool = False  # cue maps as `vad prepare` makes them, of the frames
    times_s: Sequence[float] | None = None
    gaps: Sequence[int] = ()  # numbers of frames before which some are missing
    scene: str = "s"
    split: str = "train"
    fps: float = 25.0
    source: str = "s.mp4"
    sha256: str = "0" * 64

    def record(self, name: str) -> Clip:
        return Clip(
            name=name, scene=self.scene, split=self.split, fps=self.fps, height=48, width=64, source=self.source,
            sha256=self.sha256, location="", stamp="", recipe="", has_labels=self.labels is not None,
            has_masks=self.masks is not None, label_variants=tuple(sorted(self.variants)),
        )  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        sets = [
            *([] if self.labels is None else [self.labels]),
            *(self.variants[name] for name in sorted(self.variants)),
        ]
        found = {"labels": np.array(sets, np.uint8)} if sets else {}
        if self.masks is not None:
            found["masks"] = np.packbits(self.masks.reshape(len(self.masks), -1), axis=1)
        return found


def write(path: Path, clips: Mapping[str, Given | np.ndarray], codec: str = "raw") -> Path:
    """A cache of clips by their names."""
    given = {name: clip if isinstance(clip, Given) else Given(clip) for name, clip in clips.items()}
    shape = next(iter(given.values())).frames.shape
    form, parts = CacheFormat(shape[1:3], shape[3], codec), []
    with tempfile.TemporaryDirectory() as folder:
        for name, clip in given.items():
            with DecodedClipWriter(Path(folder), name, form, 95) as writer:
                maker = CueMaker(clip.fps)
                for number, image in enumerate(clip.frames):
                    time_s = number / clip.fps if clip.times_s is None else clip.times_s[number]
                    frame = Frame(view_of(image), number, time_s, number in clip.gaps)
                    maps = maker(frame.view, frame.time_s, frame.after_gap)
                    made = maps._asdict() if maps is not None and clip.own_cues else None
                    writer.write(frame, image, clip.cues[number] if clip.cues else made)
                parts.append(writer.finish(clip.record(name), clip.arrays()))
        write_cache(path, form, parts)
    return path


def noise(frames: int, size=(8, 16), channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, *size, channels), dtype=np.uint8)


def evidence_on(labels, signals, name="a", fps=25.0, scene="s", first=0):
    """Evidence at a steady rate."""
    frames = np.arange(first, first + len(labels))
    return Evidence(name, scene, fps, frames, labels, signals, frames / fps)
