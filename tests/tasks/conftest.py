"""Footage that several stages read."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def camera(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    """Three short videos of one camera."""
    for number in range(3):
        make_video(f"camera/{number}.mp4", frames=20 + number, seed=number)
    return tmp_path / "camera"
