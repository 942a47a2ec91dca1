"""`vad export`: a checkpoint, with its adapter if it has one, as a file that other runtimes execute."""

from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from vadcli.errors import FootageError
from vadcli.files import check_output, named
from vadcli.footage.resize import network_image
from vadcli.footage.source import open_source
from vadcli.footage.windows import to_network
from vadcli.model.checkpoint import Checkpoint, header_of, load_checkpoint, load_network, model_file
from vadcli.model.exported import Agreement, ExportedModule
from vadcli.model.onnx import export_onnx
from vadcli.settings import ModelSettings
from vadcli.synthetic import make_scene, render
from vadcli.tasks.sources import reading_with

WINDOWS = 6  # compared of every kind of footage


def export_task(source: Path, out: Path, adapter: Path | None, check: str | None = None) -> Agreement:
    """Write `source`, adapted by `adapter`, to `out` and compare it with torch on noise, a made-up scene and footage.

    Raises:
        VadError: for files that do not fit, or a result that differs from torch by more than a thousandth.
    """
    source = model_file(source)
    check_output("--out", out, named(source, adapter), "exported model")
    checkpoint = load_checkpoint(source, "pretrain", "metatrain")
    adapted = load_checkpoint(adapter, "adapt") if adapter else None
    network = load_network(checkpoint, adapted)
    module = ExportedModule(network, partial(to_network, device="cpu"))
    made = replace(
        checkpoint,
        weights=network.state_dict(),
        step_sizes={},
        settings=checkpoint.settings.model_copy(update={"source": (adapted or checkpoint).settings.source}),
        parents={"model": checkpoint.sha256} | ({"adapter": adapted.sha256} if adapted else {}),
        calibration=(adapted or checkpoint).calibration,
    )
    frames = [_made_up(checkpoint.model), *([_footage(made, check)] if check else [])]
    header = {name: header_of(made)[name] for name in ("settings", "parents", "calibration")}
    return export_onnx(module, out, header | {"training": {"scenes": checkpoint.training.get("scenes")}}, frames)


def _made_up(model: ModelSettings) -> Tensor:
    """Windows (B, T+1, H, W, C) of a synthetic scene."""
    many = model.input_frames + WINDOWS
    film = render(make_scene(0), 0, seconds=many / 10, fps=10, size=model.size, anomalies=True)
    images = torch.stack([torch.from_numpy(each.image) for each in film])  # (n, H, W, 3)
    images = images if model.channels == 3 else images.float().mean(3, keepdim=True).round().to(torch.uint8)
    return _windows(images, model)


def _footage(made: Checkpoint, source: str) -> Tensor:
    """The first windows of a source, read as the model or adapter wants it."""
    model, how = made.model, made.settings.source
    with open_source(source, reading_with(how)) as opened:
        frames = islice(opened, model.input_frames + WINDOWS)
        images = [torch.from_numpy(network_image(frame.view, model.size, model.channels)) for frame in frames]
    if len(images) <= model.input_frames:
        needed = model.input_frames + 1
        raise FootageError(f"--check {source}: {len(images)} frames; a window needs {needed}. Use a longer clip.")
    return _windows(torch.stack(images), model)


def _windows(images: Tensor, model: ModelSettings) -> Tensor:
    return images.unfold(0, model.input_frames + 1, 1).permute(0, 4, 1, 2, 3).contiguous()
