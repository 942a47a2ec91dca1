"""`vad pretrain`."""

from pathlib import Path
from typing import Annotated

import typer

from vadcli.cli.console import hint, progress, tell
from vadcli.cli.options import Preset, Quiet, Resume, Set, setting
from vadcli.presets import load_settings

Caches = Annotated[list[Path], typer.Argument(metavar="CACHE.h5...", help="Caches made by `vad prepare`.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Checkpoint to write.")]


def command(
    caches: Caches,
    out: Out = Path("model.safetensors"),
    preset: Preset = None,
    set_: Set = None,
    objective: Annotated[str | None, setting("pretrain.objective")] = None,
    epochs: Annotated[float | None, setting("pretrain.epochs")] = None,
    max_steps: Annotated[int | None, setting("pretrain.max_steps")] = None,
    batch_size: Annotated[int | None, setting("pretrain.batch_size")] = None,
    learning_rate: Annotated[float | None, setting("pretrain.learning_rate")] = None,
    seed: Annotated[int | None, setting("pretrain.seed")] = None,
    device: Annotated[str | None, setting("pretrain.device")] = None,
    precision: Annotated[str | None, setting("pretrain.precision")] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train the network to predict the next frame of normal footage.

    Reads clips of split train only. Beside OUT stand its metrics log (OUT.metrics.ndjson) and, until it is done,
    a resume point (OUT.resume).

    Examples:
      vad pretrain ped2.h5 --preset edge --out ped2.safetensors

      vad pretrain ped2.h5 --preset edge --out ped2.safetensors --resume

      vad pretrain a.h5 b.h5 --set model.width=32 --set pretrain.epochs=5 --out wide.safetensors
    """
    flags = {
        "pretrain.objective": objective,
        "pretrain.epochs": epochs,
        "pretrain.max_steps": max_steps,
        "pretrain.batch_size": batch_size,
        "pretrain.learning_rate": learning_rate,
        "pretrain.seed": seed,
        "pretrain.device": device,
        "pretrain.precision": precision,
    }
    settings = load_settings(preset, set_ or (), flags)
    from vadcli.stages.pretrain import pretrain_stage

    with progress(quiet) as shown:
        pretrain_stage(caches, out, settings, resume=resume, progress=shown)
    hint(f"wrote {out}. Next: vad metatrain {caches[0]} --from {out} --out meta.safetensors", quiet)
    tell(out)
