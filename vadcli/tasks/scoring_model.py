"""A model in memory, as scoring needs it: a checkpoint with its adapter, an ONNX file, or cues alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vadcli.errors import CheckpointError, FootageError, InputError
from vadcli.footage.stream import Tell
from vadcli.model.tensor_file import PACKAGED_MODEL, AdapterFile, mapping
from vadcli.scoring.calibration import Calibration
from vadcli.scoring.measuring import Measurer
from vadcli.scoring.observing import NetworkInput, Observation, Observed
from vadcli.scoring.run import Finished, ScoringRun
from vadcli.settings import ModelSettings, ScoreSettings, Settings, SourceSettings
from vadcli.tasks.adapter import Fitted
from vadcli.tasks.sources import zones_of

if TYPE_CHECKING:
    from torch import Tensor

    from vadcli.model.checkpoint import Checkpoint

NO_MODEL = Path("none")  # cues alone
_GRID = 200  # cells a side, in which zones are compared
_NO_NETWORK = "made without a network. Score with --model none, or adapt again."

Lines = tuple[tuple[str, str], ...]  # labels and texts, for people


@dataclass(frozen=True)
class ScoringModel:
    """All that scoring needs but the sources."""

    measurer: Measurer | None  # of a network's errors; None without a network
    model: ModelSettings | None  # the network's settings; None without a network
    source: SourceSettings  # how sources are read for it
    calibration: Calibration | None = None  # None to learn from each source
    lineage: Lines = ()  # files, hashes, training
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
    def side_by_side(self) -> int:
        """Recordings decoded side by side: several on a GPU, where one decoder cannot keep it busy."""
        return 4 if self.measurer is not None and self.measurer.device.type == "cuda" else 1

    def run(self, settings: ScoreSettings) -> ScoringRun:
        """A run that scores sources."""
        return ScoringRun(
            self.measurer,
            self.input_frames,
            self.calibration,
            settings,
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


def load_scoring_model(model: Path | None, adapter: Path | None, settings: Settings) -> ScoringModel:
    """The model in the package or another, with an adapter if one is given.

    Raises:
        InputError: if there is no such file.
        CheckpointError: if a file is damaged, or the adapter is another model's.
    """
    stored = AdapterFile.read(adapter) if adapter else None
    calibration = Calibration.read(stored.facts, stored.arrays, str(stored.path)) if stored else None
    if model == NO_MODEL:
        loaded = ScoringModel(None, None, settings.source)
        calibration = calibration and calibration.without_network()
    elif model is not None and model.suffix.lower() == ".onnx":
        loaded = _from_onnx(model, stored, settings)
    else:
        if stored and not stored.parents:
            raise InputError(f"--adapter {adapter}: {_NO_NETWORK}")
        loaded = _from_checkpoint(model, adapter, settings)
    if stored is None:
        return loaded
    if loaded.measurer and calibration and not calibration.has_network:
        raise InputError(f"--adapter {adapter}: {_NO_NETWORK}")
    source, learned_from = reading_of(stored.settings, settings.source), stored.settings.source
    _require_learned(stored.path, source, learned_from)
    lineage = (*loaded.lineage, *_lineage("adapter", stored.path, stored.sha256, stored.parents, stored.training))
    return replace(loaded, calibration=calibration, source=source, learned_from=learned_from, lineage=lineage)


def load_base(model: Path | None) -> "Checkpoint | None":
    """The checkpoint that adapters are made from: the package's by default, None for cues alone."""
    if model == NO_MODEL:
        return None
    from vadcli.model.checkpoint import load_checkpoint

    return load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")


def adapted_model(checkpoint: "Checkpoint | None", fitted: Fitted, settings: Settings) -> ScoringModel:
    """A model with what was learned of a camera, as its adapter's file would make it."""
    if checkpoint is None:
        return ScoringModel(None, None, settings.source, fitted.calibration)
    loaded = _with_weights(checkpoint, fitted.weights, settings)
    return replace(loaded, calibration=fitted.calibration, source=settings.source)


class Rest(Observed):
    """A source of which the first observations are gone."""

    def __init__(self, observed: Observed, observations: Iterator[Observation]) -> None:
        self.info, self._observed, self._observations = observed.info, observed, observations

    @property
    def notes(self) -> tuple[str, ...]:
        """Of the source."""
        return self._observed.notes

    def listen(self, tell: Tell) -> None:
        """Report incidents of the source."""
        self._observed.listen(tell)

    def __iter__(self) -> Iterator[Observation]:
        return self._observations

    def open(self) -> Self:
        """Itself: it is open."""
        return self

    def close(self) -> None:
        """Let go of the source."""
        self._observed.close()


