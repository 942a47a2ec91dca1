"""`vad zones`."""

from pathlib import Path
from typing import Annotated

import typer

from vadcli.cli.console import hint, tell, tell_json
from vadcli.cli.options import AsJson, Quiet, file_option, with_settings
from vadcli.settings import Settings


@with_settings("source.ignore", "source.only", "source.mask_top")
def command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Video, folder of pictures, stream or camera.")],
    out: Annotated[Path, file_option("--out", "-o", help="Picture to write, .png or .jpg.")] = Path("zones.png"),
    *,
    settings: Settings,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw a camera's zones and a grid to read their corners from.

    A zone is a polygon of corners x,y in shares of width and height, from 0,0 at the top left to 1,1 at the bottom
    right; two corners are a rectangle. What is not looked at comes dark, with the border of each zone, and its name
    where its text begins with one.

    Examples:
      vad zones gate.mp4

      vad zones gate.mp4 --ignore "sky=0,0 1,0.1" --only "gate=0.1,0.4 0.9,0.4 1,1 0,1"
    """
    from vadcli.tasks.zones import draw

    height, width = draw(source, settings.source, out)
    hint(f'{width}x{height}; corners are read from the grid, as in --ignore "0,0 1,0.1" (x,y x,y)', quiet)
    if as_json:
        picture = {"schema": "vad.info/1", "file": str(out), "kind": "picture", "height": height, "width": width}
        tell_json(picture | {"run": {"source": source, **settings.source.model_dump(mode="json")}})
    else:
        tell(out)
