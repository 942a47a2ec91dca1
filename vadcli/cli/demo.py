"""`vad demo`."""

from pathlib import Path
from typing import Annotated

import typer

from vadcli.cli.options import AsJson, Quiet, in_panel

_film = in_panel("Film")


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make, or to finish.")],
    scenes: Annotated[int, _film("--scenes", min=1, max=10000, help="Number of different scenes.")] = 2,
    seconds: Annotated[float, _film("--seconds", min=1, max=86400, help="Length of each clip.")] = 20,
    seed: Annotated[int, _film("--seed", min=0, max=2**32 - 1, help="Another seed draws other scenes.")] = 0,
    size: Annotated[int, _film("--size", min=32, max=1024, help="Side of the square pictures, even.")] = 256,
    fps: Annotated[float, _film("--fps", min=1, max=60, help="Frames a second.")] = 10,
    workers: Annotated[
        int,
        in_panel("Machine")("--workers", min=0, max=256, help="Clips made side by side; 0 takes one for every core."),
    ] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write labelled synthetic camera scenes to try everything on.

    Each scene has two training clips (normal only) and two testing clips with
    anomalies, frame labels and pixel masks. A second run with the same
    arguments makes only the clips that are missing.

    Examples:
      vad demo scenes --scenes 2 --seconds 20 --seed 0

      vad demo scenes && vad prepare scenes --out demo.h5
    """
    import os

    from vadcli.cli import console
    from vadcli.errors import InputError
    from vadcli.tasks.demo import DemoArguments, demo

    if size % 2:
        raise InputError(f"--size {size}: videos need an even side. Use {size + 1}.")
    arguments = DemoArguments(scenes, seconds, seed, (size, size), fps)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with console.progress(quiet) as progress:
        made = demo(folder, arguments, workers=workers or cores, progress=progress)
    if as_json:
        console.tell_json({"schema": "vad.info/1", "file": str(folder), "kind": "demo", "scenes": made, "run": {}})
    for scene in [] if as_json else made:
        console.tell(folder / scene["name"])
    console.hint(f"next: vad adapt {folder / made[0]['name']}/training --out camera.safetensors", quiet)
