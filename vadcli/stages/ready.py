"""A model made ready to score: from a checkpoint and an adapter, an ONNX file, or the first windows of a source."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vadcli.errors import InputError
from vadcli.learning.scene import adapt_to_scene
from vadcli.model.checkpoint import PACKAGED_MODEL, Checkpoint, load_checkpoint, load_network
from vadcli.model.network import Network
from vadcli.model.onnx import OnnxNetwork
from vadcli.model.runtime import for_inference, pick_device, pick_precision
from vadcli.scoring.calibration import Calibration
from vadcli.scoring.measuring import Predict
from vadcli.scoring.records import CalibrationKind
from vadcli.settings import ModelSettings, Settings, SourceSettings
from vadcli.stages.reading import reading_of


@dataclass(frozen=True)
class Ready:
    """A network that predicts, and what is known of it.

    Attributes:
        predict: inputs (B, T·C, H, W) to predicted frames and feature errors.
        model: what it reads.
        source: how sources are read for it.
        device: where it runs.
        calibration: what is normal, if anything says so.
        kind: whose calibration that is; "warmup" if it is still to be learned.
        network: in torch; None for an ONNX file.
        lineage: lines for people: files, hashes, training.
        scenes: how many the model was trained on; 0 if that is not known.
    """

    predict: Predict
    model: ModelSettings
    source: SourceSettings
    device: torch.device
    calibration: Calibration | None
    kind: CalibrationKind
    network: Network | None = None
    lineage: tuple[tuple[str, str], ...] = field(default=())
    scenes: int = 0

    @property
    def relearns(self) -> bool:
        """Whether the calibration is of other cameras, and a source's own is to replace it."""
        return self.kind == "model" and self.scenes > 1


@dataclass(frozen=True)
class OnnxPrediction:
    """What an exported network gives."""

    frame: Tensor
    feature_error: Tensor | None
    features: Tensor | None


def get_ready(model: Path | None, adapter: Path | None, settings: Settings) -> Ready:
    """The model in the package or another, with an adapter if one is given.

    Without an adapter its own calibration says what is normal, unless a warm-up is asked for. What is missed on cameras
    in general has so wide a range that hardly anything on one camera leaves it: a source's beginning replaces it.

    Raises:
        InputError: if there is no such file.
        CheckpointError: if a file is damaged, or the adapter is another model's.
    """
    if model is not None and model.suffix.lower() == ".onnx":
        return _from_onnx(model, adapter, settings)
    checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")
    adapted = load_checkpoint(adapter, "adapt") if adapter else None
    network = load_network(checkpoint, adapted)
    fitted = adapted is not None or "adapter" in checkpoint.parents
    return _ready(checkpoint, network, adapted, settings, warm_up=not fitted and _warm_up_asked_for(settings))


def _warm_up_asked_for(settings: Settings) -> bool:
    return "warmup" in settings.score.model_fields_set


def adapt_ready(model: Path | None, support: Tensor, settings: Settings) -> Ready:
    """A model fitted to the first windows of a source; what is normal there is still to be learned.

    Args:
        model: checkpoint; the model in the package if None.
        support: (K, T+1, H, W, C) uint8.
        settings: of sections `adapt` and `score`.
    """
    checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")
    network = load_network(checkpoint)
    device = pick_device(settings.score.device)
    fitted = adapt_to_scene(checkpoint, network, support, steps=settings.adapt.steps, device=device)
    network.load_state_dict(fitted.weights, strict=False)
    return _ready(checkpoint, network, None, settings, warm_up=True, exact=fitted.weights)


def model_of(model: Path | None) -> ModelSettings:
    """What a checkpoint reads, for those who need frames before the network."""
    return load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain").model


def _ready(
    checkpoint: Checkpoint,
    network: Network,
    adapter: Checkpoint | None,
    settings: Settings,
    warm_up: bool = False,
    exact: Container[str] = (),
) -> Ready:
    device = pick_device(settings.score.device)
    # One update moves weights by less than bfloat16 shows; changes by many steps are larger.
    kept = exact if adapter is None else {n for n, w in adapter.weights.items() if w.dtype == torch.float32}
    network = for_inference(network, device, pick_precision(settings.score.precision, device), exact=kept)
    lineage = [*_lineage("model", checkpoint)]
    kind: CalibrationKind = "warmup"
    calibration = None
    for name, one in (("model", checkpoint), ("adapter", adapter)):
        if one is not None and one.calibration is not None and not warm_up:
            of_adapter = name == "adapter" or "adapter" in one.parents  # which an exported model may hold
            calibration, kind = Calibration.from_json(one.calibration), "adapter" if of_adapter else "model"
    if adapter is not None:
        lineage += _lineage("adapter", adapter)
    scenes = _scenes(checkpoint.training)
    source = reading_of((adapter or checkpoint).settings, settings.source)
    return Ready(network, checkpoint.model, source, device, calibration, kind, network, tuple(lineage), scenes)


def _scenes(training: Any) -> int:
    """How many scenes a model was trained on, as its file says; 0 if it does not."""
    scenes = training.get("scenes") if isinstance(training, Mapping) else None
    return scenes if isinstance(scenes, int) else 0


def _lineage(role: str, checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """Who the file is and what it came from."""
    path = checkpoint.path
    lines = [(role, f"{path.name if path else '?'} ({checkpoint.stage}), SHA-256 {checkpoint.sha256[:16]}…")]
    lines += [
        (f"{role}: made from ({name})", f"SHA-256 {value[:16]}…") for name, value in sorted(checkpoint.parents.items())
    ]
    for name in ("data", "source", "shots", "steps", "tuned_steps", "seconds", "calibration_frames", "versions"):
        if name in checkpoint.training:
            lines.append((f"{role}: {name.replace('_', ' ')}", _plain(checkpoint.training[name])))
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def _from_onnx(path: Path, adapter: Path | None, settings: Settings) -> Ready:
    if adapter is not None:
        raise InputError(
            f"--adapter {adapter}: an exported model cannot be adapted. "
            f"Export it with its adapter: vad export CHECKPOINT --adapter {adapter} --out {path}."
        )
    score = settings.score
    for flag, asked, only in (("--precision", score.precision, "float32"), ("--device", score.device, "cpu")):
        if asked not in ("auto", only):
            raise InputError(
                f"{flag} {asked}: an exported model runs in float32 on the CPU. "
                "Leave it out, or score with the checkpoint it was made from."
            )
    exported = OnnxNetwork.open(path)
    stated = exported.settings
    stored = exported.header.get("calibration")
    calibration = Calibration.from_json(stored) if stored is not None else None
    parents: Any = exported.header.get("parents")
    parents = parents if isinstance(parents, dict) else {}
    if _warm_up_asked_for(settings) and "adapter" not in parents:
        calibration = None
    kind: CalibrationKind = "warmup" if calibration is None else "adapter" if "adapter" in parents else "model"

    def predict(inputs: Tensor) -> OnnxPrediction:
        return OnnxPrediction(*exported(inputs))

    lineage = [("model", f"{path.name} (ONNX)")]
    lineage += [
        (f"model: made from ({name})", f"SHA-256 {str(value)[:16]}…") for name, value in sorted(parents.items())
    ]
    scenes = _scenes(exported.header.get("training"))
    source = reading_of(stated, settings.source)
    return Ready(predict, stated.model, source, torch.device("cpu"), calibration, kind, None, tuple(lineage), scenes)
