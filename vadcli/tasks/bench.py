"""`vad bench`: the speed of every path on this machine, in one run."""

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from vadcli.bench import paths
from vadcli.bench.stopwatch import Measurement, Where, machine
from vadcli.files import temporary_folder
from vadcli.model.checkpoint import Checkpoint, save_checkpoint, versions
from vadcli.model.network import Network
from vadcli.model.runtime import multiplies_bfloat16, pick_device, pick_precision
from vadcli.progress import Progress
from vadcli.settings import ModelSettings, Settings

SCHEMA = "vad.bench/3"
BATCHES = (1, 8)


def bench_task(model: ModelSettings, *, device_name: str, budget_s: float, progress: Progress) -> dict[str, Any]:
    """Measure everything once.

    Returns:
        plain values for JSON: `schema`, `machine`, `versions`, `model`, and `measurements`.
    """
    device = pick_device(device_name)
    torch.manual_seed(0)
    progress.start("measuring", None, "paths")
    lines = []
    for line in _measured(model, device, budget_s):
        lines.append(asdict(line))
        progress.advance(1, last=line.path)
    about = {"machine": machine(device), "versions": versions(), "model": model.model_dump(mode="json")}
    return {"schema": SCHEMA, **about, "measurements": lines}


def _measured(model: ModelSettings, device: torch.device, budget_s: float) -> Iterator[Measurement]:
    auto = Where(device, pick_precision("auto", device), budget_s)
    native = [torch.float32, *([torch.bfloat16] if multiplies_bfloat16(device) else [])]
    for precision in native:
        yield from (paths.forward(model, batch, Where(device, precision, budget_s)) for batch in BATCHES)
    yield paths.training_step(model, auto)
    with tempfile.TemporaryDirectory(dir=temporary_folder()) as folder:
        film, made = Path(folder) / "film.mp4", Path(folder) / "model.safetensors"
        paths.write_film(film)
        save_checkpoint(made, Checkpoint("metatrain", Settings(model=model), Network(model).state_dict()))
        for path in paths.COMMANDS:
            yield paths.command(path, film, made, auto)
