"""A model made ready to score: a checkpoint with its adapter, an ONNX file, or none at all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadcli.errors import CheckpointError, FootageError, InputError
from vadcli.model.tensor_file import PACKAGED_MODEL, AdapterFile, mapping
from vadcli.scoring.calibration import Calibration
from vadcli.scoring.measuring import Measurer
from vadcli.scoring.observing import NetworkInput
from vadcli.scoring.run import Finished, ScoringRun
from vadcli.settings import ModelSettings, ScoreSettings, Settings, SourceSettings
from vadcli.tasks.adapter import Fitted
from vadcli.tasks.reading import zones_of

if TYPE_CHECKING:
    from torch import Tensor

    from vadcli.model.checkpoint import Checkpoint

NO_MODEL = Path("none")  # cues alone
_GRID = 200  # cells a side, in which zones are compared


@dataclass(frozen=True)
class Ready:
    """All that scoring needs but the sources."""

    measurer: Measurer | None  # of a network's errors; None without a network
    model: ModelSettings | None  # its settings; None without a network
    source: SourceSettings  # how sources are read for it
    calibration: Calibration | None = None  # None to learn from each source
    lineage: tuple[tuple[str, str], ...] = ()  # lines for people: files, hashes, training
    learned_from: SourceSettings | None = None  # how the adapter's own footage was read; None without one

    @property
    def input_frames(self) -> int:
        """Frames that are read to predict the next one (T)."""
        return self.model.input_frames if self.model else 0

    @property
    def reads(self) -> NetworkInput | None:
        """Images of the network; None without one."""
        return network_input(self.model) if self.model else None

    @property
    def on_gpu(self) -> bool:
        """Whether the network runs on a GPU."""
        return self.measurer is not None and self.measurer.device.type == "cuda"

    @property
    def side_by_side(self) -> int:
        """Recordings decoded side by side: several on a GPU, where one decoder cannot keep it busy."""
        return 4 if self.on_gpu else 1

    def run(self, settings: ScoreSettings, *, opening: bool = False) -> ScoringRun:
        """A run that scores sources; with `opening`, events are also given when they begin."""
        return ScoringRun(
            self.measurer,
            self.input_frames,
            self.calibration,
            settings,
            opening=opening,
            side_by_side=self.side_by_side,
        )

    def failure(self, name: str, finished: Finished) -> Exception | None:
        """The error of a source that ended, if it was not scored to its end."""
        ended = finished.ended
        if ended.error is None and (finished.scorer is None or not finished.scorer.frames):
            frames = f"{ended.frames} frame{'s' * (ended.frames != 1)}"
            needed = max(self.input_frames + 1, 2)
            return FootageError(f"{name}: {frames}; a window needs {needed}. Use a longer clip.")
        return ended.error


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
        ready = _from_checkpoint(model, adapter, settings)
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
    device, network = pick_device(settings.score.device), load_network(checkpoint)
    fitted = adapt_to_scene(checkpoint, network, support, steps=settings.adapt.updates, device=device)
    return ready_network(checkpoint, fitted.weights, settings)


def network_input(model: ModelSettings) -> NetworkInput:
    """The images that a model reads."""
    return NetworkInput(model.size, model.channels)


def load_base(model: Path | None) -> "Checkpoint | None":
    """The checkpoint that adapters are made from: the package's by default, None for cues alone."""
    if model == NO_MODEL:
        return None
    from vadcli.model.checkpoint import load_checkpoint

    return load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")


def settings_of_model(model: Path | None) -> Settings:
    """The settings that a checkpoint was made with, for those who need frames before the network."""
    from vadcli.model.tensor_file import read_header, read_settings

    path = model or PACKAGED_MODEL
    return read_settings(path, read_header(path))


def ready_network(checkpoint: "Checkpoint", weights: "Mapping[str, Tensor]", settings: Settings) -> Ready:
    """A checkpoint's network with adapted weights, ready to score."""
    import torch

    from vadcli.model.checkpoint import load_network
    from vadcli.model.runtime import for_inference, pick_device, pick_precision

    device = pick_device(settings.score.device)
    # One update moves weights by less than bfloat16 shows; changes by many steps are larger.
    exact = {name for name, value in weights.items() if value.dtype == torch.float32}
    network = load_network(checkpoint, weights=weights)
    network = for_inference(network, device, pick_precision(settings.score.precision, device), exact=exact)
    source = reading_of(checkpoint.settings, settings.source)
    lines: tuple[tuple[str, str], ...] = ()
    if checkpoint.path is not None:
        lines = tuple(lineage("model", checkpoint.path, checkpoint.sha256, checkpoint.parents, checkpoint.training))
    return Ready(Measurer(network, device), checkpoint.model, source, lineage=lines)


def ready_adapted(checkpoint: "Checkpoint | None", fitted: Fitted, settings: Settings) -> Ready:
    """A model with what was learned of a camera, as its adapter's file would make it."""
    if checkpoint is None:
        return Ready(None, None, settings.source, fitted.calibration)
    ready = ready_network(checkpoint, fitted.weights, settings)
    return replace(ready, calibration=fitted.calibration, source=settings.source)


def reading_of(fitted: Settings, asked: SourceSettings) -> SourceSettings:
    """Settings of reading a source: the user's, and for the rest those of the footage that scores are measured by."""
    return fitted.source.model_copy(update={name: value for name, value in asked if value is not None})


def _require_learned(adapter: Path, source: SourceSettings, learned_from: SourceSettings) -> None:
    """Refuse to look at parts of the picture of which an adapter knows nothing."""
    now, then = (zones_of(how).looked_at((_GRID, _GRID)) for how in (source, learned_from))
    if (now & ~then).any():
        raise InputError(
            f"--adapter {adapter}: made with --mask-top {learned_from.mask_top or 0:g} and its zones; these look at "
            "more, where everything would be new. Leave --mask-top, --ignore and --only out, or adapt again with them."
        )


def _from_checkpoint(model: Path | None, adapter: Path | None, settings: Settings) -> Ready:
    from vadcli.model.checkpoint import load_checkpoint, require_base

    checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")
    if adapter is None:
        return ready_network(checkpoint, {}, settings)
    adapted = load_checkpoint(adapter, "adapt")
    require_base(adapted, checkpoint)
    return ready_network(checkpoint, adapted.weights, settings)


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
