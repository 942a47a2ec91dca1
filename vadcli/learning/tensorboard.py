"""Figures of a training as TensorBoard's events, beside the metrics log."""

from pathlib import Path

from vadcli.errors import InputError


class EventsLog:
    """A folder of events; after a resume, those of later steps are taken back."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def write(self, step: int, **figures: float) -> None:
        """Add the figures of one step."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Write no more."""
        self._writer.close()


def require_tensorboard() -> None:
    """Refuse to go on without the library; raises InputError if it is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise InputError("--tensorboard needs the extra `tensorboard`: pip install 'vadcli[tensorboard]'") from error
