"""`vad bench --units`: parameters, memory and speed of the prototype unit and its rivals in the same network."""

import statistics
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, get_args

import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vadcli.bench.stopwatch import machine, name_of, timed
from vadcli.model.checkpoint import versions
from vadcli.model.network import Network, count_parameters
from vadcli.model.runtime import for_inference, pick_device, pick_precision
from vadcli.progress import Progress
from vadcli.settings import ModelSettings, UnitName

SCHEMA = "vad.bench-units/1"
ROUNDS = 4


@dataclass(frozen=True)
class UnitCost:
    """The cost of a network with one unit.

    Attributes:
        unit: its name.
        parameters: values in the network's weights, stored items among them.
        unit_parameters: those of the unit.
        peak_mib: most memory that tensors made while scoring one window hold at a time, weights not counted.
        unit_peak_mib: the same of the unit alone, its output included; None without a unit.
        fps: windows scored a second, one at a time.
        unit_ms: time of the unit alone; None without a unit.
    """

    unit: UnitName
    parameters: int
    unit_parameters: int
    peak_mib: float
    unit_peak_mib: float | None
    fps: float
    unit_ms: float | None


def bench_units_stage(model: ModelSettings, *, device_name: str, budget_s: float, progress: Progress) -> dict[str, Any]:
    """Measure the network with each unit, taking turns so that what else the machine does hits all alike.

    Args:
        model: the network, with random weights; its own unit is not looked at.
        device_name: cpu, cuda or auto.
        budget_s: seconds a measurement.
        progress: every turn is reported to it.

    Returns:
        plain values for JSON: machine, network, and one row a unit.
    """
    device = pick_device(device_name)
    precision = pick_precision("auto", device)
    networks: dict[UnitName, Network] = {}
    for name in get_args(UnitName):
        torch.manual_seed(0)
        network = Network(model.model_copy(update={"unit": name}))
        networks[name] = for_inference(network, device, precision)
    inputs = torch.rand(1, model.channels * model.input_frames, *model.size, device=device) * 2 - 1
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        encoding = networks["none"].begin(inputs, "head")[-1]
        calls = {name: _scoring(network, inputs, encoding) for name, network in networks.items()}
        seconds: dict[UnitName, list[tuple[float, ...]]] = {name: [] for name in networks}
        progress.start("measuring", ROUNDS * len(networks), "turns")
        for _ in range(ROUNDS):
            for name, parts in calls.items():
                took = (timed(part, device, budget_s=budget_s / ROUNDS).seconds for part in parts)
                seconds[name].append(tuple(took))
                progress.advance(1, last=name)
        rows = [_cost(networks[name], seconds[name], calls[name], device) for name in networks]
    return {
        "schema": SCHEMA,
        "machine": machine([device]),
        "versions": versions(),
        "model": model.model_dump(mode="json", exclude={"unit"}),
        "precision": name_of(precision),
        "units": [asdict(row) for row in rows],
    }


def _scoring(network: Network, inputs: Tensor, encoding: Tensor) -> list[Callable[[], object]]:
    """The calls to measure: the network on a window and, where there is one, the unit on an encoding."""
    unit = network.unit
    return [lambda: network(inputs)] + ([lambda: unit(encoding)] if unit is not None else [])


def _cost(
    network: Network, seconds: list[tuple[float, ...]], calls: list[Callable[[], object]], device: torch.device
) -> UnitCost:
    whole_s, *unit_s = (statistics.median(column) for column in zip(*seconds, strict=True))
    whole, *alone = (round(peak_bytes(call, device) / 2**20, 2) for call in calls)
    with torch.device("meta"):
        learned = Network(network.settings)  # a network ready to predict may hold its kernels in another form
    return UnitCost(
        unit=network.settings.unit,
        parameters=count_parameters(learned),
        unit_parameters=count_parameters(learned.unit) if learned.unit is not None else 0,
        peak_mib=whole,
        unit_peak_mib=alone[0] if alone else None,
        fps=1 / whole_s,
        unit_ms=1000 * unit_s[0] if unit_s else None,
    )


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """Most bytes held at a time by what a call allocates.

    On a GPU by PyTorch's allocator, so that the libraries' scratch memory counts; on a CPU by the tensors it makes.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    held = _Held()
    with held:
        call()
    return held.most


class _Held(TorchDispatchMode):
    """Counts the bytes of tensors that are made under it, from each one's birth to its death."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now, self.most = 0, 0
        self.known: weakref.WeakSet[UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {id(leaf.untyped_storage()) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor) and id(leaf.untyped_storage()) not in given:
                self._born(leaf.untyped_storage())
        self.most = max(self.most, self.now)
        return made

    def _born(self, storage: UntypedStorage) -> None:
        if storage not in self.known:
            self.known.add(storage)
            self.now += storage.nbytes()
            weakref.finalize(storage, self._died, storage.nbytes())

    def _died(self, count: int) -> None:
        self.now -= count
