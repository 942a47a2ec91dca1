"""`vad prepare`: footage of any kind → one frame cache; parallel, resumable, and whole or not at all.

Clips are decoded side by side by threads, since decoding, resizing and hashing leave Python's lock, into files beside
the cache (`cache.draft`), which a later run takes up. A clip is not decoded again when the sizes and times of change
of its files and everything asked for are as they were; where only the times differ, its SHA-256 decides. When all are
there, the cache is written in one go under a temporary name, with the clips that it had.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vadcli.errors import FootageError
from vadcli.files import check_output, named
from vadcli.footage.cache import Cache, CacheFormat, Clip, Split, open_cache, shorten
from vadcli.footage.cache.draft import draft, draft_folder, find_decoded
from vadcli.footage.cache.hdf5 import write_cache
from vadcli.footage.cache.manifest import StoredClip
from vadcli.footage.clip_decoding import CueMaker, Decoded, Recipe, decode_clip
from vadcli.footage.identity import location_digest, sha256_of, stamp_of
from vadcli.footage.layouts import ClipSource, find_clips, known_length, label_clips, told_apart
from vadcli.processes import present
from vadcli.progress import Progress
from vadcli.settings import PrepareSettings

MOST_PROBLEMS = 10
MOST_NOTES = 5  # of clips, in the order in which these are done


@dataclass(frozen=True)
class Prepared:
    """The result of a run."""

    clips: tuple[Clip, ...]  # all clips of the cache
    decoded: tuple[str, ...]  # names of those that this run decoded
    problems: tuple[str, ...]  # a line for each source or clip that could not be used
    abnormal: int  # frames among the labelled
    labelled: int  # frames with a label

    def summary(self, out: Path) -> str:
        """The contents of the cache, in a few lines for people."""
        train = [clip.num_frames for clip in self.clips if clip.split == "train"]
        clips, frames = len(self.clips), sum(clip.num_frames for clip in self.clips)
        scenes = len({clip.scene for clip in self.clips})
        masks = sum(clip.has_masks for clip in self.clips)
        return "\n".join(
            [
                f"{out}: {out.stat().st_size / 1e6:,.1f} MB, {len(self.decoded)} of {clips} clips are new",
                f"clips: {clips} ({len(train)} train, {clips - len(train)} test) of {scenes} scenes",
                f"frames: {frames} ({sum(train)} train, {frames - sum(train)} test)",
                f"labels: {self.abnormal} abnormal of {self.labelled} labelled frames; {masks} clips with masks",
            ]
        )


def prepare(
    sources: Sequence[str],
    out: Path,
    settings: PrepareSettings,
    progress: Progress,
    *,
    layout: str | None = None,
    split: Split | None = None,
    labels: Path | None = None,
    cue_maker: CueMaker | None = None,
) -> Prepared:
    """Decode footage into a cache, adding to one that is there.

    Args:
        sources: files and folders.
        out: the cache.
        settings: how to decode.
        progress: counts frames.
        layout: of the sources; None looks.
        split: of all clips; None leaves it to the layout, and where that does not say, clips with abnormal frames are
            `test` and all others `train`.
        labels: a label file or folder for all sources.
        cue_maker: see `Recipe`.

    Returns:
        the result; several processes share the clips and the folder of the cache, and only the lead returns all of it.

    Raises:
        FootageError: when nothing at all can be used, or the cache that is there is of another kind.
        InputError: when the disk is full.
    """
    form = CacheFormat(settings.size, settings.channels, settings.codec)
    recipe = Recipe(form, settings.quality, settings.fps, settings.mask_top, cue_maker)
    check_output("--out", out, named(labels, *map(Path, sources)), "cache")
    processes = present()
    own = draft(out, progress.note) if processes.leads else nullcontext(draft_folder(out))
    with own as folder:  # from before the cache is read, so that what it is replaced by holds all of it
        processes.wait()
        earlier = _earlier(out, form)
        clips, problems = _find(sources, layout, split, labels)
        for clip in clips:
            if clip.note:
                progress.note(clip.note)
        todo, refused = _todo(clips, recipe, {clip.name: clip for clip in earlier.clips} if earlier else {}, progress)
        problems += refused
        if processes.count > 1:
            _decode(todo[processes.share], recipe, folder, settings.workers, progress)
            processes.wait()
        if not processes.leads:
            return Prepared((), (), (), 0, 0)
        done, failed = _decode(todo, recipe, folder, settings.workers, progress) if todo else ({}, [])
        problems += failed
        decoded = {clip.name: done[clip.name] for clip in todo if clip.name in done}
        if not decoded and not earlier:
            raise _nothing(problems)
        if decoded:
            kept = {clip.name: earlier.stored(clip.name) for clip in earlier.clips} if earlier else {}
            stored = kept | decoded  # those it had in their order, anew where they are decoded again
            progress.start("writing", sum(each.clip.num_frames for each in stored.values()))
            write_cache(folder / "cache.h5", form, list(stored.values()), progress.advance)
            (folder / "cache.h5").replace(out)
    with open_cache(out) as cache:
        labels_of = [found for clip in cache.clips if (found := cache.labels(clip.name)) is not None]
        abnormal, labelled = sum(int(found.sum()) for found in labels_of), sum(map(len, labels_of))
        return Prepared(cache.clips, tuple(decoded), tuple(problems), abnormal, labelled)


def _earlier(out: Path, form: CacheFormat) -> Cache | None:
    """The cache that is there already, which must be of the asked kind."""
    if not out.exists():
        return None
    cache = open_cache(out)
    if cache.form != form:
        raise FootageError(
            f"{out}: holds {cache.form} frames; {form} was asked for. Use another --out, or the same options."
        )
    return cache


def _find(
    sources: Sequence[str], layout: str | None, split: Split | None, labels: Path | None
) -> tuple[list[ClipSource], list[str]]:
    found: dict[str, list[ClipSource]] = {}
    problems: list[str] = []
    alone = len(sources) == 1
    for source in dict.fromkeys(sources):
        try:
            found[source] = find_clips(source, layout, split, labels if alone else None)
        except FootageError as error:
            problems.append(str(error))
    clips = told_apart(found)
    if labels is not None and not alone:
        clips = label_clips(clips, labels)
    return clips, problems


def _todo(
    clips: Sequence[ClipSource], recipe: Recipe, stored: Mapping[str, Clip], progress: Progress
) -> tuple[list[ClipSource], list[str]]:
    """Clips that the cache has not, or not as they would be now, and a line for each that cannot be told."""
    by_location = {clip.location: clip for clip in stored.values()}
    todo: dict[str, ClipSource] = {}
    problems, renamed = list[str](), list[str]()
    for clip in clips:
        location = location_digest(clip.source)
        same = by_location.get(location)
        if same and not (clip.name in stored and stored[clip.name].location == location):
            # a file given by itself, which is its own scene, stays in the scene that the cache has it in
            clip = replace(clip, name=same.name, scene=same.scene if clip.scene == clip.name else clip.scene)
            renamed.append(clip.name)
        try:
            if not _is_stored(clip, recipe, stored):
                todo.setdefault(clip.name, clip)  # a second one of that name is a copy of the first
        except FootageError as error:
            problems.append(str(error))
    if renamed:
        progress.note(f"in the cache by another name, which they keep: {shorten(renamed)}")
    return list(todo.values()), problems


def _is_stored(clip: ClipSource, recipe: Recipe, stored: Mapping[str, Clip]) -> bool:
    """Whether the cache has a clip as it would be decoded now.

    Raises:
        FootageError: when the cache has other footage by that name, or the source cannot be read.
    """
    if clip.name not in stored:
        return False
    known = stored[clip.name]
    if location_digest(clip.source) == known.location:
        unchanged = known.stamp == stamp_of(clip.source)
        return known.recipe == recipe.digest(clip) and (unchanged or known.sha256 == sha256_of(clip.source))
    if known.sha256 != sha256_of(clip.source):
        raise FootageError(
            f"{clip.source}: would be clip {clip.name}, which the cache has of another {known.source} with other "
            "content. Give it a name of its own, or use another --out."
        )
    return known.recipe == recipe.digest(clip)


def _is_of(decoded: Clip, clip: ClipSource, recipe: Recipe) -> bool:
    made_of = decoded.location, decoded.stamp, decoded.recipe
    with suppress(FootageError):  # decoding says what is wrong with it
        return made_of == (location_digest(clip.source), stamp_of(clip.source), recipe.digest(clip))
    return False


def _decode(
    todo: Sequence[ClipSource], recipe: Recipe, folder: Path, workers: int, progress: Progress
) -> tuple[dict[str, StoredClip], list[str]]:
    """Decoded clips by name, and a line for each that cannot be used."""
    decoded: dict[str, StoredClip] = {}
    for clip in todo:
        if (found := find_decoded(folder, recipe.form, clip.name)) and _is_of(found.clip, clip, recipe):
            decoded[clip.name] = found
    if decoded:
        progress.note(f"{len(decoded)} clips are decoded already")
    waiting = [clip for clip in todo if clip.name not in decoded]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    at_once = min(workers or cores, max(len(waiting), 1))
    telling, stop = threading.Lock(), threading.Event()
    problems: dict[str, str] = {}
    notes: list[str] = []

    def advance(frames: int) -> None:
        with telling:
            progress.advance(frames)

    def run(clip: ClipSource) -> Decoded:
        return decode_clip(clip, recipe, folder, 1 if at_once > 1 else None, advance, stop.is_set)

    with ThreadPoolExecutor(at_once, thread_name_prefix="decode") as pool:
        try:
            lengths = [length or 0 for length in pool.map(known_length, waiting)]
            progress.start("decoding", float(sum(lengths)) if all(lengths) else None)
            longest_first = sorted(zip(lengths, waiting, strict=True), key=lambda pair: -pair[0])
            running = {pool.submit(run, clip): clip for _, clip in longest_first}
            for done in as_completed(running):
                name = running[done].name
                try:
                    decoded[name] = done.result().stored
                    notes += done.result().notes
                    if problem := done.result().problem:
                        problems[name] = problem
                except FootageError as error:
                    problems[name] = str(error)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    for note in notes[:MOST_NOTES]:
        progress.note(note)
    if len(notes) > MOST_NOTES:
        progress.note(f"… and {len(notes) - MOST_NOTES} more notes of this kind")
    return decoded, [problems[clip.name] for clip in todo if clip.name in problems]


def _nothing(problems: Sequence[str]) -> FootageError:
    lines = list(problems[:MOST_PROBLEMS])
    if len(problems) > MOST_PROBLEMS:
        lines.append(f"… and {len(problems) - MOST_PROBLEMS} more. Nothing could be used.")
    return FootageError(*(lines or ["no footage there. Give videos, folders of them, or a benchmark."]))
