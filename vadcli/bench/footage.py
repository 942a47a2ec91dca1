"""Footage in `vad bench`: a 640×360 film decoded, prepared, read as windows, and scored end to end.

The film is H.264 where an `ffmpeg` that can write it is on the PATH, else MPEG-4, which OpenCV writes everywhere.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import torch

from vadcli.bench.network import POOL
from vadcli.bench.stopwatch import Measurement, measurement, timed, timed_in_turn
from vadcli.footage.cache import open_cache
from vadcli.footage.opencv import cv2
from vadcli.footage.preparation import cores, prepare
from vadcli.footage.source import FrameSource, frames_of, open_reader, open_source
from vadcli.footage.windows import WindowLoader, Windows
from vadcli.model.network import Network
from vadcli.progress import Silent
from vadcli.scoring.engine import Engine, Scored
from vadcli.scoring.lanes import Opener
from vadcli.scoring.measuring import Measurer
from vadcli.settings import ModelSettings, PrepareSettings
from vadcli.synthetic import make_scene, render

FILM_SIZE, FILM_FRAMES, FILM_FPS = (360, 640), 250, 25.0
LEAST_FRAMES = 12
BATCH = 8
FILES_AT_ONCE = 4
WINDOWS_A_BATCH = 4
CPU = torch.device("cpu")


def write_film(path: Path, frames: int = FILM_FRAMES) -> str:
    """A film of ten seconds, or fewer frames, as `vad demo` makes them, so that it decodes as a real one does.

    Returns:
        its codec: "h264" or "mpeg4".
    """
    height, width = FILM_SIZE
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FILM_FPS, (width, height))
    seconds = frames / FILM_FPS
    for frame in render(make_scene(0), 0, seconds=seconds, fps=FILM_FPS, size=FILM_SIZE, anomalies=False):
        writer.write(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    writer.release()
    return "h264" if _to_h264(path) else "mpeg4"


def _to_h264(path: Path) -> bool:
    """Put an H.264 film in place of another; False, and the film as it was, where no `ffmpeg` does it."""
    program = shutil.which("ffmpeg")
    if program is None:
        return False
    made = path.with_name(f"h264-{path.name}")
    encode = ["-an", "-c:v", "libx264", "-crf", "20", "-pix_fmt", "yuv420p"]
    command = [program, "-v", "error", "-i", str(path), *encode, str(made)]
    if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode:
        made.unlink(missing_ok=True)
        return False
    made.replace(path)
    return True


def end_to_end(
    network: Network, device: torch.device, precision: torch.dtype, folder: Path, budget_s: float, rate: float
) -> Iterator[Measurement]:
    """A file to its errors, alone and together with others of its kind.

    Args:
        network: ready to predict.
        device: of the network.
        precision: of its convolutions.
        folder: to work in.
        budget_s: seconds a measurement.
        rate: frames a second that the network makes, by which the film is cut to the budget.
    """
    settings = network.settings
    film, frames = folder / f"{device.type}.mp4", max(LEAST_FRAMES, min(FILM_FRAMES, round(rate * budget_s)))
    write_film(film, frames)

    def opened() -> FrameSource:
        return open_source(str(film), size=settings.size, channels=settings.channels)

    def score(files: int) -> int:
        engine = Engine(
            Measurer(network, device, pool=POOL), settings.input_frames, batch_size=BATCH, side_by_side=files
        )  # fmt: skip
        with closing(engine.run([Opener(opened)] * files)) as stream:
            return sum(isinstance(item, Scored) for item in stream)

    files = (1, FILES_AT_ONCE)
    took = timed_in_turn([partial(score, count) for count in files], device, budget_s=budget_s)
    for count, one in zip(files, took, strict=True):
        path = f"end to end: {count} file{'s' * (count > 1)} → errors"
        yield measurement(path, device, precision, BATCH, one, "frames", items=count * (frames - settings.input_frames))


def preparing(model: ModelSettings, film: Path, folder: Path, budget_s: float) -> Iterator[Measurement]:
    """Decoding and resizing alone, `vad prepare` of the same on the same cores, and windows read from its cache.

    Args:
        model: whose frames are prepared; and RGB at 256², the default, where that is another.
        film: copied once for every core.
        folder: to work in.
        budget_s: seconds a measurement.
    """
    sources = folder / "films"
    sources.mkdir()
    films = [sources / f"{index}.mp4" for index in range(cores())]
    for one in films:
        shutil.copy(film, one)
    forms = dict.fromkeys([(model.size, model.channels), (PrepareSettings().size, PrepareSettings().channels)])
    for number, (size, channels) in enumerate(forms):
        out, what = folder / f"{number}.h5", f"640×360 → {size[0]}×{size[1]}×{channels}"
        calls = [_decoding(films, size, channels), _preparing(sources, out, size, channels)]
        for path, took in zip(
            (f"decode and resize {what}", f"prepare {what}"),
            timed_in_turn(calls, CPU, budget_s=budget_s, runs=10),
            strict=True,
        ):
            yield measurement(path, CPU, torch.uint8, len(films), took, "frames", items=len(films) * FILM_FRAMES)
    with open_cache(folder / "0.h5") as cache:
        windows = Windows([cache], model.input_frames, split=None)
        with WindowLoader(windows, WINDOWS_A_BATCH, seed=0) as loader:
            batches = iter(loader)
            took = timed(lambda: [next(batches) for _ in range(50)], CPU, budget_s=budget_s)
    yield measurement(
        "read windows from a cache", CPU, torch.uint8, WINDOWS_A_BATCH, took, "windows", items=50 * WINDOWS_A_BATCH
    )  # fmt: skip


def _decoding(films: list[Path], size: tuple[int, int], channels: int) -> Callable[[], object]:
    def one(film: Path) -> int:
        reader = open_reader(str(film), grey=channels == 1, threads=1)
        try:
            return sum(1 for _ in frames_of(reader, size=size, channels=channels))
        finally:
            reader.close()

    def call() -> object:
        with ThreadPoolExecutor(len(films)) as pool:
            return list(pool.map(one, films))

    return call


def _preparing(sources: Path, out: Path, size: tuple[int, int], channels: int) -> Callable[[], object]:
    settings = PrepareSettings(size=size, channels=1 if channels == 1 else 3)

    def call() -> object:
        out.unlink(missing_ok=True)
        return prepare([str(sources)], out, settings, Silent())

    return call
