"""`vad zones`."""

from pathlib import Path
from typing import Annotated

import typer

from vadcli.cli.console import hint
from vadcli.cli.options import Preset, Quiet, Set, setting
from vadcli.presets import load_settings


def command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Video, folder of pictures, stream or camera.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Picture to write, .png or .jpg.")] = Path("zones.png"),
    ignore: Annotated[list[str] | None, setting("source.ignore", metavar="POLYGON")] = None,
    only: Annotated[list[str] | None, setting("source.only", metavar="POLYGON")] = None,
    mask_top: Annotated[float | None, setting("source.mask_top")] = None,
    preset: Preset = None,
    set_: Set = None,
    quiet: Quiet = False,
) -> None:
    """Draw a camera's zones and a grid to read their corners from.

    A zone is a polygon of corners x,y in shares of width and height, from 0,0 at the top left to 1,1 at the bottom
    right; two corners are a rectangle. What is not looked at comes dark, with the border of each zone.

    Examples:
      vad zones gate.mp4

      vad zones gate.mp4 --ignore "0,0 1,0.1" --only "0.1,0.4 0.9,0.4 1,1 0,1"
    """
    flags = {"source.ignore": ignore or None, "source.only": only or None, "source.mask_top": mask_top}
    settings = load_settings(preset, set_ or (), flags)
    from vadcli.stages.zones import draw

    height, width = draw(source, settings.source, out)
    hint(f'{width}x{height}; corners are read from the grid, as in --ignore "0,0 1,0.1" (x,y x,y)', quiet)
    print(out)
