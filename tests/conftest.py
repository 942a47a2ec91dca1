"""Fixtures that many rooms share: tiny videos and folders of pictures, the `vad` program in-process, and skips."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a background job; programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side: more threads only wait for each other

import numpy as np
import pytest

from vadcli.footage.opencv import cv2


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps the user's own variables and config file from programs under test."""
    for name in [name for name in os.environ if name.startswith("VAD_") and name != "VAD_DATA"]:
        del os.environ[name]
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, saying why; begin with the longest, so that no worker ends alone with it."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
    skips: dict[str, str | None] = {}
    for item in items:
        for marker, missing in (("footage", _no_footage), ("gpu", _no_gpu)):
            if item.get_closest_marker(marker):
                if marker not in skips:
                    skips[marker] = missing()
                if reason := skips[marker]:
                    item.add_marker(pytest.mark.skip(reason=reason))


def _no_footage() -> str | None:
    folder = os.environ.get("VAD_DATA")
    if not folder:
        return "needs real footage: set VAD_DATA to its folder"
    return None if Path(folder).is_dir() else f"needs real footage: VAD_DATA is {folder}, which is no folder"


def _no_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "needs an NVIDIA GPU: torch.cuda sees none"


@pytest.fixture
def footage() -> Path:
    """The folder of real footage; for tests marked `footage`."""
    return Path(os.environ["VAD_DATA"])


def picture(index: int, size: tuple[int, int] = (48, 64), channels: int = 3, seed: int = 0) -> np.ndarray:
    """Frame `index` of a made-up film, (H, W, C) uint8 BGR or grey: a bright square wanders over a smooth ground."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width]
    shift = 40 * (seed % 5)
    planes = (rows * 100 // height + shift // 2, columns * 100 // width + 30, (rows + columns) % 64 + shift)
    image = np.stack(planes, axis=-1)
    side = max(4, height // 6)
    top, left = (3 * index + 7 * seed) % (height - side), (5 * index) % (width - side)
    image[top : top + side, left : left + side] = (30, 220, 120)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return image if channels == 3 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:, :, None]


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small video (MPEG-4 part 2) with OpenCV: `make_video("a/b.mp4", frames=20, size=(48, 64), fps=10.0)`."""

    def make(
        name: str | Path = "video.mp4",
        frames: int = 12,
        size: tuple[int, int] = (48, 64),
        fps: float = 10.0,
        seed: int = 0,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
        writer = cv2.VideoWriter(str(path), code, fps, (size[1], size[0]))
        assert writer.isOpened()
        for index in range(frames):
            writer.write(picture(index, size, seed=seed))
        writer.release()
        return path

    return make


@pytest.fixture
def make_pictures(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of pictures: `make_pictures("a/01", frames=20, suffix=".jpg", first=1)`."""

    def make(
        name: str | Path = "pictures",
        frames: int = 12,
        size: tuple[int, int] = (48, 64),
        suffix: str = ".png",
        channels: int = 3,
        first: int = 0,
        pattern: str = "{:03d}",
        seed: int = 0,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(frames):
            file = folder / f"{pattern.format(index + first)}{suffix}"
            assert cv2.imwrite(str(file), picture(index, size, channels, seed))
        return folder

    return make


@pytest.fixture
def ffmpeg() -> Callable[..., None]:
    """Runs the ffmpeg program, for containers that OpenCV cannot write; skips where there is none."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("needs the ffmpeg program to make this container")

    def run(*arguments: str | Path) -> None:
        subprocess.run([program, "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)

    return run


class Answer(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def vad(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs `vad` in this process: `vad("prepare", path, "--out", cache)` → exit code, stdout, stderr."""
    from vadcli.cli.app import run

    def call(*arguments: object) -> Answer:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return call
