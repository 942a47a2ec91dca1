"""What `vad demo` writes: `DIR/SCENE/{training,testing}/NAME.mp4` with `NAME.csv` and `NAME.masks.npz` beside."""

from pathlib import Path

from vadcli.footage.cache import Split
from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.label_files import labels_for
from vadcli.footage.layouts.masks import MaskPacked
from vadcli.footage.naming import folders_in, videos_in

_PARTS: tuple[tuple[str, Split], ...] = (("training", "train"), ("testing", "test"))


def detect(path: Path) -> bool:
    """Whether this is a demo folder, or one scene of it."""
    return path.is_dir() and bool(_scenes(path))


def find(path: Path) -> list[ClipSource]:
    """Clips of every scene, scene after scene."""
    return [clip for scene in _scenes(path) for clip in _clips(scene)]


def _scenes(path: Path) -> list[Path]:
    if (path / "demo.json").is_file():
        return folders_in(path)
    return [path] if (path.resolve().parent / "demo.json").is_file() else []


def _clips(scene: Path) -> list[ClipSource]:
    name = scene.resolve().name
    found = []
    for part, split in _PARTS:
        for video in videos_in(scene / part) if (scene / part).is_dir() else []:
            clip = f"{name}/{split}/{video.stem}"
            table, masks = video.with_suffix(".csv"), video.with_suffix(".masks.npz")
            found.append(
                ClipSource(
                    clip,
                    name,
                    split,
                    video,
                    labels=labels_for(table, {clip: None})[clip] if table.is_file() else None,
                    masks=MaskPacked(masks) if masks.is_file() else None,
                )
            )
    return found
