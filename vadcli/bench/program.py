"""The program as users start it, in `vad bench`: start-up, first record, a whole clip, and the memory that it takes."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from vadcli.bench.stopwatch import Measurement, Timed, measurement

HELP_RUNS, SCORE_RUNS = 5, 3
# Runs `vad` and tells its peak memory in KiB: the kernel's, since what `wait` reports begins with the parent's own.
TOLD = """
import sys
from vadcli.cli.app import run
code = run(sys.argv[1:])
try:
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
except (OSError, StopIteration):
    pass
sys.exit(code)
"""
CPU = torch.device("cpu")


def start_up() -> Measurement:
    """`vad --help` in a process of its own."""
    runs = [_run(["--help"]) for _ in range(HELP_RUNS)]
    took = _timed([run.whole_s for run in runs])
    return _with_peak(measurement("start-up: vad --help", CPU, torch.uint8, 1, took, "starts"), runs)


def score_process(film: Path, frames: int, device: torch.device, precision: torch.dtype) -> Iterator[Measurement]:
    """`vad score` of a film with the model in the package, from the start of a process of its own.

    Args:
        film: to score.
        frames: that it has.
        device: to score on.
        precision: that `auto` takes there.
    """
    arguments = ["score", str(film), "--device", device.type, "--format", "ndjson", "--quiet"]
    runs = [_run(arguments) for _ in range(SCORE_RUNS)]
    first, whole = _timed([run.first_s for run in runs]), _timed([run.whole_s for run in runs])
    yield measurement("vad score: first record", device, precision, 1, first, "starts")
    line = measurement("vad score: 10 s of film", device, precision, 1, whole, "frames", items=frames)
    yield _with_peak(line, runs)


@dataclass(frozen=True)
class _Run:
    """Seconds from a process's start to the first line of its output and to its end, and its peak memory."""

    first_s: float
    whole_s: float
    peak_mib: float | None


def _run(arguments: list[str]) -> _Run:
    """Run a command.

    Raises:
        RuntimeError: if it fails.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as told:
        with subprocess.Popen(
            [sys.executable, "-c", TOLD, *arguments], stdout=subprocess.PIPE, stderr=told, text=True
        ) as process:
            if process.stdout is None:
                raise ValueError("no pipe")
            process.stdout.readline()
            first_s = time.perf_counter() - began
            process.stdout.read()
        whole_s = time.perf_counter() - began
        told.seek(0)
        lines = told.read().splitlines()
    if process.returncode:
        raise RuntimeError(f"vad {' '.join(arguments)} ended with {process.returncode}: {' '.join(lines)}")
    return _Run(first_s, whole_s, round(int(lines[-1]) / 1024, 1) if lines and lines[-1].isdigit() else None)


def _timed(seconds: list[float]) -> Timed:
    return Timed(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def _with_peak(line: Measurement, runs: list[_Run]) -> Measurement:
    return replace(line, peak_mib=max((run.peak_mib for run in runs if run.peak_mib), default=None))
