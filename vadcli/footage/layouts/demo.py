"""The layout of `vad demo`: `DIR/SCENE/{training,testing}/NAME.mp4` with `NAME.csv` and `NAME.masks.npz` beside."""

from pathlib import Path

from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource, numbered_clip
from vadcli.footage.layouts.label_files import labels_for
from vadcli.footage.naming import folders_in, videos_in

_PARTS: tuple[tuple[str, Split], ...] = (("training", "train"), ("testing", "test"))


def detect(path: Path) -> bool:
    """Whether this is a demo folder, one scene of it, or one split of a scene."""
    return path.is_dir() and bool(_parts(path))


def find(path: Path) -> list[ClipSource]:
    """Clips of every scene, scene after scene."""
    return [_clip(scene, split, video) for scene, part, split in _parts(path) for video in videos_in(part)]


def _parts(path: Path) -> list[tuple[str, Path, Split]]:
    """Every scene's name with its folder of each split, as far as they are this path or below it."""
    here = path.resolve()
    if (path / "demo.json").is_file():
        scenes = folders_in(path)
    elif (here.parent / "demo.json").is_file():
        scenes = [path]
    elif (here.parent.parent / "demo.json").is_file():
        return [(here.parent.name, path, split) for part, split in _PARTS if part == here.name]
    else:
        return []
    return [(scene.resolve().name, scene / part, split) for scene in scenes for part, split in _PARTS]


def _clip(scene: str, split: Split, video: Path) -> ClipSource:
    table, masks = video.with_suffix(".csv"), video.with_suffix(".masks.npz")
    labels = labels_for(table, {video.stem: None})[video.stem] if table.is_file() else None
    return numbered_clip(scene, split, video, labels=labels, masks=masks if masks.is_file() else None)
