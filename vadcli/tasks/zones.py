"""`vad zones`: a picture of a source with its zones and a grid on it."""

from pathlib import Path

from vadcli.errors import FootageError
from vadcli.files import check_output, named, whole
from vadcli.footage.opencv import cv2
from vadcli.footage.source import Reading, is_live, open_source
from vadcli.rendering.zones import draw_grid, draw_names, draw_zones
from vadcli.settings import SourceSettings
from vadcli.tasks.sources import zones_of


def draw(source: str, settings: SourceSettings, out: Path) -> tuple[int, int]:
    """Write the first picture of a source, with what is not looked at darkened, under a grid of tenths.

    Returns:
        height and width of the source.

    Raises:
        VadError: when there is no picture, or the file cannot be written.
    """
    check_output("--out", out, named(None if is_live(source) else Path(source)), "picture")
    with open_source(source, Reading(original=True)) as opened:
        picture = next((frame.original for frame in opened), None)
    if picture is None:
        raise FootageError(f"{source}: no picture in it. Give another source.")
    zones = zones_of(settings)
    drawn = draw_grid(draw_zones(picture, zones))
    draw_names(drawn, zones)
    with whole(out) as path:
        path.write_bytes(cv2.imencode(out.suffix.lower(), drawn[..., ::-1])[1].tobytes())
    return picture.shape[0], picture.shape[1]
