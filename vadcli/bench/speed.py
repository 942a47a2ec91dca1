"""Parameters and speed of a model on this machine, for the paper's Table 3."""

from pathlib import Path

import torch

from vadcli.bench.stopwatch import timed
from vadcli.learning.scene import adapt_to_scene
from vadcli.model.checkpoint import PACKAGED_MODEL, load_checkpoint, load_network
from vadcli.model.runtime import for_inference, pick_device, pick_precision
from vadcli.settings import Settings


def speed_of(model: Path | None, settings: Settings, *, budget_s: float = 5.0) -> dict[str, str]:
    """Parameters, frames a second one at a time (the GPU waited for) and seconds of one update with K = 1.

    Args:
        model: checkpoint; the model in the package if None.
        settings: of section `score`: device and precision.
        budget_s: seconds to spend on each figure.
    """
    checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")
    device = pick_device(settings.score.device)
    precision = pick_precision(settings.score.precision, device)
    shape, size = checkpoint.model, checkpoint.model.size
    network = for_inference(load_network(checkpoint), device, precision)
    inputs = torch.rand(1, shape.channels * shape.input_frames, *size, device=device) * 2 - 1
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        forward = timed(lambda: network(inputs), device, budget_s=budget_s)
    told = {
        "parameters": f"{checkpoint.num_parameters:,}",
        "frames/s": f"{1 / forward.seconds:,.1f}",
        "device": f"measured on {_name(device)}, {size[0]}x{size[1]}, {str(precision).removeprefix('torch.')}, batch 1",
    }
    if shape.unit != "none":
        trainable = load_network(checkpoint)
        support = torch.randint(0, 256, (1, shape.input_frames + 1, *size, shape.channels), dtype=torch.uint8)
        update = timed(
            lambda: adapt_to_scene(checkpoint, trainable, support, steps=1, device=device), device, budget_s=budget_s
        )
        told["one adaptation step, K=1"] = f"{update.seconds:.3f} s"
    return told


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
