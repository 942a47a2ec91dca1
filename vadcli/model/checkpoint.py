"""Checkpoint files: safetensors with one JSON header, no pickle; stages, lineage and how they fit together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from vadcli.errors import CheckpointError, InputError
from vadcli.model.network import Network
from vadcli.model.tensor_file import (
    CALIBRATION,
    FORMAT,
    PACKAGED_MODEL,
    VERSION,
    file_sha256,
    mapping,
    opened,
    read_header,
    read_settings,
    require_stage,
    write,
)
from vadcli.settings import ModelSettings, Settings

CHANGES = 256.0  # factor on changes of weights, which are kept in a byte
Stage = Literal["pretrain", "metatrain", "adapt"]


@dataclass(frozen=True)
class Checkpoint:
    """A model, or an adapter, as one stage hands it to the next."""

    stage: Stage  # the command that wrote it; "adapt" is an adapter: adapted weights alone, useless without its base.
    settings: Settings  # of the run, all sections; `settings.model` describes the weights
    weights: Mapping[str, Tensor]  # network parameters by name
    step_sizes: Mapping[str, Tensor] = field(default_factory=dict)  # α by parameter name; empty before meta-training
    # SHA-256 of the files it was made from, by role ("from", "base", "data")
    parents: Mapping[str, str] = field(default_factory=dict)
    # record of the run: data, steps, seconds, losses, versions
    training: Mapping[str, Any] = field(default_factory=dict)
    # facts of an adapter's calibration, as `scoring.calibration` writes them; None of a model
    calibration: Mapping[str, Any] | None = None
    calibration_arrays: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)  # its arrays by name
    path: Path | None = None  # where it was read from; None if not yet saved

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


def versions() -> dict[str, str]:
    """Versions that a training record names."""
    from vadcli import __version__

    return {"vad": __version__, "torch": torch.__version__}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all; raises OSError when the folder is missing, read-only or full."""
    tensors = {f"network.{name}": value for name, value in checkpoint.weights.items()}
    tensors |= {f"step_sizes.{name}": value for name, value in checkpoint.step_sizes.items()}
    tensors |= {f"{CALIBRATION}{name}": torch.from_numpy(v) for name, v in checkpoint.calibration_arrays.items()}
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
    write(path, plain, header, save_file)


def read_tensors(path: Path, expected_format: str = FORMAT) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and JSON header of a file written by `save_tensors`.

    Raises:
        InputError: if there is no such file.
        CheckpointError: if it is damaged, of another kind or of another version.
    """
    header = read_header(path, expected_format)
    with opened(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118 (not a mapping)


def model_file(named: Path) -> Path:
    """The file of a model: itself, or the one in the package where it is called `package` or by its own name."""
    in_package = str(named) in ("package", PACKAGED_MODEL.stem) and not named.is_file()
    return PACKAGED_MODEL if in_package else named


def load_checkpoint(path: Path, *stages: Stage) -> Checkpoint:
    """Read a checkpoint and check it.

    Raises:
        InputError: if there is no such file.
        CheckpointError: if it is damaged, from a stranger, or of another stage.
    """
    if stages == ("adapt",) and not path.is_file():
        raise InputError(f"{path}: no such adapter. Make one with `vad adapt NORMAL-VIDEO --out {path}`.")
    tensors, header = read_tensors(path)
    require_stage(path, header, *stages)
    settings = read_settings(path, header)
    checkpoint = Checkpoint(
        stage=cast(Stage, header["stage"]),
        settings=settings,
        weights=_prefixed(tensors, "network."),
        step_sizes=_prefixed(tensors, "step_sizes."),
        parents={role: str(value) for role, value in mapping(header.get("parents")).items()},
        training=mapping(header.get("training")),
        calibration=header.get("calibration"),
        calibration_arrays={name: value.numpy() for name, value in _prefixed(tensors, CALIBRATION).items()},
        path=path,
    )
    _check_tensors(checkpoint)
    return checkpoint


def _prefixed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def load_network(
    checkpoint: Checkpoint, adapter: Checkpoint | None = None, weights: Mapping[str, Tensor] | None = None
) -> Network:
    """The network of a checkpoint, with an adapter's weights where one is given.

    Raises:
        CheckpointError: if the adapter was made for other weights.
    """
    if adapter is not None:
        require_base(adapter, checkpoint)
    adapted = adapter.weights if adapter else weights or {}
    with torch.device("meta"):
        network = Network(checkpoint.model)
    network.load_state_dict({**checkpoint.weights, **_from_changes(checkpoint, adapted)}, assign=True)
    return network.eval().channels_last()


def require_base(adapter: Checkpoint, checkpoint: Checkpoint) -> None:
    """Refuse an adapter of another model; raises CheckpointError with both hashes."""
    if adapter.parents.get("base") != checkpoint.sha256:
        raise CheckpointError(
            f"{adapter.path}: adapts a model with hash {str(adapter.parents.get('base'))[:12]}…, "
            f"but {checkpoint.path} has {checkpoint.sha256[:12]}…. Use --model with the model it was made from."
        )


def _from_changes(checkpoint: Checkpoint, adapted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Adapted weights; those that are held in a byte each are changes of the model's."""
    return {
        name: value if value.dtype == torch.float32 else checkpoint.weights[name] + value.float() / CHANGES
        for name, value in adapted.items()
    }


def as_changes(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Changes of weights, by name: a byte each, float8 of 256 times the change.

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
