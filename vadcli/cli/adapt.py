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
    "adapt.shots", "adapt.steps", "adapt.seconds", "adapt.normal_seconds", "source.fps", "source.mask_top",
    "source.ignore", "source.only", "span.start", "span.end", "span.duration", "span.began", "adapt.seed",
    "adapt.device", "adapt.precision",
)  # fmt: skip
def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE", help="Normal footage of one camera: videos, folders, a stream, a cache, or - for stdin."
        ),
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
    """Fit a model to a scene from its normal footage, and calibrate it.

    The first windows adapt the model in one update. More footage than that
    fits all weights, as long as held-out footage gains by it (--seconds), and
    sets the scale of the scores: 0 is a typical frame, 1 the score that
    normal footage exceeds once an hour. The adapter works only with the model
    that it was made from.

    Examples:
      vad adapt normal.mp4 --shots 10 --out gate7.safetensors

      vad adapt monday.mp4 tuesday/ --out gate7.safetensors

      vad score today.mp4 --adapter gate7.safetensors

      ffmpeg -i rtsp://camera -t 60 -f matroska - | vad adapt --shots 10
    """
    if not sources:
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("adapt: no SOURCE, and nothing is piped in. Name a video of normal footage, or pipe one.")
        sources = ["-"]
    from vadcli.stages.adapt import adapt_stage

    with progress(quiet) as shown:
        fitted = adapt_stage(sources, base, out, settings, scene=scene, progress=shown)
    losses = " → ".join(f"{loss:.4g}" for loss in fitted.losses)
    tuned = fitted.tuned
    fit = (
        ""
        if tuned is None
        else (
            f"{tuned.steps} steps over all footage (held-out error {tuned.errors[0]:.3g} → {tuned.errors[1]:.3g}), "
            if tuned.steps
            else "more steps did not pay, "
        )
    )
    hint(
        f"adapted on {settings.adapt.shots} windows ({fitted.support_frames} frames, inner loss {losses}), {fit}"
        f"calibrated on {fitted.calibration.frames} frames. Next: vad score VIDEO --adapter {out}",
        quiet,
    )
    if as_json:
        tell_made(
            out,
            {
                "losses": fitted.losses,
                "support_frames": fitted.support_frames,
                "tuned_steps": tuned.steps if tuned else 0,
                "calibration_frames": fitted.calibration.frames,
            },
        )
    else:
        tell(out)
