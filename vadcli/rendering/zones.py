"""Zones drawn on a picture: the masked parts darkened, the borders of zones, and a grid to read places from."""

import numpy as np

from vadcli.footage.frames import Image
from vadcli.footage.opencv import cv2
from vadcli.footage.zones import EVERYWHERE, Polygon, Zones
from vadcli.rendering.overlay import write_text

IGNORED, LOOKED_AT, LINE = (220, 60, 60), (60, 200, 90), (255, 255, 255)  # RGB


def draw_zones(picture: Image, zones: Zones) -> Image:
    """A copy of a picture (h, w, 3) RGB with zones drawn on it; the picture itself where there are none."""
    if zones == EVERYWHERE:
        return picture
    seen = zones.looked_at((picture.shape[0], picture.shape[1]))[:, :, None]
    drawn = np.ascontiguousarray(np.where(seen, picture, picture // 3))
    for polygons, colour in ((zones.ignore, IGNORED), (zones.only, LOOKED_AT)):
        for polygon in polygons:
            _outline(drawn, polygon, colour)
    return drawn


def draw_grid(picture: Image) -> Image:
    """A copy of a picture (h, w, 3) RGB with a line at every tenth of its width and height, and their numbers."""
    height, width = picture.shape[:2]
    drawn = picture.copy()
    for tenth in range(1, 10):
        x, y = tenth * width // 10, tenth * height // 10
        cv2.line(drawn, (x, 0), (x, height - 1), LINE, 1)
        cv2.line(drawn, (0, y), (width - 1, y), LINE, 1)
    drawn = np.asarray(cv2.addWeighted(drawn, 0.5, picture, 0.5, 0), dtype=np.uint8)
    text = max(8, height // 40)
    for tenth in range(1, 10):
        write_text(drawn, f"{tenth / 10:.1f}", (tenth * width // 10 + 2, text + 2), text)
        write_text(drawn, f"{tenth / 10:.1f}", (2, tenth * height // 10 - 2), text)
    return drawn


def _outline(picture: Image, polygon: Polygon, colour: tuple[int, int, int]) -> None:
    height, width = picture.shape[:2]
    corners = np.round(np.array(polygon) * (width, height) - 0.5).astype(np.int32)  # (n, 2)
    if len(corners) == 2:
        cv2.rectangle(picture, tuple(map(int, corners[0])), tuple(map(int, corners[1])), colour, 2)
    else:
        cv2.polylines(picture, [corners], True, colour, 2)


def draw_names(picture: Image, zones: Zones) -> None:
    """Write the name of each zone that has one in its middle, in place."""
    height, width = picture.shape[:2]
    text = max(8, height // 40)
    for polygon in (*zones.ignore, *zones.only):
        if name := getattr(polygon, "name", ""):
            across, down = np.array(polygon).mean(axis=0) * (width, height)
            left = round(across) - len(name) * text // 2
            write_text(picture, name, (max(left, 2), round(down) + text // 2), text)
