"""One training as a whole: what identifies it, where it runs, and the files it keeps beside its checkpoint."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vadcli.files import locked
from vadcli.processes import Processes
from vadcli.progress import Progress


@dataclass(frozen=True)
class Job:
    """Arguments that every part of a training takes."""

    out: Path  # the checkpoint that it makes
    key: str  # identifies settings and data; a resume point with another key is refused
    resume: bool  # go on from the resume point if there is one
    device: torch.device  # where to train
    precision: torch.dtype  # of the convolutions; weights, and whatever is adapted, stay in float32
    progress: Progress  # every step is reported to it
    processes: Processes  # sharing the work; only the lead writes
    tensorboard: bool = False  # also write TensorBoard's events

    @property
    def resume_point(self) -> Path:
        """The file from which an interrupted training goes on; gone once the checkpoint is there."""
        return _beside(self.out, "resume")

    @property
    def metrics_log(self) -> Path:
        """Figures, one JSON object a line."""
        return metrics_log(self.out)

    @property
    def events(self) -> Path:
        """The same figures as TensorBoard's events, a folder."""
        return _beside(self.out, "tensorboard")


def metrics_log(out: Path) -> Path:
    """The metrics log of the checkpoint `out`."""
    return _beside(out, "metrics.ndjson")


def job_key(*parts: Any) -> str:
    """A hash of everything that decides a training's result."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def sole_job(out: Path, progress: Progress) -> Iterator[None]:
    """Keep `out` for this training; of one that fails, nothing is left but what it can be resumed from.

    Raises:
        InputError: where another training is making `out`.
    """
    busy = f"{out}: another training is making it. Wait, or use another --out."
    with locked(out, busy, progress.note):
        log, point, events = metrics_log(out), _beside(out, "resume"), _beside(out, "tensorboard")
        watched = events.exists()
        logged = log.read_bytes() if log.is_file() else None
        begun = _identity(point)
        try:
            yield
        except Exception:
            if _identity(point) == begun and not watched:
                shutil.rmtree(events, ignore_errors=True)
            if _identity(point) == begun and logged is None:
                log.unlink(missing_ok=True)
            elif _identity(point) == begun and logged is not None:
                log.write_bytes(logged)
            raise


def _beside(out: Path, kind: str) -> Path:
    return out.with_name(f"{out.name}.{kind}")


def _identity(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.is_file() else None
