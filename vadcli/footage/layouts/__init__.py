"""Layouts of footage on disk: plain recordings and benchmarks by their official layouts, found by looking."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.cache import Split
from vadcli.footage.identity import location_of
from vadcli.footage.layouts import avenue, demo, frames_benchmark, plain, shanghaitech, ucf_crime, ucsd, umn
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.label_files import labels_for
from vadcli.footage.layouts.plain import split_of
from vadcli.footage.naming import images_in
from vadcli.footage.source import Reading, is_live, open_source

__all__ = ["LAYOUTS", "ClipSource", "find_clips", "known_length", "label_clips", "told_apart"]

# Whether a folder is laid out so, and its clips; the first that fits is taken.
LAYOUTS: dict[str, tuple[Callable[[Path], bool], Callable[[Path], list[ClipSource]]]] = {
    "demo": (demo.detect, demo.find),
    "ucsd": (ucsd.detect, ucsd.find),
    "avenue": (avenue.detect, avenue.find),
    "shanghaitech": (shanghaitech.detect, shanghaitech.find),
    "ucf-crime": (ucf_crime.detect, ucf_crime.find),
    "umn": (umn.detect, umn.find),
    "frames-benchmark": (frames_benchmark.detect, frames_benchmark.find),
    "videos": (plain.has_videos, plain.find_videos),
    "frames": (plain.has_pictures, plain.find_pictures),
}


def find_clips(
    source: str, layout: str | None = None, split: Split | None = None, labels: Path | None = None
) -> list[ClipSource]:
    """Clips of a file or folder, in natural order, training before test.

    Args:
        source: as the user gave it.
        layout: a key of `LAYOUTS`; None looks.
        split: instead of the one that the layout tells.
        labels: a label file or folder instead of the layout's own.

    Raises:
        FootageError: when nothing is there, or it is not laid out so.
    """
    path = Path(source)
    if is_live(source):
        raise FootageError(f"{source}: `vad prepare` reads files and folders. Record the stream to a file first.")
    if not path.exists():
        raise FootageError(f"{source}: not found. Check the path.")
    if layout is None:
        layout = next((name for name, (detect, _) in LAYOUTS.items() if detect(path)), None)
        if layout is None:
            raise FootageError(f"{source}: no videos or pictures in this folder. Give footage or a benchmark.")
    clips = LAYOUTS[layout][1](path) if path.is_dir() or layout == "videos" else []
    if not clips:
        raise FootageError(f"{source}: not laid out as {layout}. Leave --layout away to have it recognised.")
    clips = clips if labels is None else label_clips(clips, labels)
    return [replace(clip, split=split) for clip in clips] if split else clips


def label_clips(clips: Sequence[ClipSource], labels: Path) -> list[ClipSource]:
    """The clips with labels of a file or folder instead of their own: those of split `test`, or all where none is.

    Raises:
        FootageError: when the labels do not fit the clips.
    """
    labelled = [clip for clip in clips if clip.split == "test"] or clips
    over_all = labels.is_file() and labels.suffix.lower() != ".m" and len(labelled) > 1
    counts = {clip.name: known_length(clip) if over_all or clip.source.is_dir() else None for clip in labelled}
    tracks = labels_for(labels, counts)
    return [replace(clip, labels=tracks[clip.name], variants={}) if clip.name in tracks else clip for clip in clips]


def known_length(clip: ClipSource) -> int | None:
    """The number of a clip's frames, as far as is known without decoding it."""
    with suppress(FootageError, OSError):
        if clip.source.is_dir():
            return len(images_in(clip.source))
        with open_source(str(clip.source), Reading(threads=1)) as source:
            return source.info.frames
    return None


def told_apart(found: Mapping[str, Sequence[ClipSource]]) -> list[ClipSource]:
    """Clips of several sources, each file once; scenes of one name in different places get the folders above it.

    Args:
        found: clips by the source, as the user gave it. Splits of one folder are of one scene.

    Raises:
        FootageError: where two clips would have one name all the same.
    """
    homes: dict[str, set[Path]] = {}
    clips: dict[str, tuple[Path, ClipSource]] = {}
    for source, its_clips in found.items():
        home = Path(source).resolve()
        home = home.parent if split_of(home) else home
        for clip in its_clips:
            location = location_of(clip.source) if clip.source.exists() else str(clip.source)
            if clips.setdefault(location, (home, clip))[1] is clip:
                homes.setdefault(clip.scene, set()).add(home)
    named: dict[str, ClipSource] = {}
    for home, clip in clips.values():
        clip = _within(home, homes[clip.scene], clip)
        if (first := named.setdefault(clip.name, clip)) is not clip:
            raise _clash(first.source, clip.source, clip.name)
    return list(named.values())


def _within(home: Path, homes: Collection[Path], clip: ClipSource) -> ClipSource:
    """The clip, with as many of the folders above its home as tell it from the others."""
    depths = range(len(home.parts))
    depth = next(depth for depth in depths if len({each.parts[-depth - 1 :] for each in homes}) == len(homes))
    above = "/".join(home.parts[-depth - 1 : -1])
    return replace(clip, name=f"{above}/{clip.name}", scene=f"{above}/{clip.scene}") if above else clip


def _clash(first: Path, second: Path, name: str) -> FootageError:
    both = f"{first} and {second}: both would be clip {name}"
    if first.name != second.name and first.with_suffix("") == second.with_suffix(""):
        return FootageError(f"{both}, since only their endings differ. Rename one, or take it away.")
    return FootageError(f"{both}. Prepare them from a common folder, or rename one.")
