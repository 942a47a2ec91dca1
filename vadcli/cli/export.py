"""`vad export`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from vadcli.cli.console import hint, tell, tell_made
from vadcli.cli.options import AsJson, Quiet, file_option


def command(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint made by `vad pretrain` or `vad metatrain`.")],
    out: Annotated[Path, file_option("--out", "-o", help="File to write.")],
    adapter: Annotated[
        Path | None, typer.Option("--adapter", "-a", help="Adapter whose weights go into the file.")
    ] = None,
    check: Annotated[
        str | None, typer.Option("--check", metavar="SOURCE", help="Footage to compare on, besides a made-up scene.")
    ] = None,
    format_: Annotated[Literal["onnx"], typer.Option("--format", "-f", help="File format.", hidden=True)] = "onnx",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a model for other runtimes and check it against torch.

    The file is ONNX. It takes windows of T + 1 frames as decoded, uint8
    (B, T+1, H, W, C), and gives the predicted frame, maps of its squared error
    and of feature errors, and the means of both maps. An adapter's weights are
    inside; `vad score` wants the adapter as well, for what is normal. Results
    are compared with torch's before the file is kept.

    Examples:
      vad export meta.safetensors --out meta.onnx --check video.mp4

      vad export meta.safetensors --adapter adapter.safetensors --out camera7.onnx
    """
    from vadcli.tasks.export import export_task

    agreement = export_task(checkpoint, out, adapter, check)
    features = (
        "" if agreement.feature_error is None else f", of feature errors {agreement.feature_error:.1e} of their mean"
    )
    hint(f"largest difference to torch: of frames {agreement.frame:.1e}{features}", quiet)
    if as_json:
        tell_made(out, {"largest_difference": asdict(agreement)})
    else:
        tell(out)
