"""Images of successive frames in a temporary file: read once, used again, in constant memory."""

import tempfile
from typing import Self

import numpy as np

from vadcli.files import naming, temporary_folder
from vadcli.footage.frames import Image


class ImageStore:
    """Images of one shape on disk, as a context; the file has no name and vanishes with it, or with the program."""

    def __init__(self) -> None:
        self._name = temporary_folder() / "vad-frames"
        with naming(self._name):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._shape: tuple[int, ...] = (0, 0, 0)
        self._run: list[int] = []  # of every image: how many before it it follows

    def __len__(self) -> int:
        return len(self._run)

    def add(self, image: Image, follows: bool) -> None:
        """Keep an image (H, W, C); `follows` unless frames are missing before it, or it is the first of a clip."""
        self._shape = image.shape
        with naming(self._name):
            self._file.write(image.tobytes())
        self._run.append(self._run[-1] + 1 if follows and self._run else 0)

    def images(self, first: int, stop: int) -> Image:
        """Images by their numbers, (n, H, W, C) uint8."""
        if not len(self):
            return np.empty((0, *self._shape), np.uint8)
        with naming(self._name):
            self._file.flush()
        found: Image = np.memmap(self._file, np.uint8, "r", shape=(len(self), *self._shape))[first:stop]
        return found

    def windows(self, length: int) -> list[int]:
        """Numbers of the images where `length` successive ones begin."""
        return [number - length + 1 for number, run in enumerate(self._run) if run + 1 >= length]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
