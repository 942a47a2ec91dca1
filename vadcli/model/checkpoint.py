"""Checkpoint files: safetensors with one JSON header, no pickle; stages, lineage and how they fit together."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vadcli.errors import CheckpointError, InputError, said_plainly
from vadcli.files import whole
from vadcli.model.network import Network
from vadcli.settings import ModelSettings, Settings, settings_of

FORMAT, VERSION = "vad-checkpoint", 1
CHANGES = 256.0  # what changes of weights are multiplied by before a byte keeps them
Stage = Literal["pretrain", "metatrain", "adapt"]
PACKAGED_MODEL = Path(__file__).parent.parent / "weights" / "edge.safetensors"
_MAKES = {
    "pretrain": "vad pretrain CACHE.h5 --out model.safetensors",
    "metatrain": "vad metatrain CACHE.h5 --from model.safetensors --out meta.safetensors",
    "adapt": "vad adapt VIDEO --from meta.safetensors --out adapter.safetensors",
}


@dataclass(frozen=True)
class Checkpoint:
    """A model, or an adapter, as one stage hands it to the next.

    Attributes:
        stage: that wrote it. "adapt" is an adapter: adapted weights alone, useless without its base.
        settings: of the run, all sections; `settings.model` describes the weights.
        weights: network parameters by name.
        step_sizes: α by parameter name; empty before meta-training.
        parents: SHA-256 of the files it was made from, by role ("from", "base", "data").
        training: record of the run: data, steps, seconds, losses, versions.
        calibration: what is usual on normal footage, as `scoring.calibration` writes it; None if not calibrated.
        path: where it was read from; None if not yet saved.
    """

    stage: Stage
    settings: Settings
    weights: Mapping[str, Tensor]
    step_sizes: Mapping[str, Tensor] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] | None = None
    path: Path | None = None

    @property
    def model(self) -> ModelSettings:
        """Settings of the network that the weights belong to."""
        return self.settings.model

    @property
    def num_parameters(self) -> int:
        """Of all weights; of an adapter, of those that it adapts."""
        return sum(value.numel() for value in self.weights.values())

    @cached_property
    def sha256(self) -> str:
        """Of the file it was read from."""
        if self.path is None:
            raise ValueError("a checkpoint that was not read from a file has no hash")
        return file_sha256(self.path)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions that a training record names."""
    from vadcli import __version__

    return {"vad": __version__, "torch": torch.__version__}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        OSError: when the folder is missing, read-only or full.
    """
    tensors = {f"network.{name}": value for name, value in checkpoint.weights.items()}
    tensors |= {f"step_sizes.{name}": value for name, value in checkpoint.step_sizes.items()}
    save_tensors(path, tensors, header_of(checkpoint))


def header_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """All of a checkpoint but its tensors, as JSON."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "stage": checkpoint.stage,
        "settings": checkpoint.settings.model_dump(mode="json"),
        "parents": dict(checkpoint.parents),
        "training": dict(checkpoint.training),
        "calibration": checkpoint.calibration,
    }


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header as safetensors, whole or not at all."""
    plain = {
        name: value.detach().cpu().contiguous(memory_format=torch.contiguous_format)
        for name, value in sorted(tensors.items())
    }
    with whole(path) as temporary:
        try:
            save_file(plain, temporary, metadata={"vad": json.dumps(header, sort_keys=True)})
        except SafetensorError as error:  # the writer wraps the system's error in its own
            raise OSError(28, f"could not be written ({error})", str(path)) from error


def read_tensors(path: Path, expected_format: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and JSON header of a file written by `save_tensors`.

    Raises:
        InputError: if there is no such file.
        CheckpointError: if it is damaged, of another kind or of another version.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint. Make one with `{_MAKES['pretrain']}`.")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("vad", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, LookupError, TypeError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a checkpoint of vad, or damaged ({_first_line(error)}). Make it again."
        ) from error
    if not isinstance(header, dict) or header.get("format") != expected_format:
        raise CheckpointError(f"{path}: not written by vad as {expected_format}.")
    if header.get("version") != VERSION:
        raise CheckpointError(
            f"{path}: version {header.get('version')!r}; this vad reads version {VERSION}. Use the vad that wrote it."
        )
    return tensors, header


def model_file(named: Path) -> Path:
    """The file of a model: itself, or the one in the package where it is called `package` or by its own name."""
    in_package = str(named) in ("package", PACKAGED_MODEL.stem) and not named.is_file()
    return PACKAGED_MODEL if in_package else named


def load_checkpoint(path: Path, *stages: Stage) -> Checkpoint:
    """Read a checkpoint and check it.

    Args:
        path: of the file.
        stages: that are of use to the caller; any if none are given.

    Raises:
        InputError: if there is no such file.
        CheckpointError: if it is damaged, from a stranger, or of another stage.
    """
    if stages == ("adapt",) and not path.is_file():
        raise InputError(f"{path}: no such adapter. Make one with `vad adapt NORMAL-VIDEO --out {path}`.")
    tensors, header = read_tensors(path, FORMAT)
    stage = header.get("stage")
    if stage not in get_args(Stage):
        raise CheckpointError(f"{path}: unknown stage {stage!r}. Use the vad that wrote it.")
    if stages and stage not in stages:
        wanted = " or ".join(stages)
        raise CheckpointError(
            f"{path}: made by `vad {stage}`; this needs one made by {wanted}. Run `{_MAKES[stages[-1]]}`."
        )
    try:
        settings = settings_of(header)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CheckpointError(f"{path}: its settings do not hold: {place} {said_plainly(first)}.") from error
    checkpoint = Checkpoint(
        stage=cast(Stage, stage),
        settings=settings,
        weights={name.removeprefix("network."): v for name, v in tensors.items() if name.startswith("network.")},
        step_sizes={
            name.removeprefix("step_sizes."): v for name, v in tensors.items() if name.startswith("step_sizes.")
        },
        parents={role: str(value) for role, value in _mapping(header.get("parents")).items()},
        training=_mapping(header.get("training")),
        calibration=header.get("calibration"),
        path=path,
    )
    _check_tensors(checkpoint)
    return checkpoint


def load_network(checkpoint: Checkpoint, adapter: Checkpoint | None = None) -> Network:
    """The network of a checkpoint, with an adapter's weights where one is given.

    Raises:
        CheckpointError: if the adapter was made for other weights.
    """
    if adapter is not None and adapter.parents.get("base") != checkpoint.sha256:
        raise CheckpointError(
            f"{adapter.path}: adapts a model with hash {str(adapter.parents.get('base'))[:12]}…, "
            f"but {checkpoint.path} has {checkpoint.sha256[:12]}…. Use --model with the model it was made from."
        )
    with torch.device("meta"):
        network = Network(checkpoint.model)
    network.load_state_dict({**checkpoint.weights, **_adapted(checkpoint, adapter)}, assign=True)
    return network.eval().channels_last()


def _adapted(checkpoint: Checkpoint, adapter: Checkpoint | None) -> dict[str, Tensor]:
    """An adapter's weights; those that it holds in a byte each are changes of the model's."""
    return {
        name: value if value.dtype == torch.float32 else checkpoint.weights[name] + value.float() / CHANGES
        for name, value in (adapter.weights if adapter else {}).items()
    }


def as_changes(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What changed from some weights to others, by name: a byte each, float8 of 256 times the change.

    They keep three binary digits of it, and 1e-5 of what is smaller than that.
    """
    most = torch.finfo(torch.float8_e4m3fn).max
    return {
        name: ((value - before[name]) * CHANGES).clamp(-most, most).to(torch.float8_e4m3fn)
        for name, value in after.items()
    }


