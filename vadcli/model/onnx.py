"""The network as an ONNX file and back: what it computes, its settings and its calibration, without torch's classes."""

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from vadcli.errors import CheckpointError, InputError
from vadcli.files import whole
from vadcli.limits import limit_met
from vadcli.model.exported import MOST_WINDOWS, Agreement, ExportedModule, as_windows, require_agreement
from vadcli.settings import ModelSettings, Settings, settings_of
from vadcli.terminal import first_line

FORMAT = "vad-onnx"
_NEEDS = "needs the extra `export`: pip install 'vadcli[export]'"


def export_onnx(module: ExportedModule, path: Path, header: dict[str, Any], frames: Sequence[Tensor]) -> Agreement:
    """Write a network as ONNX, whole or not at all, and compare it with torch.

    Raises:
        InputError: if the extra `export` is not installed.
        CheckpointError: if its frames differ from torch's too much.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch's exporter needs it)
    except ImportError as error:
        raise InputError(f"vad export {_NEEDS}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module,
            (module.example(),),
            input_names=["windows"],
            output_names=module.names,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=MOST_WINDOWS)},),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise InputError(f"{path}: torch could not export this network.")
    proto = program.model_proto
    _forget_origin(proto.graph)
    proto.metadata_props.append(onnx.StringStringEntryProto(key="vad", value=json.dumps({"format": FORMAT, **header})))
    with whole(path) as temporary:
        onnx.save(proto, str(temporary))
        agreement = require_agreement(path, module, OnnxNetwork.open(temporary).run, frames)
    return agreement


class OnnxNetwork:
    """An exported network, run by ONNX Runtime on the CPU."""

    def __init__(self, session: Any, header: dict[str, Any], settings: Settings) -> None:
        self.session = session
        self.header, self.settings = header, settings  # the JSON kept with it; of the run that made it
        self.names = [output.name for output in session.get_outputs()]

    @classmethod
    def open(cls, path: Path) -> "OnnxNetwork":
        """Read an exported network.

        Raises:
            InputError: if there is no such file, or the extra `export` is not installed.
            CheckpointError: if it is damaged or not written by `vad export`.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(f"{path}: running an ONNX model {_NEEDS}") from error
        if not path.is_file():
            raise InputError(f"{path}: no such model. Make one with `vad export CHECKPOINT --out {path.name}`.")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            header = json.loads(session.get_modelmeta().custom_metadata_map.get("vad", "{}"))
        except Exception as error:  # ONNX Runtime raises its own classes, which share no public base
            why = (str(error).splitlines() or [type(error).__name__])[0][:160].replace(str(path), "it")
            raise CheckpointError(
                f"{path}: not an ONNX model, or damaged, or too new for this ONNX Runtime ({why}). Export it again."
            ) from error
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise CheckpointError(f"{path}: an ONNX model, but not written by `vad export`.")
        try:
            settings = settings_of(header)
        except ValidationError as error:
            raise CheckpointError(f"{path}: its settings do not hold. Export it again.") from error
        _check_shapes(path, session, settings.model)
        return cls(session, header, settings)

    def __call__(self, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Predicted frames (B, C, H, W) and feature errors (B, h, w), if any, for inputs (B, T·C, H, W)."""
        named = self.run(as_windows(inputs.detach().cpu().float(), self.settings.model.channels))
        return named["frame"], named.get("feature_error")

    def run(self, windows: Tensor) -> dict[str, Tensor]:
        """All outputs by name, for windows (B, T+1, H, W, C) uint8."""
        try:
            outputs = self.session.run(None, {"windows": np.ascontiguousarray(windows.numpy())})
        except Exception as error:  # ONNX Runtime's own, again
            if limit_met(error):
                raise
            what = f"the ONNX model could not be run ({first_line(error)})"
            raise CheckpointError(f"{what}. Export it again.") from error
        return dict(zip(self.names, map(torch.from_numpy, outputs), strict=True))


def _forget_origin(graph: Any) -> None:
    """Take away the paths of this machine that torch's exporter writes beside every operation."""
    graph.doc_string = ""
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.doc_string = ""
        part.ClearField("metadata_props")
    for node in graph.node:
        for attribute in node.attribute:
            attribute.doc_string = ""
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _forget_origin(inner)


def _check_shapes(path: Path, session: Any, model: ModelSettings) -> None:
    """Refuse a file whose network is not the one that its header tells of."""
    given = {tensor.name: tensor for tensor in (*session.get_inputs(), *session.get_outputs())}
    if model.unit != "none" and "feature_error" not in given:
        raise CheckpointError(f"{path}: its output feature_error is missing. Export it again.")
    windows = ("tensor(uint8)", model.input_frames + 1, *model.size, model.channels)
    for name, asked in (("windows", windows), ("frame", ("tensor(float)", model.channels, *model.size))):
        got = (given[name].type, *given[name].shape[1:]) if name in given else ()
        known = tuple(side for side in got if side is not None)
        if known != asked:
            raise CheckpointError(
                f"{path}: {name} is {' x '.join(map(str, got)) or 'absent'}, where its settings ask for "
                f"{' x '.join(map(str, asked))}. Export it again."
            )
