"""`vad bench`: the speed of every path on this machine, beside the literal implementation, in one run."""

import resource
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from vadcli.bench.footage import FILES_AT_ONCE, FILM_FRAMES, end_to_end, preparing, write_film
from vadcli.bench.network import NetworkBench, OutputChange
from vadcli.bench.program import score_process, start_up
from vadcli.bench.stopwatch import Measurement, machine, name_of
from vadcli.errors import InputError
from vadcli.model.checkpoint import versions
from vadcli.model.network import Network, layer_costs
from vadcli.model.runtime import pick_device, pick_precision
from vadcli.progress import Progress
from vadcli.settings import ModelSettings

SCHEMA = "vad.bench/2"


def bench_stage(
    model: ModelSettings, *, device_name: str, batches: list[int], shots: int, budget_s: float, progress: Progress
) -> dict[str, Any]:
    """Measure everything once.

    Args:
        model: the network to measure, with random weights.
        device_name: cpu, cuda, or auto for all there are.
        batches: sizes to score with.
        shots: K of an episode's support and query.
        budget_s: seconds a measurement.
        progress: told of every measurement.

    Returns:
        plain values for JSON: `schema`; `machine`; `versions`; `model`; `film`, its codec; `gmac_a_frame` by part of
        the network; `matrix_product_gflops` by device and precision, bfloat16 only where it is not emulated;
        `measurements`, each a `timing.Measurement`; `ratios` by name, see `ratios_of`; `output_changes`, each a
        `bench_network.OutputChange`; `peak_memory_mib` of the benchmark itself, literal implementation included.

    Raises:
        InputError: for a network without a unit.
    """
    if model.unit == "none":
        raise InputError("model.unit none: there is no unit to measure. Choose another, or compare all with --units.")
    devices = [pick_device(device_name)]
    if device_name == "auto" and devices[0].type == "cuda":
        devices.insert(0, torch.device("cpu"))
    torch.manual_seed(0)
    network = Network(model)
    costs = dict(layer_costs(model))
    lines: list[Measurement] = []
    peaks: dict[str, dict[str, float]] = {}
    changes: list[OutputChange] = []
    progress.start("measuring", None, "paths")

    def keep(found: Iterable[Measurement]) -> None:
        for line in found:
            lines.append(line)
            progress.advance(1, last=line.path)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = folder / "film.mp4"
        codec = write_film(film)
        for device in devices:
            bench = NetworkBench(network, device, budget_s, 2 * sum(costs.values()))
            peaks[device.type] = {name_of(one): round(peak / 1e9, 1) for one, peak in bench.peaks.items()}
            keep(_of_network(bench, batches, shots))
            changes += bench.output_changes()
            auto = pick_precision("auto", device)
            rate = max(line.rate for line in lines if (line.path, line.device) == ("forward", device.type))
            keep(end_to_end(bench.ready(auto), device, auto, folder, budget_s, rate))
            keep(score_process(film, FILM_FRAMES, device, auto))
        keep(preparing(model, film, folder, budget_s))
        keep([start_up()])
    return {
        "schema": SCHEMA,
        "machine": machine(devices),
        "versions": versions(),
        "model": model.model_dump(mode="json"),
        "film": codec,
        "gmac_a_frame": {part: round(cost / 1e9, 4) for part, cost in costs.items()},
        "matrix_product_gflops": peaks,
        "measurements": [asdict(line) for line in lines],
        "ratios": ratios_of(lines),
        "output_changes": [asdict(change) for change in changes],
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def ratios_of(lines: Iterable[Measurement]) -> dict[str, float]:
    """What the paths say of each other, in one run: a share of time, or times as fast, by name.

    For every device, precision and batch `unit with its score / forward`; for every device, a frame of several files
    against one file's; for every form of frames, `prepare` against bare decoding and resizing; and how many times as
    fast windows are read as trained on.
    """
    found: dict[str, float] = {}
    by_path: dict[str, list[Measurement]] = {}
    for line in lines:
        by_path.setdefault(line.path, []).append(line)
    for unit in by_path.get("unit with its score", []):
        for forward in by_path.get("forward", []):
            if (unit.device, unit.precision, unit.batch) == (forward.device, forward.precision, forward.batch):
                where = f"{unit.device}, {unit.precision}, batch {unit.batch}"
                found[f"unit with its score / forward ({where})"] = unit.seconds / forward.seconds
    several = by_path.get(f"end to end: {FILES_AT_ONCE} files → errors", [])
    for one, many in zip(by_path.get("end to end: 1 file → errors", []), several, strict=True):
        found[f"frames a second, {FILES_AT_ONCE} files / 1 file ({one.device})"] = many.rate / one.rate
    for path, (line, *_) in by_path.items():
        if path.startswith("prepare "):
            bare = by_path[path.replace("prepare", "decode and resize", 1)][0]
            found[f"{path} / bare decoding and resizing"] = line.seconds / bare.seconds
    for read in by_path.get("read windows from a cache", []):
        fastest = max(line.rate for line in by_path["training step"])
        found["windows read / trained on"] = read.rate / fastest
    return {name: round(value, 3) for name, value in found.items()}


def _of_network(bench: NetworkBench, batches: list[int], shots: int) -> Iterator[Measurement]:
    yield from bench.inference(batches)
    for precision in dict.fromkeys([torch.float32, pick_precision("auto", bench.device)]):
        yield from bench.training(precision)
        yield from bench.episode(precision, shots)
    yield from bench.adaptation()
