"""Frame labels for scores that came from elsewhere: any label file that `vad prepare` reads, or a cache."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vadcli.errors import FootageError, InputError
from vadcli.evaluation.pool import Flags
from vadcli.footage.cache import open_cache, shorten
from vadcli.footage.layouts.label_files import LABEL_SUFFIXES, labels_for, match_clip, read_npy
from vadcli.footage.layouts.labels import FrameLabels, LabelTrack
from vadcli.footage.naming import natural

# Windows are shorter than this: more frames than these are not missing for want of a window.
_LONGEST_HEAD = 32


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels whose clips are known, or a file that is read once the scored clips are."""

    path: Path  # of the file, folder or cache
    # by clip name, where the labels name all clips themselves (a cache, a folder)
    named: Mapping[str, LabelTrack] | None = None
    fps: Mapping[str, float] = field(default_factory=dict)  # frames a second by clip name, where it is known

    def lengths(self) -> dict[str, int] | None:
        """Frames of every clip in natural order, where labels say so for all."""
        named = self.named or {}
        lengths = {name: len(track.values) for name, track in named.items() if isinstance(track, FrameLabels)}
        return {name: lengths[name] for name in sorted(lengths, key=natural)} if len(lengths) == len(named) else None

    def of(self, clips: Mapping[str, int]) -> dict[str, tuple[str, LabelTrack]]:
        """Name and labels of every scored clip.

        Args:
            clips: names of the scored clips in natural order, with their number of frames.

        Raises:
            InputError: when either side has a clip that the other lacks.
        """
        if self.named is None:
            if self.path.suffix.lower() == ".npy" and len(clips) > 1:
                check_count(str(self.path), sum(clips.values()), read_npy(self.path).size, len(clips))
            tracks = labels_for(self.path, clips)
            unknown = [name for name in clips if name not in tracks]
            if unknown:
                raise InputError(f"{self.path}: no labels for {shorten(unknown, 4)} of the scores.")
            return {name: (name, tracks[name]) for name in clips}
        if len(clips) == len(self.named) == 1:
            return {next(iter(clips)): next(iter(self.named.items()))}
        found = {name: self._match(name, self.named) for name in clips}
        taken = Counter(name for name, _ in found.values())
        name, count = taken.most_common(1)[0]
        if count > 1:
            raise InputError(f"clip {name}: two of the scored clips are meant by it. Name them as the labels do.")
        missing = sorted(self.named.keys() - taken, key=natural)
        if missing:
            raise InputError(
                f"{self.path}: no scores for {shorten(missing, 4)}. Score them too, or label without them."
            )
        return found

    def _match(self, name: str, named: Mapping[str, LabelTrack]) -> tuple[str, LabelTrack]:
        """The labels of a scored clip: by its name, or by the end of its path."""
        parts = name.split("/")
        ends = ("/".join(parts[first:]) for first in range(len(parts)))
        found = next((end for end in ends if end in named), None)
        found = found or match_clip(parts[-1], list(named), str(self.path))
        return found, named[found]


def read_labels(path: Path, variant: str | None = None) -> Labels:
    """Labels of a file, a folder with a file a clip, or a cache; raises InputError for a path that holds no labels."""
    if path.suffix.lower() in (".h5", ".hdf5"):
        return _from_cache(path, variant)
    if variant is not None:
        raise InputError(f"--labels-variant {variant}: only a cache has variants, and {path} is none.")
    if path.is_dir():
        names = sorted({p.stem for p in path.iterdir() if p.suffix.lower() in LABEL_SUFFIXES}, key=natural)
        return Labels(path, named=labels_for(path, dict.fromkeys(names)))
    if not path.is_file():
        raise InputError(f"{path}: no such labels. Give {', '.join(LABEL_SUFFIXES)}, a folder of them, or a cache.")
    return Labels(path)


def as_flags(track: LabelTrack, clip: str, length: int) -> Flags:
    """(length,), True where abnormal.

    Raises:
        InputError: when there are labels of another length: of which clip, and by how many.
    """
    if isinstance(track, FrameLabels) and len(track.values) != length:
        off = length - len(track.values)
        raise InputError(
            f"clip {clip}: {length} frames scored (with --drop-head and --drop-tail), {len(track.values)} labelled in "
            f"{track.origin}: {abs(off)} too {'many' if off > 0 else 'few'} scores.{_guess(-off, 1)}"
        )
    return np.asarray(track.for_frames(length, clip), dtype=np.bool_)


def check_count(origin: str, scores: int, labels: int, clips: int) -> None:
    """Refuse scores and labels of all clips together that differ in number, with a guess at why.

    Raises:
        InputError: naming both numbers.
    """
    if scores != labels:
        raise InputError(
            f"{origin}: {scores} scores for {labels} labelled frames of {clips} clips, {abs(labels - scores)} "
            f"too {'few' if labels > scores else 'many'}.{_guess(labels - scores, clips)}"
        )


def _guess(missing: int, clips: int) -> str:
    """The advice for missing scores: a number of frames for --drop-head, where every clip seems to lack as many."""
    each, rest = divmod(missing, clips)
    if rest or not 0 < each <= _LONGEST_HEAD:
        return " Say what was left out of each clip with --drop-head and --drop-tail."
    share = "" if clips == 1 else f"That is {each} for each of {clips} clips: "
    return f" {share}{'if' if share else 'If'} the first frames of each clip have no score, add {each} to --drop-head."


def _from_cache(path: Path, variant: str | None) -> Labels:
    named: dict[str, LabelTrack] = {}
    fps: dict[str, float] = {}
    with open_cache(path) as cache:
        for clip in cache.clips:
            values = cache.labels(clip.name, variant) if clip.split == "test" and clip.has_labels else None
            if values is not None:
                named[clip.name], fps[clip.name] = FrameLabels(path.name, values), clip.fps
    if not named:
        raise FootageError(f"{path}: no test clip of this cache has labels. Prepare it with --labels.")
    return Labels(path, named, fps)
