"""The result of adapting to a camera, and the file that keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadcli.model.tensor_file import CALIBRATION, FORMAT, VERSION, save_arrays
from vadcli.scoring.calibration import Calibration
from vadcli.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

    from vadcli.learning.tuning import Tuned
    from vadcli.model.checkpoint import Checkpoint


@dataclass(frozen=True)
class Fitted:
    """The result of adapting to a camera."""

    calibration: Calibration  # of that camera
    weights: "Mapping[str, Tensor]" = field(default_factory=dict)  # adapted ones by name; none without a network
    losses: Sequence[float] = ()  # inner loss before each update
    support_frames: int = 0  # frames that the support windows span
    tuned: "Tuned | None" = None  # the result of training all weights; None where that was not asked for
    name: str = ""  # of the first source

    def training(self, settings: Settings) -> dict[str, Any]:
        """The record of the run that an adapter keeps."""
        how, facts = settings.adapt, self.calibration.facts
        return {
            "source": self.name,
            "shots": how.shots if self.losses else 0,
            "updates": len(self.losses),
            "losses": list(self.losses),
            "steps": self.tuned.steps if self.tuned else 0,
            "held_out_errors": list(self.tuned.errors) if self.tuned else [],
            "calibration_frames": facts.frames,
            "calibration_seconds": round(facts.seconds, 3),
        }


def save_adapter(out: Path, fitted: Fitted, checkpoint: "Checkpoint | None", settings: Settings) -> None:
    """Write what was learned, whole or not at all."""
    kept = {"source": settings.source, "adapt": settings.adapt, "score": settings.score}
    facts, arrays = fitted.calibration.facts.model_dump(mode="json"), fitted.calibration.arrays()
    if checkpoint is None:
        from vadcli import __version__

        header = {
            "format": FORMAT,
            "version": VERSION,
            "stage": "adapt",
            "settings": Settings().model_copy(update=kept).model_dump(mode="json"),
            "parents": {},
            "training": fitted.training(settings) | {"versions": {"vad": __version__}},
            "calibration": facts,
        }
        save_arrays(out, {f"{CALIBRATION}{name}": value for name, value in arrays.items()}, header)
        return
    from vadcli.model.checkpoint import Checkpoint, save_checkpoint, versions

    adapter = Checkpoint(
        stage="adapt",
        settings=checkpoint.settings.model_copy(update=kept),
        weights=fitted.weights,
        parents={"base": checkpoint.sha256},
        training=fitted.training(settings) | {"versions": versions()},
        calibration=facts,
        calibration_arrays=arrays,
    )
    save_checkpoint(out, adapter)
