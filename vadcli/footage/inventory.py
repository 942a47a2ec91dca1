"""Clips that a cache has already: known again by where they lay, and by their bytes where that does not tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vadcli.errors import FootageError
from vadcli.footage.cache import Clip
from vadcli.footage.clip_decoding import Recipe
from vadcli.footage.identity import location_digest, sha256_of, stamp_of
from vadcli.footage.layouts import ClipSource


def under_stored_names(clips: Sequence[ClipSource], stored: Mapping[str, Clip]) -> list[ClipSource]:
    """The clips, those that the cache has under another name by that one, so that none is stored twice.

    A file given by itself, which is its own scene, stays in the scene that the cache has it in.
    """
    by_location = {clip.location: clip for clip in stored.values()}
    renamed = []
    for clip in clips:
        location = location_digest(clip.source)
        same = by_location.get(location)
        if same and not (clip.name in stored and stored[clip.name].location == location):
            clip = replace(clip, name=same.name, scene=same.scene if clip.scene == clip.name else clip.scene)
        renamed.append(clip)
    return renamed


def is_stored(clip: ClipSource, recipe: Recipe, stored: Mapping[str, Clip]) -> bool:
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
