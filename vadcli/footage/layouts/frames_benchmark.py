"""The layout many papers share: `training/frames/NN/NNN.jpg`, `testing/frames/NN/NNN.jpg` and one label file."""

from pathlib import Path

import numpy as np

from vadcli.footage.layouts.clip_source import ClipSource
from vadcli.footage.layouts.label_files import labels_for, set_names
from vadcli.footage.layouts.labels import LabelTrack
from vadcli.footage.naming import folders_in, images_in

FPS = {"ped1": 10.0, "ped2": 10.0, "avenue": 25.0, "shanghaitech": 24.0}  # of these data sets, where the name tells
LABEL_ORDER = (".m", ".mat", ".npy")


def detect(path: Path) -> bool:
    """Whether there are folders of pictures below `training/frames` or `testing/frames`."""
    return any(_clips(path, folder) for folder in ("training", "testing"))


def find(path: Path, labels: Path | None = None) -> list[ClipSource]:
    """Clips of both splits; labels and masks belong to the test clips.

    Args:
        path: of the data set.
        labels: a label file or folder instead of the ones that lie beside the clips. Where several lie there and
            disagree, the first (`.m`, `.mat`, `.npy`, then by name) counts and the others become variants.
    """
    scene = path.resolve().name
    fps = next((rate for name, rate in FPS.items() if name in scene.lower()), None)
    tests = {f"{scene}/test/{folder.name}": folder for folder in _clips(path, "testing")}
    counts: dict[str, int | None] = {name: len(images_in(folder)) for name, folder in tests.items()}
    files = set_names([labels] if labels else _label_files(path)) if tests else {}
    sets = {name: labels_for(file, counts) for name, file in files.items()}
    first = next(iter(sets.values()), {})
    variants = {name: one for name, one in list(sets.items())[1:] if _differ(one, first, counts)}
    found = [
        ClipSource(f"{scene}/train/{folder.name}", scene, "train", folder, fps=fps)
        for folder in _clips(path, "training")
    ]
    for name, folder in tests.items():
        masks = path / "testing" / "masks" / folder.name
        found.append(
            ClipSource(
                name,
                scene,
                "test",
                folder,
                labels=first.get(name),
                variants={key: one[name] for key, one in variants.items() if name in one},
                masks=masks if masks.is_dir() and images_in(masks) else None,
                fps=fps,
            )
        )
    return found


def _clips(path: Path, part: str) -> list[Path]:
    folder = path / part / "frames"
    return [clip for clip in folders_in(folder) if images_in(clip)] if folder.is_dir() else []


def _label_files(path: Path) -> list[Path]:
    """Label files in the data set's folder or in `testing`."""
    places = [folder for folder in (path, path / "testing") if folder.is_dir()]
    files = [file for place in places for file in place.iterdir() if file.suffix.lower() in LABEL_ORDER]
    files.sort(key=lambda file: (LABEL_ORDER.index(file.suffix.lower()), file.name))
    folders = [place / name for place in places for name in ("labels", "test_frame_mask") if (place / name).is_dir()]
    return files + folders


def _differ(one: dict[str, LabelTrack], other: dict[str, LabelTrack], counts: dict[str, int | None]) -> bool:
    return any(
        name not in one
        or name not in other
        or not np.array_equal(one[name].for_frames(count or 0, name), other[name].for_frames(count or 0, name))
        for name, count in counts.items()
    )
