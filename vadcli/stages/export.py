"""`vad export`: a checkpoint, with its adapter if it has one, as a file that other runtimes execute."""

from pathlib import Path

from vadcli.errors import CheckpointError
from vadcli.model.checkpoint import load_checkpoint, load_network
from vadcli.model.onnx import Agreement, export_onnx

LARGEST_FRAME_GAP = 1e-3


def export_stage(source: Path, out: Path, adapter: Path | None) -> Agreement:
    """Write `source`, adapted by `adapter`, to `out` as ONNX and compare it with torch.

    Raises:
        VadError: for files that do not fit, or a result that differs from torch by more than a thousandth.
    """
    checkpoint = load_checkpoint(source, "pretrain", "metatrain")
    adapted = load_checkpoint(adapter, "adapt") if adapter else None
    calibration = adapted.calibration if adapted else checkpoint.calibration
    settings = checkpoint.settings.model_copy(update={"source": (adapted or checkpoint).settings.source})
    header = {
        "settings": settings.model_dump(mode="json"),
        "parents": {"model": checkpoint.sha256} | ({"adapter": adapted.sha256} if adapted else {}),
        "calibration": calibration,
        "training": {"scenes": checkpoint.training.get("scenes")},
    }
    agreement = export_onnx(load_network(checkpoint, adapted), out, header)
    if agreement.frame > LARGEST_FRAME_GAP:
        out.unlink()
        raise CheckpointError(f"{out}: not written: the exported model differs from torch by {agreement.frame:.1e}.")
    return agreement
