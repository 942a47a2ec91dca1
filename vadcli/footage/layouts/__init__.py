"""How footage lies on disk: plain recordings and benchmarks by their official layouts, found by looking."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.footage.cache import Split
from vadcli.footage.layouts import frames_benchmark, picture_folders, videos
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.label_files import labels_for
from vadcli.footage.source import is_live

__all__ = ["LAYOUTS", "ClipSource", "find_clips"]

Find = Callable[[Path, Path | None], list[ClipSource]]


def _labelled(find: Callable[[Path], list[ClipSource]]) -> Find:
    """A layout without labels of its own takes those that the user names."""

    def with_labels(path: Path, labels: Path | None) -> list[ClipSource]:
        clips = find(path)
        if labels is None:
            return clips
        tracks = labels_for(labels, {clip.name: None for clip in clips})
        return [replace(clip, labels=tracks.get(clip.name)) for clip in clips]

    return with_labels


LAYOUTS: dict[str, tuple[Callable[[Path], bool], Find]] = {  # the first that fits is taken
    "frames-benchmark": (frames_benchmark.detect, frames_benchmark.find),
    "frames": (picture_folders.detect, _labelled(picture_folders.find)),
    "videos": (videos.detect, _labelled(videos.find)),
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
    if layout is not None:
        detect, find = LAYOUTS[layout]
        if not detect(path):
            raise FootageError(f"{source}: not laid out as {layout}. Leave --layout away to have it recognised.")
    else:
        fitting = [find for detect, find in LAYOUTS.values() if detect(path)]
        if not fitting:
            raise FootageError(f"{source}: no videos or pictures in this folder. Give footage or a benchmark.")
        find = fitting[0]
    clips = find(path, labels)
    return [replace(clip, split=split) for clip in clips] if split else clips


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
            raise FootageError(
                f"{other.source} and {clip.source}: both would be clip {clip.name}. Prepare them from a common folder."
            )
    return renamed
