"""The layout of a cache in its HDF5 file, and the checks of a file that somebody else may have made.

- attributes: `format`, `version`, `size` (H, W), `channels`, `codec`;
- `clips/NAME/`: `frames`, `labels`, `masks`, `variants/`, and attributes of the clip (see `reader.Clip`);
- `added/clips/NAME/`: the same of the clips that were added last;
- `added/before/`: what `added` was before that, and so on.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import h5py
import numpy as np

from vadcli.footage.cache.heap import is_checkable
from vadcli.footage.opencv import MOST_PIXELS
from vadcli.footage.strangers import groups_below, members, why_not_read

FORMAT = "vad-cache"
VERSION = 2  # 1 has nothing added, and says where on its machine sources lay
READ = (1, 2)
ADDED, BEFORE = "added", "before"
Codec = Literal["raw", "jpeg"]
_MOST_ADDITIONS = 1000


def additions(file: h5py.File) -> list[h5py.Group]:
    """Groups that have clips in them: the file itself, then what was added, the latest first.

    Raises:
        ValueError: for a link that leads elsewhere, or additions without end.
    """
    found, name = [file["/"]], ADDED
    while isinstance(inner := dict(members(found[-1])).get(name), h5py.Group):
        if inner in found:
            raise ValueError("additions that hold each other")
        found.append(inner)
        name = BEFORE
        if len(found) > _MOST_ADDITIONS:
            raise ValueError("additions without end")
    return found


def clip_groups(file: h5py.File) -> list[tuple[int, str, h5py.Group]]:
    """Order, name and group of every complete clip, in the order they were prepared.

    Raises:
        ValueError: for two of one name, or a link that leads elsewhere.
    """
    found: dict[str, tuple[int, str, h5py.Group]] = {}
    for root in additions(file):
        clips = dict(members(root)).get("clips")
        for name, group in groups_below(clips) if isinstance(clips, h5py.Group) else ():
            if _complete(group):
                if name in found:
                    raise ValueError(f"two clips {name}")
                found[name] = (int(group.attrs.get("order", 0)), name, group)
    return sorted(found.values(), key=lambda one: one[:2])


def clip_group(roots: Sequence[h5py.Group], name: str) -> h5py.Group:
    """A complete clip, which lies deeper in the file whenever others were added.

    Args:
        roots: what `additions` gives.
        name: of the clip.

    Raises:
        KeyError: where none has that name.
    """
    for root in roots:
        group = root.get(f"clips/{name}")
        if isinstance(group, h5py.Group) and _complete(group):
            return group
    raise KeyError(name)


def _complete(group: h5py.Group) -> bool:
    return "complete" in group.attrs and bool(group.attrs["complete"])


def why_no_cache(file: h5py.File, length: int) -> str | None:
    """The defect of a file that `vad` did not write; None for none. No frame is read, and no memory taken.

    Args:
        file: with the attributes of a cache.
        length: of the whole file in bytes.
    """
    size, channels = (int(file.attrs["size"][0]), int(file.attrs["size"][1])), int(file.attrs["channels"])
    if min(size) < 1 or channels not in (1, 3) or math.prod(size) > MOST_PIXELS:
        return f"frames of {size[0]}x{size[1]}x{channels}"
    if not is_checkable(file):
        return "addresses and sizes as vad does not write them"
    for _, name, group in clip_groups(file):
        if problem := _why_no_clip(group, (*size, channels), file.attrs["codec"] == "jpeg", length):
            return f"clip {name}: {problem}"
    return None


def _why_no_clip(group: h5py.Group, shape: tuple[int, int, int], jpeg: bool, length: int) -> str | None:
    """The defect of a clip of frames of `shape` (H, W, C); files that vad wrote have none."""
    held = dict(members(group))
    frames = held["frames"]
    if jpeg:
        if not isinstance(frames, h5py.Dataset) or h5py.check_vlen_dtype(frames.dtype) != np.uint8 or frames.ndim != 1:
            return f"frames are {_described(frames)}, not the bytes of JPEGs"
        if frames.chunks != (1,):
            return "frames are not stored one by one"
    elif not _holds(frames, "u1", (None, *shape)):
        return f"frames are {_described(frames)}, not uint8 n x {' x '.join(map(str, shape))}"
    if why := _why_not_whole(frames, length):
        return f"frames {why}"
    count, packed = len(frames), -(-shape[0] * shape[1] // 8)
    numbers = {name: held[name] for name in ("labels",) if name in held}
    if "variants" in held:
        numbers |= {f"variants/{name}": data for name, data in members(held["variants"])}
    for name, data in numbers.items():
        if not _holds(data, "bui", (count,)):
            return f"{name} are {_described(data)}, not {count} integers"
        if why := _why_not_whole(data, length):
            return f"{name} {why}"
    if "masks" in held and not _holds(held["masks"], "u1", (count, packed)):
        return f"masks are {_described(held['masks'])}, not uint8 {count} x {packed}"
    if "masks" in held:
        if why := why_not_read(held["masks"], length):
            return f"masks are {why}"
        if (chunks := held["masks"].chunks) not in (None, (1, packed)):
            return f"masks are stored in chunks of {' x '.join(map(str, chunks))}"
    fps = float(group.attrs["fps"])
    return None if math.isfinite(fps) and fps > 0 else f"{fps:g} frames a second"


def why_no_row(data: h5py.Dataset, start: int, stop: int) -> str | None:
    """The reason not to read rows of a compressed data set: larger than uncompressed ones, they unfold without end.

    Args:
        data: in chunks of one row each.
        start: the first row.
        stop: the row after the last.
    """
    if data.chunks is None or data.compression is None:
        return None
    most = 2 * data.shape[1] + 64
    for row in range(start, stop):
        stored = data.id.get_chunk_info_by_coord((row, 0)).size
        if stored > most:
            return f"row {row} takes {stored:,} bytes"
    return None


def _why_not_whole(data: h5py.Dataset, length: int) -> str | None:
    """Whether all rows are there, each for itself and as it is: what is not stored takes memory out of nothing."""
    if why := why_not_read(data, length):
        return f"are {why}"
    if data.id.get_create_plist().get_nfilters():
        return "are compressed"
    if data.ndim > 1 and data.chunks not in (None, (1, *data.shape[1:])):
        return f"are stored in chunks of {' x '.join(map(str, data.chunks))}"
    needed, stored = data.size * data.id.get_type().get_size(), data.id.get_storage_size()
    return f"take {stored:,} of {needed:,} bytes" if stored < needed else None


def _holds(data: Any, kinds: str, shape: tuple[int | None, ...]) -> bool:
    """Whether these are numbers of that type or of one of those kinds, and of that shape; None is any length."""
    if not isinstance(data, h5py.Dataset) or len(data.shape) != len(shape):
        return False
    right_type = data.dtype == kinds if kinds == "u1" else data.dtype.kind in kinds
    return right_type and all(of in (None, length) for length, of in zip(data.shape, shape, strict=True))


def _described(data: Any) -> str:
    if not isinstance(data, h5py.Dataset):
        return "a group"
    return f"{data.dtype} {' x '.join(map(str, data.shape)) or 'scalar'}"
