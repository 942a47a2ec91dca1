"""`vad export`: a checkpoint, with its adapter if it has one, as a file that other runtimes execute."""

from pathlib import Path

from vadcli.files import check_output, named
from vadcli.model.checkpoint import load_checkpoint, load_network
from vadcli.model.onnx import Agreement, export_onnx


def export_stage(source: Path, out: Path, adapter: Path | None) -> Agreement:
    """Write `source`, adapted by `adapter`, to `out` as ONNX and compare it with torch.

    Raises:
        VadError: for files that do not fit, or a result that differs from torch by more than a thousandth.
    """
    check_output("--out", out, named(source, adapter), "exported model")
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
    return export_onnx(load_network(checkpoint, adapted), out, header)
