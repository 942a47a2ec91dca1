"""Clips that a cache has already: known again by where they lie, and by their bytes where that does not tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py

from vadcli.errors import FootageError
from vadcli.footage.clip_decoding import Recipe
from vadcli.footage.identity import place_of, sha256_of, stamp_of
from vadcli.footage.layouts import ClipSource


@dataclass(frozen=True, slots=True)
class StoredClip:
    """The marks by which a later run knows a stored clip (see `parts.PartInfo`)."""

    name: str
    scene: str
    source: str
    place: str
    sha256: str
    stamp: str
    recipe: str


def stored_clips(cache: Path) -> dict[str, StoredClip]:
    """Every complete clip of a cache, by name."""
    found: dict[str, StoredClip] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and item.attrs.get("complete", False):
            fields = ("scene", "source", "place", "sha256", "stamp", "recipe")
            facts = {field: str(item.attrs.get(field, "")) for field in fields}
            facts["place"] = facts["place"] or place_of(Path(facts["source"]))  # caches of old do not say
            found[name] = StoredClip(name, **facts)

    with h5py.File(cache, "r") as file:
        file["clips"].visititems(visit)
    return found


def under_stored_names(clips: Sequence[ClipSource], stored: dict[str, StoredClip]) -> list[ClipSource]:
    """The clips, those that the cache has under another name by that one, so that none is stored twice.

    A file given by itself, which is its own scene, stays in the scene that the cache has it in.
    """
    by_place = {clip.place: clip for clip in stored.values()}
    renamed = []
    for clip in clips:
        place = place_of(clip.source)
        same = by_place.get(place)
        if same and not (clip.name in stored and stored[clip.name].place == place):
            clip = replace(clip, name=same.name, scene=same.scene if clip.scene == clip.name else clip.scene)
        renamed.append(clip)
    return renamed


def is_stored(clip: ClipSource, recipe: Recipe, stored: dict[str, StoredClip]) -> bool:
    """Whether the cache has a clip as it would be decoded now.

    Raises:
        FootageError: when the cache has other footage by that name, or the source cannot be read.
    """
    if clip.name not in stored:
        return False
    known = stored[clip.name]
    if place_of(clip.source) == known.place:
        unchanged = known.stamp == stamp_of(clip.source)
        return known.recipe == recipe.digest(clip) and (unchanged or known.sha256 == sha256_of(clip.source))
    if known.sha256 != sha256_of(clip.source):
        raise FootageError(
            f"{clip.source}: would be clip {clip.name}, which the cache has of {known.source} and with other content. "
            "Give it a name of its own, or use another --out."
        )
    return known.recipe == recipe.digest(clip)
