"""`vad bench`: the speed of every path on this machine, beside the literal implementation, in one run.

Measured and kept, on two AVX-512 cores with AMX at 128², width 16: lengths as factors instead of unit vectors written
out (three training steps of eight windows: 1.92 to 0.91 s on a loaded machine), and maps as (B, M, N) with a maximum in
place of argmax and gather (the unit: 6.4 to 2.4 ms a frame). Kept without a measurement of their own: convolution
weights converted to bfloat16 once, channels-last, and the frozen part's output computed once an episode.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vadcli.footage.source import open_source
from vadcli.footage.windows import to_network
from vadcli.learning.inner import Objective, adapt, predict
from vadcli.model.checkpoint import versions
from vadcli.model.literal import literal_forward, literal_loss, literal_update
from vadcli.model.losses import losses
from vadcli.model.network import AdaptedPart, Network, layer_costs
from vadcli.model.runtime import autocast, for_inference, pick_device, pick_precision
from vadcli.progress import Progress
from vadcli.scoring.engine import Engine, Scored
from vadcli.scoring.lanes import Opener
from vadcli.scoring.measuring import Measurer
from vadcli.settings import ModelSettings
from vadcli.stages.timing import Timed, machine, matrix_peak, timed

SCHEMA = "vad.bench/1"
OBJECTIVE = Objective(feature_weight=1.0, diversity_weight=0.01, margin=1.0)
FILM_SIZE, FILM_FRAMES, FILM_FPS = (360, 640), 250, 25.0


@dataclass(frozen=True)
class Measurement:
    """One line of the benchmark.

    Attributes:
        path: what was measured.
        precision: of the convolutions.
        batch: windows (or episodes' shots) at once.
        seconds: median of one call.
        runs: how many calls were counted.
        rate: items a second.
        unit: the items.
        against_literal: how many times as fast as the literal implementation of the same; None where there is none.
        share_of_peak: achieved part of the measured matrix-product peak in this precision.
    """

    path: str
    precision: str
    batch: int
    seconds: float
    runs: int
    rate: float
    unit: str
    against_literal: float | None = None
    share_of_peak: float | None = None


def bench_stage(
    model: ModelSettings, *, device_name: str, batches: list[int], shots: int, budget_s: float, progress: Progress
) -> dict[str, Any]:
    """Measure everything once.

    Args:
        model: the network to measure, with random weights.
        device_name: cpu, cuda or auto.
        batches: sizes to score with.
        shots: K of an episode's support and query.
        budget_s: seconds a measurement.
        progress: told of every measurement.

    Returns:
        plain values for JSON: machine, peaks, costs, measurements.
    """
    device = pick_device(device_name)
    best = pick_precision("auto", device)
    precisions = [torch.float32] + ([torch.bfloat16] if best == torch.bfloat16 else [])
    torch.manual_seed(0)
    network = Network(model).to(device).channels_last()
    peaks = {_name(precision): matrix_peak(device, precision) for precision in precisions}
    costs = dict(layer_costs(model))
    lines: list[Measurement] = []
    progress.start("measuring", None, "paths")
    for line in _all(network, device, precisions, batches, shots, budget_s, peaks, 2 * sum(costs.values())):
        lines.append(line)
        progress.advance(1, last=line.path)
    return {
        "schema": SCHEMA,
        "machine": machine(device),
        "versions": versions(),
        "model": model.model_dump(mode="json"),
        "gmac_a_frame": {name: round(cost / 1e9, 4) for name, cost in costs.items()},
        "matrix_product_gflops": {name: round(peak / 1e9, 1) for name, peak in peaks.items()},
        "measurements": [asdict(line) for line in lines],
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _all(
    network: Network,
    device: torch.device,
    precisions: list[torch.dtype],
    batches: list[int],
    shots: int,
    budget_s: float,
    peaks: dict[str, float],
    flop_a_frame: float,
) -> Iterator[Measurement]:
    settings = network.settings
    shape = (max(*batches, 2 * shots), settings.input_frames + 1, *settings.size, settings.channels)
    windows = torch.randint(0, 256, shape, dtype=torch.uint8)

    def line(path: str, precision: str, items: int, took: Timed, unit: str, **more: float | None) -> Measurement:
        return Measurement(path, precision, items, took.seconds, took.runs, items / took.seconds, unit, **more)

    contiguous = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    inputs, _ = to_network(windows[:1], device)
    with torch.inference_mode():
        literal = timed(lambda: literal_forward(contiguous, settings, inputs), device, budget_s=budget_s)
    yield line("literal: score", "float32", 1, literal, "frames")
    for precision in precisions:
        name = _name(precision)
        ready = for_inference(_copy(network), device, precision)
        for batch in batches:
            took = timed(_scoring(ready, windows[:batch], device), device, budget_s=budget_s)
            rate = batch / took.seconds
            yield line(
                "score: windows → errors", name, batch, took, "frames",
                against_literal=rate * literal.seconds, share_of_peak=rate * flop_a_frame / peaks[name],
            )  # fmt: skip
        yield line("unit alone", name, 1, timed(_unit(ready, windows[:1], device), device, budget_s=budget_s), "frames")
    best = precisions[-1]
    yield from _training(network, contiguous, windows, device, best, shots, budget_s, line)
    for count in sorted({1, shots}):
        call = _adapting(network, windows[:count], device)
        yield line(f"adapt: K = {count}", "float32", count, timed(call, device, budget_s=budget_s), "windows")
    ready = for_inference(_copy(network), device, best)
    yield from _end_to_end(ready, device, _name(best))
    yield _start_up()


def _scoring(network: Network, windows: Tensor, device: torch.device) -> Callable[[], object]:
    images = [frame.numpy() for window in windows for frame in window]
    length = windows.shape[1]
    places = [list(range(i * length, (i + 1) * length)) for i in range(len(windows))]
    measurer = Measurer(network, device, pool=16)
    return lambda: measurer(images, places)


def _unit(network: Network, windows: Tensor, device: torch.device) -> Callable[[], object]:
    inputs, _ = to_network(windows, device)
    unit = network.unit
    if unit is None:
        raise ValueError("the benchmark measures a network with a prototype unit")
    with torch.inference_mode():
        encoding = network.begin(inputs.contiguous(memory_format=torch.channels_last), "head")[-1]

    def call() -> object:
        with torch.inference_mode():
            return unit(encoding)

    return call


def _training(
    network: Network,
    contiguous: dict[str, Tensor],
    windows: Tensor,
    device: torch.device,
    precision: torch.dtype,
    shots: int,
    budget_s: float,
    line: Callable[..., Measurement],
) -> Iterator[Measurement]:
    """A training step and a second-order episode, literal and ours."""
    settings, constants = network.settings, (OBJECTIVE.feature_weight, OBJECTIVE.diversity_weight, OBJECTIVE.margin)
    batch = windows[:4]
    inputs, target = to_network(batch, device)
    leaves = {name: value.clone().requires_grad_() for name, value in contiguous.items()}

    def literal_step() -> object:
        return torch.autograd.grad(literal_loss(leaves, settings, inputs, target, *constants), list(leaves.values()))

    def step() -> object:
        network.zero_grad(set_to_none=True)
        step_inputs, step_target = to_network(batch, device)
        with autocast(device, precision):
            prediction = network(step_inputs.contiguous(memory_format=torch.channels_last))
        total = losses(prediction, step_target, OBJECTIVE.margin).total(*constants[:2])
        return total.backward()

    slow = timed(literal_step, device, budget_s=budget_s)
    yield line("literal: training step", "float32", len(batch), slow, "windows")
    fast = timed(step, device, budget_s=budget_s)
    yield line(
        "training step", _name(precision), len(batch), fast, "windows", against_literal=slow.seconds / fast.seconds
    )

    names = network.adapted_names("head")
    alpha = {name: torch.full_like(leaves[name], 1e-3).requires_grad_() for name in names}
    inputs, target = to_network(windows[: 2 * shots], device)
    wanted = [*(leaves[name] for name in names), *alpha.values()]

    def literal_episode() -> object:
        updated = literal_update(leaves, names, alpha, settings, inputs[:shots], target[:shots], *constants)
        return torch.autograd.grad(literal_loss(updated, settings, inputs[shots:], target[shots:], *constants), wanted)

    part = AdaptedPart(network, "head")
    theta = {name: value for name, value in network.named_parameters() if name in set(names)}

    def episode() -> object:
        with torch.no_grad(), autocast(device, precision):
            frozen = tuple(
                f.float() for f in network.begin(inputs.contiguous(memory_format=torch.channels_last), "head")
            )
        support = tuple(f[:shots] for f in frozen), target[:shots]
        adapted, _ = adapt(part, theta, alpha, support, OBJECTIVE, graph="second")
        loss, _ = OBJECTIVE.terms(predict(part, adapted, tuple(f[shots:] for f in frozen)), target[shots:])
        return torch.autograd.grad(loss, [*theta.values(), *alpha.values()])

    slow = timed(literal_episode, device, budget_s=budget_s)
    yield line("literal: meta-training episode", "float32", 1, slow, "episodes")
    fast = timed(episode, device, budget_s=budget_s)
    yield line(
        "meta-training episode", _name(precision), 1, fast, "episodes", against_literal=slow.seconds / fast.seconds
    )


def _adapting(network: Network, windows: Tensor, device: torch.device) -> Callable[[], object]:
    part = AdaptedPart(network, "head")
    names = set(network.adapted_names("head"))
    theta = {name: value for name, value in network.named_parameters() if name in names}
    alpha = {name: torch.full_like(value, 1e-3) for name, value in theta.items()}

    def call() -> object:
        inputs, target = to_network(windows, device)
        with torch.no_grad():
            frozen = network.begin(inputs.contiguous(memory_format=torch.channels_last), "head")
        return adapt(part, theta, alpha, (frozen, target), OBJECTIVE)

    return call


def _end_to_end(network: Network, device: torch.device, precision: str) -> Iterator[Measurement]:
    """A 640×360 video file: decoded and resized alone, and scored."""
    settings = network.settings
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        _write_film(film)

        def opened() -> Any:
            return open_source(str(film), size=settings.size, channels=settings.channels)

        began = time.perf_counter()
        with opened() as source:
            count = sum(1 for _ in source)
        took = time.perf_counter() - began
        yield Measurement("decode and resize 640×360", "uint8", 1, took, 1, count / took, "frames")
        engine = Engine(Measurer(network, device, pool=16), settings.input_frames, batch_size=8)
        began = time.perf_counter()
        with closing(engine.run([Opener(opened)])) as stream:
            scored = sum(isinstance(item, Scored) for item in stream)
        took = time.perf_counter() - began
        yield Measurement("end to end: file → errors", precision, 8, took, 1, scored / took, "frames")


def _write_film(path: Path) -> None:
    """A film as `vad demo` makes them, so that its decoding costs what a real one's does."""
    from vadcli.footage.opencv import cv2
    from vadcli.footage.synthetic import make_scene, render

    height, width = FILM_SIZE
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FILM_FPS, (width, height))
    seconds = FILM_FRAMES / FILM_FPS
    for frame in render(make_scene(0), 0, seconds=seconds, fps=FILM_FPS, size=FILM_SIZE, anomalies=False):
        writer.write(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    writer.release()


def _start_up() -> Measurement:
    def call() -> object:
        return subprocess.run([sys.executable, "-m", "vadcli", "--help"], check=True, stdout=subprocess.DEVNULL)

    took = timed(call, torch.device("cpu"), budget_s=2.0, runs=5)
    return Measurement("start-up: vad --help", "none", 1, took.seconds, took.runs, 1 / took.seconds, "starts")


def _copy(network: Network) -> Network:
    copy = Network(network.settings)
    copy.load_state_dict(network.state_dict())
    return copy


def _name(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")
