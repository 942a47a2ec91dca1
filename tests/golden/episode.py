"""The golden episode as our names see it: numbers from an independent float64 run of the released arithmetic.

`mpu_episode.h5` beside this file holds every input of that run to the last bit, and of large results every STRIDE-th
element. It was made from the whole episode by `python -m tests.golden.episode MPU_EPISODE.npz`. The whole
one is used where it is at hand: `golden/mpu_episode.npz` beside the directory named by VAD_DATA.
"""

import os
import sys
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from vadcli.model.network import AdaptedPart, Network
from vadcli.settings import ModelSettings

SHIPPED = Path(__file__).with_name("mpu_episode.h5")
STRIDE, LARGE = 31, 4000
INPUTS = ("support", "query", "weight", "step_size")
OURS = {
    "prototype.Mheads.weight": "unit.attention.weight",
    "ohead.0": "head.0",
    "ohead.2": "head.2",
    "ohead.4": "head.4",
}


def whole() -> Path:
    return Path(os.environ.get("VAD_DATA", ".")).resolve().parent / "golden" / "mpu_episode.npz"


def load(path: Path | None = None) -> dict[str, Tensor]:
    """Arrays of an episode by their names in it: of the whole one, or else of the one that is shipped."""
    path = path or (whole() if whole().is_file() else SHIPPED)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}
    with h5py.File(path) as file:
        return {name: torch.from_numpy(np.asarray(data)) for name, data in file.items()}


def ship(source: Path, path: Path = SHIPPED) -> None:
    arrays = {name: value.numpy() for name, value in load(source).items()}
    arrays["test_compactness_per_element"] = arrays["test_compactness_per_element"].mean(2, keepdims=True)
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            large = values.size > LARGE
            if large and not name.startswith(INPUTS):
                values = values.ravel()[::STRIDE]
            packed = {"chunks": values.shape, "shuffle": True, "compression": 9} if large else {}
            file.create_dataset(name, data=values, **packed)


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
    """‖difference‖ / ‖expected‖, over every STRIDE-th element where no more are known."""
    if got.numel() > expected.numel():
        got = got.flatten()[::STRIDE]
    return float(((got - expected).norm() / expected.norm()).detach())


if __name__ == "__main__":
    ship(Path(sys.argv[1]))
