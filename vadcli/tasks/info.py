"""`vad info`: what a file of ours is, from its header alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from vadcli.errors import CheckpointError, FootageError, InputError
from vadcli.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, check_output, named
from vadcli.learning.job import metrics_log
from vadcli.model.checkpoint import Checkpoint, load_checkpoint
from vadcli.model.tensor_file import HDF5_MAGIC, PACKAGED_MODEL, file_sha256, mapping, read_calibration
from vadcli.scoring.calibration import Calibration

SCHEMA = "vad.info/1"
ALARMS = (12, 1)  # an hour, of which the thresholds are told
LOG_SUFFIX = ".metrics.ndjson"


def describe_file(path: Path) -> dict[str, Any]:
    """A file of ours or a video described by plain values for JSON, first of all `schema`, `file` and `kind`.

    Raises:
        InputError: if there is no such file, or it is none of these.
        CheckpointError: if it is a damaged checkpoint.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder. Give a file in it; `vad score` and `vad prepare` take folders.")
    if not path.is_file():
        raise InputError(
            f"{path}: no such file. `vad info` tells of checkpoints, adapters, caches, exported models and videos."
        )
    return {"schema": SCHEMA, "file": str(path), "bytes": path.stat().st_size} | _described(path)


def summary(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What people ask of a checkpoint, adapter or cache first, as labels and texts; of other files nothing."""
    if told["kind"] == "cache":
        names = [clip["name"] for clip in told["clips"]]
        labelled = sum(clip["labels"] for clip in told["clips"])
        return [
            ("frames", f"{told['frames']:,} of {_size(told['size'])}, {told['channels']} channels, {told['codec']}"),
            ("clips", f"{len(names)}, {labelled} with labels: {_some(names)}"),
            ("scenes", f"{len(told['scenes'])}: {_some(list(told['scenes']))}"),
        ]
    if told["kind"] not in ("adapter", "checkpoint"):
        return []
    training, model, source = told["training"], told["settings"]["model"], told["settings"]["source"]
    packaged = file_sha256(PACKAGED_MODEL)
    parents = [
        "the model in the package" if value == packaged else f"{role} {value[:16]}…"
        for role, value in told["parents"].items()
    ]
    made_by = f"vad {told['stage']} {mapping(training.get('versions')).get('vad', '')}"
    lines = [("made by", f"{made_by}, SHA-256 {told['sha256'][:16]}…")]
    lines.append(("made from", ", ".join(parents) or "nothing: cues alone"))
    if alarms := told.get("alarms"):
        facts = told["calibration"]
        lines += [
            ("camera", training.get("source", "")),
            ("learned", f"{facts['seconds']:,.1f} s, {facts['frames']:,} frames, {facts['fps']:.4g} a second"),
            ("alarms", ", ".join(f"{rate} an hour above {level:.2f}" for rate, level in alarms.items())),
        ]
    kept = {name: value for name, value in source.items() if value}
    lines.append(("reads", ", ".join(f"{name} {value}" for name, value in kept.items()) or "all frames, whole"))
    if told["parameters"]:
        kind = f"{model['channels']} channels, width {model['width']}, {model['unit']}"
        adapted = "adapted " * (told["kind"] == "adapter")
        lines.append(("network", f"{_size(model['size'])}, {kind}, {told['parameters']:,} {adapted}parameters"))
    if told["kind"] == "adapter" and told["parameters"]:
        lines.append(("adapted", f"on {training.get('shots', 0)} windows, {training.get('steps', 0)} further steps"))
    elif data := training.get("data"):
        frames, scenes = training.get("frames", 0), training.get("scenes", 0)
        lines.append(("learned", f"{frames:,} frames of {scenes:,} scenes: {_some(data)}"))
    if "step_sizes" in told:
        lines.append(("step sizes", "{least:.2g} to {most:.2g}".format_map(told["step_sizes"])))
    if effective := told.get("effective_prototypes"):
        lines.append(("prototypes", f"{effective:.2f} different ones of {model['num_prototypes']}"))
    return lines


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size))


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        magic = file.read(9)
    if magic.startswith(HDF5_MAGIC):
        return _describe_cache(path)
    if path.suffix == ".onnx":
        from vadcli.model.onnx import OnnxNetwork

        header = OnnxNetwork.open(path).header
        return {"kind": "exported model", **header}
    if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES:
        return _describe_video(path)
    if magic[8:] != b"{":  # with which a checkpoint's header begins
        with suppress(FootageError):
            return _describe_video(path)
    return _describe_checkpoint(load_checkpoint(path), path)


def plot_training(path: Path, out: Path) -> None:
    """Draw the learning curves of a checkpoint, or of one that is still being trained, from the log beside it.

    Raises:
        InputError: if there is no log, or `out` is not a .png or .svg.
    """
    from vadcli.rendering.learning_curves import learning_curves, read_log
    from vadcli.rendering.plots import save

    log = path if path.name.endswith(LOG_SUFFIX) else metrics_log(path)
    if out.suffix.lower() not in (".png", ".svg"):
        raise InputError(f"--plot {out}: use a name that ends in .png or .svg.")
    check_output("--plot", out, named(path, log))
    save(learning_curves(read_log(log), log.name.removesuffix(LOG_SUFFIX)), out)


def _describe_video(path: Path) -> dict[str, Any]:
    from vadcli.footage.video import open_video

    reader = open_video(path, str(path), 1)
    reader.close()
    info, coded = reader.info, reader.coding
    return {
        "kind": "video",
        "container": coded[0],
        "codec": coded[1],
        "pixels": coded[2],
        "height": info.height,
        "width": info.width,
        "fps": round(info.fps, 3),
        "frames": info.frames,
        "seconds": None if info.duration_s is None else round(info.duration_s, 3),
        "began": info.at(0.0),
    }


def _describe_checkpoint(checkpoint: Checkpoint, path: Path) -> dict[str, Any]:
    adapter, step_sizes = checkpoint.stage == "adapt", checkpoint.step_sizes.values()
    result: dict[str, Any] = {
        "kind": "adapter" if adapter else "checkpoint",
        "stage": checkpoint.stage,
        "sha256": checkpoint.sha256,
        "parameters": checkpoint.num_parameters,
        "adapted_parameters": checkpoint.num_parameters if adapter else sum(value.numel() for value in step_sizes),
        "settings": checkpoint.settings.model_dump(mode="json"),
        "parents": dict(checkpoint.parents),
        "training": dict(checkpoint.training),
        "calibration": checkpoint.calibration,
    }
    if adapter and checkpoint.calibration:
        fusion = Calibration.read(checkpoint.calibration, read_calibration(path), str(path)).fusion
        result["alarms"] = {rate: round(fusion.threshold(rate), 3) for rate in ALARMS}
    figures = checkpoint.training.get("figures", {})
    effective = figures.get("validation_prototypes", figures.get("prototypes"))
    if effective is not None:
        result["effective_prototypes"] = effective
    if step_sizes:
        result["step_sizes"] = {
            "least": min(float(value.min()) for value in step_sizes),
            "mean_of_layers": sum(float(value.mean()) for value in step_sizes) / len(step_sizes),
            "most": max(float(value.max()) for value in step_sizes),
        }
    return result


def _describe_cache(path: Path) -> dict[str, Any]:
    from vadcli.footage.cache import open_cache

    try:
        with open_cache(path) as cache:
            clips = [
                {
                    "name": clip.name,
                    "scene": clip.scene,
                    "split": clip.split,
                    "frames": clip.num_frames,
                    "fps": clip.fps,
                    "labels": clip.has_labels,
                    "masks": clip.has_masks,
                    "source": clip.source,
                }
                for clip in cache.clips
            ]
            return {
                "kind": "cache",
                "size": list(cache.size),
                "channels": cache.channels,
                "codec": cache.codec,
                "frames": sum(clip.num_frames for clip in cache.clips),
                "scenes": dict(Counter(sorted(clip.scene for clip in cache.clips))),
                "clips": clips,
            }
    except FootageError as error:
        raise CheckpointError(str(error)) from error
