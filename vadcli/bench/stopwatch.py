"""Timing for `vad bench`: medians of repeated calls, with the GPU waited for, and on what machine."""

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Timed:
    """Times of a call.

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


@dataclass(frozen=True)
class Measurement:
    """One line of the benchmark.

    Attributes:
        path: what was measured.
        device: cpu or cuda.
        precision: of the convolutions; uint8 where no network runs.
        batch: windows (or episodes' shots, or files) at once.
        seconds: median of one call.
        least_seconds: shortest call.
        runs: how many calls were counted.
        rate: items a second.
        unit: the items.
        against_literal: how many times as fast as the literal implementation of the same in float32 on the same
            device; None where there is none.
        share_of_peak: achieved part of the measured matrix-product peak in this precision.
        peak_mib: most memory that a process of its own held; None where none was started.
    """

    path: str
    device: str
    precision: str
    batch: int
    seconds: float
    least_seconds: float
    runs: int
    rate: float
    unit: str
    against_literal: float | None = None
    share_of_peak: float | None = None
    peak_mib: float | None = None


def measurement(
    path: str,
    device: torch.device,
    precision: torch.dtype,
    batch: int,
    took: Timed,
    unit: str,
    *,
    items: float | None = None,
    literal: Timed | None = None,
    literal_items: float = 1,
    flop_an_item: float = 0.0,
    peak: float = 0.0,
) -> Measurement:
    """A line from what a call took.

    Args:
        path: what was measured.
        device: where.
        precision: of the convolutions.
        batch: windows, shots or files at once.
        took: one call.
        unit: what is counted.
        items: how many of them a call gives; `batch` if None.
        literal: one call of the literal implementation.
        literal_items: how many items that gives.
        flop_an_item: arithmetic of one item, where the share of the peak is to be told.
        peak: floating-point operations a second of matrix products.
    """
    items = batch if items is None else items
    rate = items / took.seconds
    return Measurement(
        path,
        device.type,
        name_of(precision),
        batch,
        took.seconds,
        took.least,
        took.runs,
        rate,
        unit,
        against_literal=rate * literal.seconds / literal_items if literal else None,
        share_of_peak=rate * flop_an_item / peak if flop_an_item and peak else None,
    )


def name_of(precision: torch.dtype) -> str:
    """`float32` for torch.float32."""
    return str(precision).removeprefix("torch.")


def timed(call: Callable[[], object], device: torch.device, *, budget_s: float, runs: int = 20) -> Timed:
    """Time a call: once to warm up, then until the budget or the number of runs is used up, at least once.

    Args:
        call: does the work; on a GPU it is waited for.
        device: where the work runs.
        budget_s: seconds to spend, the warm-up not counted.
        runs: most runs to count.
    """
    (took,) = timed_in_turn([call], device, budget_s=budget_s, runs=runs)
    return took


def timed_in_turn(
    calls: list[Callable[[], object]], device: torch.device, *, budget_s: float, runs: int = 20
) -> list[Timed]:
    """Time calls that are to be compared, one after the other and again, so that a busy spell hits all of them.

    Args:
        calls: to compare.
        device: where the work runs.
        budget_s: seconds to spend on each, the warm-up not counted.
        runs: most runs of each to count.
    """

    def once(call: Callable[[], object]) -> float:
        began = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    for call in calls:
        once(call)
    seconds = [[once(call)] for call in calls]
    while len(seconds[0]) < runs and sum(map(sum, seconds)) < budget_s * len(calls):
        for call, taken in zip(calls, seconds, strict=True):
            taken.append(once(call))
    return [Timed(statistics.median(taken), min(taken), max(taken), len(taken)) for taken in seconds]


def matrix_peak(device: torch.device, precision: torch.dtype, *, budget_s: float = 1.0) -> float:
    """Floating-point operations a second of a large square matrix product, the machine's practical ceiling."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device).to(precision) for _ in range(2))
    return 2 * side**3 / timed(lambda: a @ b, device, budget_s=budget_s).least


def machine(devices: Sequence[torch.device]) -> dict[str, Any]:
    """The machine of the measurements, as plain values."""
    names = {
        device.type: torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine()
        for device in devices
    }
    return {
        "devices": names,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
    }
