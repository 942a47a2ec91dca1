"""Timing for `vad bench`: medians of repeated calls, with the GPU waited for, and the machine they ran on."""

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Measurement:
    """One line of the benchmark."""

    path: str  # as in `paths.COMMANDS`, or forward, or training step
    device: str  # cpu or cuda
    precision: str  # of the convolutions
    batch: int  # windows at once
    seconds: float  # median of one call
    runs: int  # how many calls were counted
    rate: float  # items a second
    unit: str  # the items


@dataclass(frozen=True)
class Where:
    """The place and arithmetic of a measurement, and the seconds to spend on it."""

    device: torch.device
    precision: torch.dtype
    budget_s: float

    def line(self, path: str, batch: int, seconds: Sequence[float], unit: str, items: float) -> Measurement:
        """A line from the seconds of every call and the items that a call gives."""
        median, precision = statistics.median(seconds), str(self.precision).removeprefix("torch.")
        return Measurement(path, self.device.type, precision, batch, median, len(seconds), items / median, unit)

    def timed(self, call: Callable[[], object], runs: int = 20) -> list[float]:
        """Seconds of a call: once to warm up, then until the budget or the number of runs is used up, at least once."""
        taken: list[float] = []
        call()
        while not taken or (len(taken) < runs and sum(taken) < self.budget_s):
            began = time.perf_counter()
            call()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            taken.append(time.perf_counter() - began)
        return taken


def machine(device: torch.device) -> dict[str, Any]:
    """The machine of the measurements, as plain values."""
    on_gpu = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
    }
