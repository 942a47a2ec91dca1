"""`vad adapt`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vadcli.cli.console import hint, progress, tell
from vadcli.cli.options import Preset, Quiet, Set, setting
from vadcli.errors import InputError
from vadcli.presets import load_settings


def command(
    source: Annotated[
        str | None, typer.Argument(help="Normal footage of the scene: video, folder, stream, cache, or - for stdin.")
    ] = None,
    shots: Annotated[int | None, setting("adapt.shots", "--shots", "-k")] = None,
    base: Annotated[
        Path | None, typer.Option("--from", help="Checkpoint to adapt.", show_default="the model in the package")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Adapter to write.")] = Path("adapter.safetensors"),
    steps: Annotated[int | None, setting("adapt.steps")] = None,
    scene: Annotated[str | None, typer.Option("--scene", help="Which scene of a cache.")] = None,
    normal_seconds: Annotated[float | None, setting("adapt.normal_seconds")] = None,
    fps: Annotated[float | None, setting("source.fps")] = None,
    mask_top: Annotated[float | None, setting("source.mask_top")] = None,
    preset: Preset = None,
    set_: Set = None,
    device: Annotated[str | None, setting("adapt.device")] = None,
    precision: Annotated[str | None, setting("adapt.precision")] = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model to a scene from a few of its frames, and calibrate it.

    The first windows of SOURCE adapt the model in one update; what follows is taken as normal and sets the scale of
    the scores: 0 is a typical frame, 1 what normal footage exceeds once an hour. The adapter holds the adapted
    weights and that scale, and is of use with the model it was made from.

    Examples:
      vad adapt normal.mp4 --shots 10 --out gate7.safetensors

      vad score today.mp4 --adapter gate7.safetensors

      ffmpeg -i rtsp://camera -t 60 -f matroska - | vad adapt --shots 10
    """
    flags = {
        "adapt.shots": shots,
        "adapt.steps": steps,
        "adapt.normal_seconds": normal_seconds,
        "source.fps": fps,
        "source.mask_top": mask_top,
        "adapt.device": device,
        "adapt.precision": precision,
    }
    settings = load_settings(preset, set_ or (), flags)
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
    tell(out)
