"""The paths that `vad bench` measures: the network by itself, and commands in processes of their own."""

import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

from vadcli.bench.stopwatch import Measurement, Where
from vadcli.footage.h264 import PictureWriter, mp4
from vadcli.footage.windows import to_network
from vadcli.model.losses import losses
from vadcli.model.network import Network
from vadcli.model.runtime import autocast, for_inference
from vadcli.settings import ModelSettings, PretrainSettings
from vadcli.synthetic import make_scene, render

TRAINED_AT_ONCE = 4
RUNS = 3
FILM_SIZE, FILM_FRAMES, FILM_FPS = (360, 640), 125, 25.0
# Commands by the path that they measure; {film} and {model} stand for files, {out} for a folder.
COMMANDS = {
    "cues": "score {film} --model none --format ndjson --out {out}/records.ndjson",
    "file to record": "score {film} --model {model} --format ndjson --out {out}/records.ndjson",
    "adapt": "adapt {film} --from {model} --shots 10 --out {out}/adapter.safetensors",
}


def forward(model: ModelSettings, batch: int, where: Where) -> Measurement:
    """Predictions of a network with random weights, inputs being ready."""
    network = for_inference(Network(model), where.device, where.precision)
    inputs = to_network(_windows(model, batch), where.device)[0].contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        return where.line("forward", batch, where.timed(lambda: network(inputs)), "frames", batch)


def training_step(model: ModelSettings, where: Where) -> Measurement:
    """Losses and gradients of a batch as decoded."""
    network, how = Network(model).to(where.device).channels_last(), PretrainSettings()
    windows = _windows(model, TRAINED_AT_ONCE)

    def step() -> object:
        network.zero_grad(set_to_none=True)
        inputs, target = to_network(windows, where.device)
        with autocast(where.device, where.precision):
            prediction = network(inputs)
        terms = losses(prediction, target, how.diversity_margin)
        return terms.total(how.feature_weight, how.diversity_weight).backward()

    return where.line("training step", TRAINED_AT_ONCE, where.timed(step), "windows", TRAINED_AT_ONCE)


def _windows(model: ModelSettings, count: int) -> Tensor:
    """Random windows, (count, T + 1, H, W, C) uint8."""
    shape = (count, model.input_frames + 1, *model.size, model.channels)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def write_film(path: Path) -> None:
    """Write five seconds of a made-up scene as H.264."""
    with mp4(path) as opened:
        writer, seconds = PictureWriter(opened, FILM_FPS), FILM_FRAMES / FILM_FPS
        film = render(make_scene(0), 0, seconds=seconds, fps=FILM_FPS, size=FILM_SIZE, anomalies=False)
        for index, frame in enumerate(film):
            writer.write(frame.image, index / FILM_FPS)
        writer.finish()


def command(path: str, film: Path, model: Path, where: Where) -> Measurement:
    """A command of `COMMANDS`, from the start of its process to the end."""
    words = [word.format(film=film, model=model, out=film.parent) for word in COMMANDS[path].split(" ")]
    words += ["--device", where.device.type, "--quiet"]
    taken: list[float] = []
    while not taken or (len(taken) < RUNS and sum(taken) < where.budget_s):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "vadcli", *words], capture_output=True, text=True)
        taken.append(time.perf_counter() - began)
        if done.returncode:
            raise RuntimeError(f"vad {' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return where.line(path, 1, taken, "frames", FILM_FRAMES)
