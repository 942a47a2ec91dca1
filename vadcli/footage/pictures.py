"""A folder of numbered pictures as one clip."""

import os
from collections.abc import Callable, Iterator
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadcli.errors import FootageError
from vadcli.footage.began import began_of
from vadcli.footage.container import DEFAULT_FPS
from vadcli.footage.frames import Image, Picture, SourceInfo
from vadcli.footage.identity import reading
from vadcli.footage.naming import images_in
from vadcli.footage.opencv import MOST_PIXELS, cv2, decoded
from vadcli.footage.resize import rgb_of

MOST_BYTES = 1 << 29  # of the file of one picture
MOST_NOTES = 10  # on a folder
_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


class PictureReader:
    """Pictures of a folder in natural order, all of one size; a `source.Reader`."""

    def __init__(self, folder: Path, name: str, fps: float | None = None, zone: tzinfo | None = None) -> None:
        """Look at a folder, whose pictures come at `fps`, and times in whose name are of a `zone`, as for `open_video`.

        Raises:
            FootageError: when it holds none, or the first is damaged.
        """
        self.notes, self.frames_read, self._files = list[str](), 0, images_in(folder)
        if not self._files:
            raise FootageError(f"{name}: no pictures in this folder. Give a folder of JPEG, PNG, TIFF or BMP frames.")
        if fps is None:
            fps = DEFAULT_FPS
            self.notes.append(f"{name}: pictures do not say their rate; taken as {fps:g} a second (--fps)")
        height, width = read_picture(self._files[0]).shape[:2]
        count = len(self._files)
        self.info = SourceInfo(name, fps, count, height, width, count / fps, began_of(folder, None, zone))

    def __iter__(self) -> Iterator[Picture]:
        """Pictures in order; making one raises FootageError where its file is damaged or of another size."""
        for index, file in enumerate(self._files):
            self.frames_read += 1
            yield Picture(index, index / self.info.fps, False, partial(self._rgb, file))

    def _rgb(self, file: Path) -> Image:
        picture = read_picture(file, told=self._damaged)
        height, width = picture.shape[:2]
        if (height, width) != (self.info.height, self.info.width):
            raise FootageError(
                f"{file}: {width}x{height}, but the frames before it are {self.info.width}x{self.info.height}. "
                "Give each size a folder of its own."
            )
        return rgb_of(picture)

    def _damaged(self, note: str) -> None:
        if len(self.notes) < MOST_NOTES:
            self.notes.append(note)

    def interrupt(self) -> None:
        """Nothing waits here for long."""

    def close(self) -> None:
        """Nothing is held open."""


def read_picture(
    file: Path,
    flags: int = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR,
    told: Callable[[str], None] = lambda note: None,
) -> npt.NDArray[Any]:
    """One decoded picture, (h, w) or BGR (h, w, 3), uint8 or uint16, turned upright where it says how.

    One that is damaged and can be decoded in part is `told`.

    Raises:
        FootageError: when it is empty, cut off, or no picture.
    """
    with reading(file), file.open("rb", buffering=0) as opened:
        if (length := os.fstat(opened.fileno()).st_size) > MOST_BYTES:
            raise FootageError(f"{file}: {length:,} bytes, more than any picture has. Remove it.")
        data = opened.read()
    if data.startswith(_JPEG) and _JPEG_END not in data[-4096:]:
        raise FootageError(f"{file}: this picture is cut off ({len(data)} bytes). Copy it again.")
    try:
        picture, problem = decoded(np.frombuffer(data, dtype=np.uint8), flags) if data else (None, "")
    except cv2.error as error:
        if "pixels" in str(error).lower() or "MAX_IMAGE" in str(error):
            raise FootageError(
                f"{file}: a picture of more than {MOST_PIXELS / 1e6:.0f} million pixels. Scale it down or remove it."
            ) from error
        picture = None
    if picture is None:
        raise FootageError(f"{file}: no picture that can be decoded ({len(data)} bytes). Copy it again or remove it.")
    if picture.dtype not in (np.uint8, np.uint16):
        raise FootageError(f"{file}: pixels are {picture.dtype}; 8 or 16 bits are read. Convert it first.")
    if problem:
        told(f"{file}: damaged ({problem}); it could be decoded only in part.")
    return np.asarray(picture)
