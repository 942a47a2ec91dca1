"""`vad pretrain`."""

from pathlib import Path
from typing import Annotated

from vadcli.cli.console import hint, progress, tell, tell_made
from vadcli.cli.options import AsJson, Caches, Quiet, Resume, TensorBoard, file_option, model_option, with_settings
from vadcli.settings import Settings


@with_settings(
    "pretrain.objective", "pretrain.epochs", "pretrain.max_steps", "pretrain.batch_size", "pretrain.learning_rate",
    "pretrain.seed", "pretrain.device", "pretrain.precision",
)  # fmt: skip
def command(
    caches: Caches,
    out: Annotated[Path, file_option("--out", "-o", help="Checkpoint to write.")] = Path("model.safetensors"),
    base: Annotated[
        Path | None,
        model_option("--from", help="Model to start from: a checkpoint, or package for the one that comes with vad."),
    ] = None,
    *,
    settings: Settings,
    resume: Resume = False,
    as_json: AsJson = False,
    tensorboard: TensorBoard = False,
    quiet: Quiet = False,
) -> None:
    """Train the network to predict the next frame of normal footage.

    Reads only clips of split train. Beside OUT it writes a metrics log
    (OUT.metrics.ndjson) and, until it is done, a resume point (OUT.resume).

    Examples:
      vad pretrain ped2.h5 --preset edge --out ped2.safetensors

      vad pretrain ped2.h5 --preset edge --out ped2.safetensors --resume

      vad pretrain mine.h5 --from package --epochs 2 --out mine.safetensors

      vad pretrain a.h5 b.h5 --set model.width=32 --epochs 5
    """
    from vadcli.processes import joined
    from vadcli.tasks.train import pretrain_task

    with joined(settings.pretrain.device) as processes, progress(quiet or not processes.leads) as shown:
        pretrain_task(caches, out, settings, resume=resume, tensorboard=tensorboard, progress=shown, base=base)
    if not processes.leads:
        return
    hint(f"wrote {out}. Next: vad metatrain {caches[0]} --from {out} --out meta.safetensors", quiet)
    if as_json:
        tell_made(out, {})
    else:
        tell(out)
