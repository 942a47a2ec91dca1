"""`vad metatrain`."""

from pathlib import Path
from typing import Annotated

from vadcli.cli.console import hint, progress, tell, tell_made
from vadcli.cli.options import AsJson, Caches, Quiet, Resume, TensorBoard, file_option, model_option, with_settings
from vadcli.settings import Settings


@with_settings(
    "metatrain.episodes", "metatrain.shots", "metatrain.queries", "metatrain.scope", "metatrain.second_order",
    "metatrain.learning_rate", "metatrain.seed", "metatrain.device", "metatrain.precision",
)  # fmt: skip
def command(
    caches: Caches,
    base: Annotated[Path, model_option("--from", help="Checkpoint made by `vad pretrain`, or package for vad's own.")],
    out: Annotated[Path, file_option("--out", "-o", help="Checkpoint to write.")] = Path("meta.safetensors"),
    *,
    settings: Settings,
    resume: Resume = False,
    as_json: AsJson = False,
    tensorboard: TensorBoard = False,
    quiet: Quiet = False,
) -> None:
    """Meta-train a model to adapt to an unseen scene in one update.

    Every episode takes support and query windows of one clip of split train;
    scenes are drawn evenly. The result holds weights, and a learned step size
    for each weight that adapts.

    Examples:
      vad metatrain scenes.h5 --from model.safetensors --out meta.safetensors

      vad metatrain scenes.h5 --from model.safetensors --shots 10
    """
    from vadcli.processes import joined
    from vadcli.tasks.train import metatrain_task

    with joined(settings.metatrain.device) as processes, progress(quiet or not processes.leads) as shown:
        metatrain_task(caches, base, out, settings, resume=resume, tensorboard=tensorboard, progress=shown)
    if not processes.leads:
        return
    hint(f"wrote {out}. Next: vad adapt VIDEO --from {out} --out adapter.safetensors", quiet)
    if as_json:
        tell_made(out, {})
    else:
        tell(out)