def fitted_on_head(
    observed: Observed, name: str, checkpoint: "Checkpoint", shots: int, settings: Settings
) -> tuple[Rest, ScoringModel]:
    """The source without its first K observations, and a model fitted to its first K windows (the paper's few shots).

    What is normal there is still to be learned.

    Raises:
        FootageError: for a source without a frame after those windows; it is closed.
    """
    from vadcli.footage.windows import windows_of
    from vadcli.learning.scene import adapt_to_scene
    from vadcli.model.checkpoint import load_network
    from vadcli.model.runtime import pick_device

    needed, observations = shots + checkpoint.model.input_frames, iter(observed)
    head = list(islice(observations, needed + 1))
    if len(head) <= needed:
        observed.close()
        raise FootageError(
            f"{name}: {len(head)} frames; {shots} shots need {needed} and one to score. "
            "Use a longer clip, or fewer --shots."
        )
    support = windows_of(
        [each.image for each in head[:needed] if each.image is not None], checkpoint.model.input_frames
    )
    device, network = pick_device(settings.score.device), load_network(checkpoint)
    fitted = adapt_to_scene(checkpoint, network, support, steps=settings.adapt.updates, device=device)
    return Rest(observed, chain(head[shots:], observations)), _with_weights(checkpoint, fitted.weights, settings)


def network_input(model: ModelSettings) -> NetworkInput:
    """The images that a model reads."""
    return NetworkInput(model.size, model.channels)


def reading_of(fitted: Settings, asked: SourceSettings) -> SourceSettings:
    """Settings of reading a source: the user's, and for the rest those of the footage that scores are measured by."""
    return fitted.source.model_copy(update={name: value for name, value in asked if value is not None})


def _require_learned(adapter: Path, source: SourceSettings, learned_from: SourceSettings) -> None:
    """Refuse to look at other parts of the picture than those that an adapter learned."""
    now, then = (zones_of(how).looked_at((_GRID, _GRID)) for how in (source, learned_from))
    if (now != then).any():
        raise InputError(
            f"--adapter {adapter}: made with --mask-top {learned_from.mask_top or 0:g} and its zones; these look at "
            "other parts of the picture, which would be new. Leave --mask-top, --ignore and --only out, or adapt again "
            "with them."
        )


def _from_checkpoint(model: Path | None, adapter: Path | None, settings: Settings) -> ScoringModel:
    from vadcli.model.checkpoint import load_checkpoint, require_base

    checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")
    if adapter is None:
        return _with_weights(checkpoint, {}, settings)
    adapted = load_checkpoint(adapter, "adapt")
    require_base(adapted, checkpoint)
    return _with_weights(checkpoint, adapted.weights, settings)


def measurer_of(
    checkpoint: "Checkpoint", weights: "Mapping[str, Tensor]", device_name: str, precision: str
) -> Measurer:
    """The measurer of a checkpoint's network with adapted weights."""
    import torch

    from vadcli.model.checkpoint import load_network
    from vadcli.model.runtime import for_inference, pick_device, pick_precision

    device = pick_device(device_name)
    # One update moves weights by less than bfloat16 shows; changes by many steps are larger.
    exact = {name for name, value in weights.items() if value.dtype == torch.float32}
    network = load_network(checkpoint, weights=weights)
    return Measurer(for_inference(network, device, pick_precision(precision, device), exact=exact), device)


def _with_weights(checkpoint: "Checkpoint", weights: "Mapping[str, Tensor]", settings: Settings) -> ScoringModel:
    """A checkpoint's network with adapted weights."""
    measurer = measurer_of(checkpoint, weights, settings.score.device, settings.score.precision)
    source = reading_of(checkpoint.settings, settings.source)
    lineage: Lines = ()
    if checkpoint.path is not None:
        lineage = _lineage("model", checkpoint.path, checkpoint.sha256, checkpoint.parents, checkpoint.training)
    return ScoringModel(measurer, checkpoint.model, source, lineage=lineage)


def _from_onnx(path: Path, adapter: AdapterFile | None, settings: Settings) -> ScoringModel:
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

    lineage = (("model", f"{path.name} (ONNX)"), *_parents("model", parents))
    source = reading_of(exported.settings, settings.source)
    return ScoringModel(Measurer(predict, torch.device("cpu")), exported.settings.model, source, lineage=lineage)


def _lineage(role: str, path: Path, sha256: str, parents: Mapping[str, str], training: Mapping[str, Any]) -> Lines:
    """The file and what it came from."""
    keys = ("data", "source", "shots", "steps", "seconds", "calibration_frames", "versions")
    lines = [(f"{role}: {key.replace('_', ' ')}", _plain(training[key])) for key in keys if key in training]
    return ((role, f"{path.name}, SHA-256 {sha256[:16]}…"), *_parents(role, parents), *lines)


def _parents(role: str, parents: Mapping[str, Any]) -> Lines:
    return tuple(
        (f"{role}: made from ({name})", f"SHA-256 {str(value)[:16]}…") for name, value in sorted(parents.items())
    )


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
