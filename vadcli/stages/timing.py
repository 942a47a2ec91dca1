"""Timing for `vad bench`: medians of repeated calls, with the GPU waited for, and on what machine."""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Timed:
    """How long a call took.

    Attributes:
        seconds: median.
        least: shortest.
        most: longest.
        runs: how many were counted.
    """

    seconds: float
    least: float
    most: float
    runs: int


def timed(call: Callable[[], object], device: torch.device, *, budget_s: float, runs: int = 20) -> Timed:
    """Time a call: once to warm up, then until the budget or the number of runs is used up, at least once.

    Args:
        call: does the work; on a GPU it is waited for.
        device: where the work runs.
        budget_s: seconds to spend, the warm-up not counted.
        runs: most runs to count.
    """

    def once() -> float:
        began = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    once()
    seconds = [once()]
    while len(seconds) < runs and sum(seconds) < budget_s:
        seconds.append(once())
    return Timed(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def matrix_peak(device: torch.device, precision: torch.dtype, *, budget_s: float = 1.0) -> float:
    """Floating-point operations a second of a large square matrix product, the machine's practical ceiling."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device).to(precision) for _ in range(2))
    return 2 * side**3 / timed(lambda: a @ b, device, budget_s=budget_s).least


def machine(device: torch.device) -> dict[str, Any]:
    """What was measured on, as plain values."""
    return {
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine(),
        "kind": device.type,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
    }
