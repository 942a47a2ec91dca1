"""The layout many papers share: `training/frames/NN/NNN.jpg`, `testing/frames/NN/NNN.jpg` and one label file.

Where several label files disagree, the first (`.m`, `.mat`, `.npy`, then by name) counts and the others are variants.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from vadcli.footage.layouts.clip_source import ClipSource, numbered_clip
from vadcli.footage.layouts.label_files import labels_for, set_names
from vadcli.footage.layouts.labels import LabelTrack
from vadcli.footage.naming import folders_in, images_in

FPS = {"ped1": 10.0, "ped2": 10.0, "avenue": 25.0, "shanghaitech": 24.0}  # of these data sets, where the name tells
LABEL_ORDER = (".m", ".mat", ".npy")


def detect(path: Path) -> bool:
    """Whether there are folders of pictures below `training/frames` or `testing/frames`."""
    return bool(_clips(path / "training") or _clips(path / "testing"))


def find(path: Path) -> list[ClipSource]:
    """Clips of both splits; labels and masks belong to the test clips."""
    scene = path.resolve().name
    fps = next((rate for name, rate in FPS.items() if name in scene.lower()), None)
    found = [numbered_clip(scene, "train", folder, fps=fps) for folder in _clips(path / "training")]
    tests = [numbered_clip(scene, "test", folder, fps=fps) for folder in _clips(path / "testing")]
    counts: dict[str, int | None] = {clip.name: len(images_in(clip.source)) for clip in tests}
    files = set_names(_label_files(path)) if tests else {}
    sets = {name: labels_for(file, counts) for name, file in files.items()}
    first = next(iter(sets.values()), {})
    sets = {name: tracks for name, tracks in sets.items() if tracks is not first and _differ(tracks, first, counts)}
    for clip in tests:
        masks = path / "testing" / "masks" / clip.source.name
        variants = {name: tracks[clip.name] for name, tracks in sets.items() if clip.name in tracks}
        labels = first.get(clip.name)
        found.append(replace(clip, labels=labels, variants=variants, masks=masks if images_in(masks) else None))
    return found


def _clips(part: Path) -> list[Path]:
    return [clip for clip in folders_in(part / "frames") if images_in(clip)]


def _label_files(path: Path) -> list[Path]:
    """Label files in the data set's folder or in `testing`."""
    places = [folder for folder in (path, path / "testing") if folder.is_dir()]
    files = [file for place in places for file in place.iterdir() if file.suffix.lower() in LABEL_ORDER]
    files.sort(key=lambda file: (LABEL_ORDER.index(file.suffix.lower()), file.name))
    folders = [place / name for place in places for name in ("labels", "test_frame_mask") if (place / name).is_dir()]
    return files + folders


def _differ(tracks: dict[str, LabelTrack], other: dict[str, LabelTrack], counts: dict[str, int | None]) -> bool:
    return tracks.keys() != other.keys() or any(
        not np.array_equal(track.for_frames(counts[name] or 0, name), other[name].for_frames(counts[name] or 0, name))
        for name, track in tracks.items()
    )
