"""The golden episode as our names see it: numbers from an independent float64 run of the released arithmetic."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vadcli.model.network import AdaptedPart, Network
from vadcli.settings import ModelSettings

OURS = {
    "prototype.Mheads.weight": "unit.attention.weight",
    "ohead.0": "head.0",
    "ohead.2": "head.2",
    "ohead.4": "head.4",
}


def load() -> dict[str, Tensor]:
    """Arrays of the golden file by their names in it; skips where the file is not at hand."""
    data = os.environ.get("VAD_DATA")
    path = Path(data or ".").resolve().parent / "golden" / "mpu_episode.npz"
    if data is None or not path.is_file():
        pytest.skip("needs golden/mpu_episode.npz beside the directory named by VAD_DATA")
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}


def theta(golden: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Arrays named `prefix.*` under our parameter names."""
    result = {}
    for name, value in golden.items():
        if name.startswith(prefix + "."):
            theirs = name.removeprefix(prefix + ".")
            ours = next(theirs.replace(a, b) for a, b in OURS.items() if theirs.startswith(a))
            result[ours] = value.clone()
    return result


def part(golden: dict[str, Tensor], variant: str = "official") -> AdaptedPart:
    """The released setting in float64 with the golden weights, from the encoding on."""
    network = Network(ModelSettings(size=(16, 16), variant=variant)).double()
    missing = network.load_state_dict(theta(golden, "weight"), strict=False)
    assert not missing.unexpected_keys
    return AdaptedPart(network, "head")


def error(got: Tensor, expected: Tensor) -> float:
    """‖difference‖ / ‖expected‖."""
    return float(((got - expected).norm() / expected.norm()).detach())
