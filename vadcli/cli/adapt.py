"""`vad adapt`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vadcli.cli.console import hint, progress, tell, tell_made
from vadcli.cli.options import AsJson, Quiet, file_option, input_option, model_option, with_settings
from vadcli.errors import InputError
from vadcli.settings import Settings


@with_settings(
    "adapt.shots", "adapt.steps", "adapt.normal_seconds", "source.fps", "source.mask_top", "source.ignore",
    "source.only", "span.start", "span.end", "span.duration", "span.began", "span.join", "adapt.device",
    "adapt.precision",
)  # fmt: skip
def command(
    source: Annotated[
        str | None, typer.Argument(help="Normal footage of the scene: video, folder, stream, cache, or - for stdin.")
    ] = None,
    base: Annotated[
        Path | None, model_option("--from", help="Checkpoint to adapt.", show_default="the model in the package")
    ] = None,
    out: Annotated[Path, file_option("--out", "-o", help="Adapter to write.")] = Path("adapter.safetensors"),
    scene: Annotated[str | None, input_option("--scene", help="Scene to take from a cache of several.")] = None,
    *,
    settings: Settings,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit a model to a scene from a few of its frames, and calibrate it.

    The first windows of SOURCE adapt the model in one update. The footage
    after them is taken as normal and sets the scale of the scores: 0 is a
    typical frame, 1 the score that normal footage exceeds once an hour. The
    adapter works only with the model that it was made from.

    Examples:
      vad adapt normal.mp4 --shots 10 --out gate7.safetensors

      vad score today.mp4 --adapter gate7.safetensors

      ffmpeg -i rtsp://camera -t 60 -f matroska - | vad adapt --shots 10
    """
    if source is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("adapt: no SOURCE, and nothing is piped in. Name a video of normal footage, or pipe one.")
        source = "-"
    from vadcli.stages.adapt import adapt_stage

    with progress(quiet) as shown:
        fitted = adapt_stage(source, base, out, settings, scene=scene, progress=shown)
    losses = " → ".join(f"{loss:.4g}" for loss in fitted.losses)
    hint(
        f"adapted on {settings.adapt.shots} windows ({fitted.support_frames} frames, inner loss {losses}), "
        f"calibrated on {fitted.calibration.frames} frames. Next: vad score VIDEO --adapter {out}",
        quiet,
    )
    if as_json:
        tell_made(out, {"losses": fitted.losses, "support_frames": fitted.support_frames})
    else:
        tell(out)
