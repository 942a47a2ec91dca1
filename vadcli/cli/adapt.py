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
    "adapt.shots", "adapt.steps", "adapt.normal_seconds", "source.fps", "source.mask_top",
    "source.ignore", "source.only", "span.start", "span.end", "span.duration", "span.began",
    "span.names_in", "span.track", "adapt.seed", "adapt.device", "adapt.precision",
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
    seconds: Annotated[
        float | None, typer.Option("--seconds", hidden=True, help="Of earlier versions; --steps bounds training now.")
    ] = None,
    *,
    settings: Settings,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Learn what is normal at a camera from its normal footage.

    All footage given teaches how large, how fast and how many things move in
    each row of the picture, and how every place looks; a minute of it takes
    seconds. The first windows also adapt the model in one update; --steps
    trains all of its weights. `--from none` learns without a network. An
    adapter works only with the model that it was made from.

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
    if seconds is not None:
        hint("--seconds: has no effect any more; --steps bounds training.", quiet)
    from vadcli.tasks.adapt import adapt_task

    with progress(quiet) as shown:
        fitted = adapt_task(sources, base, out, settings, scene=scene, progress=shown)
    losses = " → ".join(f"{loss:.4g}" for loss in fitted.losses)
    facts = fitted.calibration.facts
    done = [f"normal from {facts.seconds:.3g} s of footage ({facts.frames:,} frames)"]
    if fitted.losses:
        done.append(f"model adapted on {settings.adapt.shots} windows (inner loss {losses})")
    if fitted.tuned:
        before, after = fitted.tuned.errors
        done.append(f"{fitted.tuned.steps} training steps (held-out error {before:.3g} → {after:.3g})")
    rate = settings.score.false_alarms_per_hour
    expected = fitted.calibration.fusion.expected(rate)
    if expected > rate:
        done.append(f"so little footage knows little: expect up to {expected:.0f} alarms an hour at first")
    for line in (*done, f"next: vad score VIDEO --adapter {out}"):
        hint(line, quiet)
    if as_json:
        tell_made(
            out,
            {
                "losses": list(fitted.losses),
                "support_frames": fitted.support_frames,
                "tuned_steps": fitted.tuned.steps if fitted.tuned else 0,
                "calibration_frames": facts.frames,
                "calibration_seconds": facts.seconds,
            },
        )
    else:
        tell(out)
