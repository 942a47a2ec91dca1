"""A model made ready to score: a checkpoint with its adapter, an ONNX file, or none at all."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadcli.errors import CheckpointError, InputError
from vadcli.footage.zones import Zones
from vadcli.model.tensor_file import PACKAGED_MODEL, AdapterFile, mapping
from vadcli.scoring.calibration import Calibration
from vadcli.scoring.measuring import Measurer
from vadcli.scoring.observing import NetworkInput
from vadcli.settings import ModelSettings, Settings, SourceSettings

if TYPE_CHECKING:
    from torch import Tensor

    from vadcli.model.checkpoint import Checkpoint
    from vadcli.model.network import Network

NO_MODEL = Path("none")  # cues alone
_GRID = 200  # cells a side, in which zones are compared


@dataclass(frozen=True)
class Ready:
    """All that scoring needs but the sources.

    Attributes:
        measurer: of a network's errors; None without a network.
        model: what the network reads; None without one.
        source: how sources are read for it.
        calibration: what is normal; None to learn it from each source.
        learned_from: how the adapter's own footage was read; None without one.
        network: in torch; None for an ONNX file, or without one.
        lineage: lines for people: files, hashes, training.
    """

    measurer: Measurer | None
    model: ModelSettings | None
    source: SourceSettings
    calibration: Calibration | None = None
    network: "Network | None" = None
    lineage: tuple[tuple[str, str], ...] = ()
    learned_from: SourceSettings | None = None

    @property
    def input_frames(self) -> int:
        """Frames that are read to predict the next one (T)."""
        return self.model.input_frames if self.model else 0

    @property
    def reads(self) -> NetworkInput | None:
        """Images of the network; None without one."""
        return NetworkInput(self.model.size, self.model.channels) if self.model else None

    @property
    def on_gpu(self) -> bool:
        """Whether the network runs on a GPU."""
        return self.measurer is not None and self.measurer.device.type == "cuda"


def get_ready(model: Path | None, adapter: Path | None, settings: Settings) -> Ready:
    """The model in the package or another, with an adapter if one is given.

    Raises:
        InputError: if there is no such file.
        CheckpointError: if a file is damaged, or the adapter is another model's.
    """
    stored = AdapterFile.read(adapter) if adapter else None
    calibration = Calibration.read(stored.facts, stored.arrays, str(stored.path)) if stored else None
    if model == NO_MODEL:
        ready = Ready(None, None, settings.source)
        calibration = calibration and calibration.without_network()
    elif model is not None and model.suffix.lower() == ".onnx":
        ready = _from_onnx(model, stored, settings)
    else:
        if stored and not stored.parents:
            raise InputError(f"--adapter {adapter}: made without a network. Score with --model none, or adapt again.")
        ready = _from_checkpoint(model or PACKAGED_MODEL, adapter, settings)
    if stored is None:
        return ready
    if ready.measurer and calibration and not calibration.has_network:
        raise InputError(f"--adapter {adapter}: made without a network. Score with --model none, or adapt again.")
    source, learned_from = reading_of(stored.settings, settings.source), stored.settings.source
    _require_learned(stored.path, source, learned_from)
    return replace(
        ready,
        calibration=calibration,
        source=source,
        learned_from=learned_from,
        lineage=(*ready.lineage, *lineage("adapter", stored.path, stored.sha256, stored.parents, stored.training)),
    )


def adapted_ready(model: Path | None, support: "Tensor", settings: Settings) -> Ready:
    """A model fitted to the first windows of a source; what is normal there is still to be learned.

    Args:
        model: checkpoint; the model in the package if None.
        support: (K, T+1, H, W, C) uint8.
        settings: of sections `adapt` and `score`.
    """
    from vadcli.learning.scene import adapt_to_scene
    from vadcli.model.checkpoint import load_checkpoint, load_network
    from vadcli.model.runtime import pick_device

    checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")
    network = load_network(checkpoint)
    device = pick_device(settings.score.device)
    fitted = adapt_to_scene(checkpoint, network, support, steps=settings.adapt.updates, device=device)
    network.load_state_dict(fitted.weights, strict=False)
    return ready_network(checkpoint, network, settings, exact=fitted.weights)


def settings_of_model(model: Path | None) -> Settings:
    """What a checkpoint was made with, for those who need frames before the network."""
    from vadcli.model.tensor_file import read_header, read_settings

    path = model or PACKAGED_MODEL
    return read_settings(path, read_header(path))


def ready_network(
    checkpoint: "Checkpoint", network: "Network", settings: Settings, *, exact: Container[str] = ()
) -> Ready:
    """A network in torch, ready to score.

    Args:
        checkpoint: that it is of.
        network: changed in place.
        settings: device and precision.
        exact: names of weights that stay in float32: one update moves them by less than bfloat16 shows.
    """
    from vadcli.model.runtime import for_inference, pick_device, pick_precision

    device = pick_device(settings.score.device)
    network = for_inference(network, device, pick_precision(settings.score.precision, device), exact=exact)
    source = reading_of(checkpoint.settings, settings.source)
    lines: tuple[tuple[str, str], ...] = ()
    if checkpoint.path is not None:
        lines = tuple(lineage("model", checkpoint.path, checkpoint.sha256, checkpoint.parents, checkpoint.training))
    return Ready(Measurer(network, device), checkpoint.model, source, network=network, lineage=lines)


def reading_of(fitted: Settings, asked: SourceSettings) -> SourceSettings:
    """How a source is read: as the user asks, and for the rest as the footage was that the scores are measured by."""
    return fitted.source.model_copy(update={name: getattr(asked, name) for name in asked.model_fields_set})


def _require_learned(adapter: Path, source: SourceSettings, learned_from: SourceSettings) -> None:
    """Refuse to look at parts of the picture of which an adapter knows nothing."""
    now, then = (Zones(one.mask_top, one.ignore, one.only).looked_at((_GRID, _GRID)) for one in (source, learned_from))
    if (now & ~then).any():
        raise InputError(
            f"--adapter {adapter}: made with --mask-top {learned_from.mask_top:g} and its zones; these look at more, "
            "where everything would be new. Leave --mask-top, --ignore and --only out, or adapt again with them."
        )


def _from_checkpoint(model: Path, adapter: Path | None, settings: Settings) -> Ready:
    import torch

    from vadcli.model.checkpoint import load_checkpoint, load_network

    checkpoint = load_checkpoint(model, "pretrain", "metatrain")
    adapted = load_checkpoint(adapter, "adapt") if adapter else None
    # One update moves weights by less than bfloat16 shows; changes by many steps are larger.
    exact = {name for name, value in adapted.weights.items() if value.dtype == torch.float32} if adapted else ()
    return ready_network(checkpoint, load_network(checkpoint, adapted), settings, exact=exact)


def _from_onnx(path: Path, adapter: AdapterFile | None, settings: Settings) -> Ready:
    import torch
    from torch import Tensor

    from vadcli.model.onnx import OnnxNetwork

    score = settings.score
    for flag, asked, only in (("--precision", score.precision, "float32"), ("--device", score.device, "cpu")):
        if asked not in ("auto", only):
            raise InputError(
                f"{flag} {asked}: an exported model runs in float32 on the CPU. "
                "Leave it out, or score with the checkpoint it was made from."
            )
    exported = OnnxNetwork.open(path)
    parents = mapping(exported.header.get("parents"))
    if adapter is not None and parents.get("adapter") != adapter.sha256:
        raise CheckpointError(
            f"--adapter {adapter.path}: {path} was not exported with it. "
            f"Export it again: vad export CHECKPOINT --adapter {adapter.path} --out {path}."
        )
    if adapter is None and "adapter" in parents:
        raise InputError(f"{path}: exported with an adapter, which holds what is normal. Give it, too: --adapter FILE.")

    @dataclass(frozen=True)
    class Prediction:
        frame: Tensor
        feature_error: Tensor | None

    def predict(inputs: Tensor) -> Prediction:
        return Prediction(*exported(inputs))

    lines = [("model", f"{path.name} (ONNX)"), *_parents("model", parents)]
    source = reading_of(exported.settings, settings.source)
    return Ready(Measurer(predict, torch.device("cpu")), exported.settings.model, source, lineage=tuple(lines))


def lineage(
    role: str, path: Path, sha256: str, parents: Mapping[str, str], training: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Which file it is and what it came from, as labels and texts."""
    lines = [(role, f"{path.name}, SHA-256 {sha256[:16]}…"), *_parents(role, parents)]
    for name in ("data", "source", "shots", "steps", "seconds", "calibration_frames", "versions"):
        if name in training:
            lines.append((f"{role}: {name.replace('_', ' ')}", _plain(training[name])))
    return lines


def _parents(role: str, parents: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{role}: made from ({name})", f"SHA-256 {str(value)[:16]}…") for name, value in sorted(parents.items())]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
