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

__all__ = ["LAYOUTS", "ClipSource", "find_clips", "known_length", "label_clips", "told_apart", "unique_names"]

Find = Callable[[Path, Path | None], list[ClipSource]]


def _labelled(find: Callable[[Path], list[ClipSource]]) -> Find:
    """A layout that takes labels that the user names instead of its own."""

    def with_labels(path: Path, labels: Path | None) -> list[ClipSource]:
        clips = find(path)
        return clips if labels is None else label_clips(clips, labels)

    return with_labels


LAYOUTS: dict[str, tuple[Callable[[Path], bool], Find]] = {  # the first that fits is taken
    "demo": (demo.detect, _labelled(demo.find)),
    "ucsd": (ucsd.detect, _labelled(ucsd.find)),
    "avenue": (avenue.detect, _labelled(avenue.find)),
    "shanghaitech": (shanghaitech.detect, _labelled(shanghaitech.find)),
    "ucf-crime": (ucf_crime.detect, _labelled(ucf_crime.find)),
    "umn": (umn.detect, _labelled(umn.find)),
    "frames-benchmark": (frames_benchmark.detect, frames_benchmark.find),
    "videos": (plain.has_videos, _labelled(plain.find_videos)),
    "frames": (plain.has_pictures, _labelled(plain.find_pictures)),
}


def find_clips(
    source: str, layout: str | None = None, split: Split | None = None, labels: Path | None = None
) -> list[ClipSource]:
    """Clips of one source, in natural order, training before test.

    Args:
        source: a file or folder.
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
    clips = LAYOUTS[layout][1](path, labels) if path.is_dir() or layout == "videos" else []
    if not clips:
        raise FootageError(f"{source}: not laid out as {layout}. Leave --layout away to have it recognised.")
    return [replace(clip, split=split) for clip in clips] if split else clips


def label_clips(clips: Sequence[ClipSource], labels: Path) -> list[ClipSource]:
    """The clips with labels of a file or folder, those of split `test` where there are any, else all.

    Raises:
        FootageError: when the labels do not fit the clips.
    """
    labelled = [clip for clip in clips if clip.split == "test"] or clips
    over_all = labels.is_file() and labels.suffix.lower() != ".m" and len(labelled) > 1
    counts = {clip.name: known_length(clip) if over_all or clip.source.is_dir() else None for clip in labelled}
    tracks = labels_for(labels, counts)
    return [replace(clip, labels=tracks.get(clip.name, clip.labels)) for clip in clips]


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
    return [_within(home, homes[clip.scene], clip) for home, clip in clips.values()]


def _within(home: Path, homes: Collection[Path], clip: ClipSource) -> ClipSource:
    """The clip, with as many of the folders above its home as tell it from the others."""
    depth = next(
        depth for depth in range(len(home.parts)) if len({one.parts[-depth - 1 :] for one in homes}) == len(homes)
    )
    above = "/".join(home.parts[-depth - 1 : -1])
    return replace(clip, name=f"{above}/{clip.name}", scene=f"{above}/{clip.scene}") if above else clip


def unique_names(clips: Sequence[ClipSource]) -> list[ClipSource]:
    """The same clips; those of one name get their folder's name before it.

    Raises:
        FootageError: when that does not tell them apart.
    """
    names = [clip.name for clip in clips]
    renamed = []
    for clip in clips:
        if names.count(clip.name) > 1:
            name = f"{clip.source.resolve().parent.name}/{clip.name}"
            clip = replace(clip, name=name, scene=name if clip.scene == clip.name else clip.scene)
        renamed.append(clip)
    seen: dict[str, ClipSource] = {}
    for clip in renamed:
        if (other := seen.setdefault(clip.name, clip)) is not clip:
            raise _clash(other, clip)
    return renamed


def _clash(one: ClipSource, other: ClipSource) -> FootageError:
    both = f"{one.source} and {other.source}: both would be clip {one.name}"
    if one.source.name != other.source.name and one.source.with_suffix("") == other.source.with_suffix(""):
        return FootageError(f"{both}, since only their endings differ. Rename one, or take it away.")
    return FootageError(f"{both}. Prepare them from a common folder, or rename one.")
