"""`vad metatrain`."""

from pathlib import Path
from typing import Annotated

import typer

from vadcli.cli.console import hint, progress, tell
from vadcli.cli.options import Preset, Quiet, Resume, Set, setting
from vadcli.presets import load_settings


def command(
    caches: Annotated[list[Path], typer.Argument(metavar="CACHE.h5...", help="Caches made by `vad prepare`.")],
    base: Annotated[Path, typer.Option("--from", help="Checkpoint made by `vad pretrain`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Checkpoint to write.")] = Path("meta.safetensors"),
    preset: Preset = None,
    set_: Set = None,
    episodes: Annotated[int | None, setting("metatrain.episodes")] = None,
    shots: Annotated[int | None, setting("metatrain.shots")] = None,
    queries: Annotated[int | None, setting("metatrain.queries")] = None,
    scope: Annotated[str | None, setting("metatrain.scope")] = None,
    second_order: Annotated[bool | None, setting("metatrain.second_order", "--second-order/--first-order")] = None,
    learning_rate: Annotated[float | None, setting("metatrain.learning_rate")] = None,
    seed: Annotated[int | None, setting("metatrain.seed")] = None,
    device: Annotated[str | None, setting("metatrain.device")] = None,
    precision: Annotated[str | None, setting("metatrain.precision")] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Meta-train it to adapt to an unseen scene in one update.

    Every episode takes support and query windows of one clip of split train; scenes are drawn evenly. The result
    holds weights and a learned step size for each weight that adapts.

    Examples:
      vad metatrain scenes.h5 --from model.safetensors --out meta.safetensors

      vad metatrain scenes.h5 --from model.safetensors --shots 10 --episodes 2000 --scope decoder --out meta.safetensors
    """
    flags = {
        "metatrain.episodes": episodes,
        "metatrain.shots": shots,
        "metatrain.queries": queries,
        "metatrain.scope": scope,
        "metatrain.second_order": second_order,
        "metatrain.learning_rate": learning_rate,
        "metatrain.seed": seed,
        "metatrain.device": device,
        "metatrain.precision": precision,
    }
    settings = load_settings(preset, set_ or (), flags)
    from vadcli.stages.metatrain import metatrain_stage

    with progress(quiet) as shown:
        metatrain_stage(caches, base, out, settings, resume=resume, progress=shown)
    hint(f"wrote {out}. Next: vad adapt VIDEO --from {out} --out adapter.safetensors", quiet)
    tell(out)