def _check_tensors(checkpoint: Checkpoint) -> None:
    """Weights are those of the settings' network, float32 and finite, and step sizes those of what adapts in it."""
    with torch.device("meta"):
        network = Network(checkpoint.model)
    expected = {name: value.shape for name, value in network.state_dict().items()}
    got = {name: value.shape for name, value in checkpoint.weights.items()}
    steps = {name: value.shape for name, value in checkpoint.step_sizes.items()}
    if checkpoint.stage == "adapt":
        expected = {name: shape for name, shape in expected.items() if name in got}
    adapted = {name: expected.get(name) for name in network.adapted_names(checkpoint.settings.metatrain.scope)}
    for kind, held, asked in (("weight", got, expected), ("step size", steps, adapted if steps else {})):
        for name in sorted(held.keys() | asked.keys()):
            if asked.get(name) != held.get(name):
                raise CheckpointError(
                    f"{checkpoint.path}: {kind} {name} is {_shape(held.get(name))}, "
                    f"its settings ask for {_shape(asked.get(name))}."
                )
    for name, value in [*checkpoint.weights.items(), *checkpoint.step_sizes.items()]:
        if value.dtype != torch.float32 and not (checkpoint.stage == "adapt" and value.dtype == torch.float8_e4m3fn):
            raise CheckpointError(f"{checkpoint.path}: weight {name} is {value.dtype}; vad writes torch.float32.")
        if not bool(value.float().isfinite().all()):
            raise CheckpointError(f"{checkpoint.path}: weight {name} holds values that are not finite numbers.")
    for name, value in checkpoint.step_sizes.items():
        if bool((value < 0).any()):
            raise CheckpointError(f"{checkpoint.path}: step size {name} is negative, and would climb the loss.")


def _shape(shape: torch.Size | None) -> str:
    return "absent" if shape is None else "×".join(map(str, shape))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
