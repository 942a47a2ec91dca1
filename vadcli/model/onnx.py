"""The network as an ONNX file and back: what it computes, its settings and its calibration, without torch's classes."""

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from vadcli.errors import CheckpointError, InputError
from vadcli.files import whole
from vadcli.limits import limit_met
from vadcli.model.network import Network
from vadcli.settings import ModelSettings, Settings, settings_of

FORMAT = "vad-onnx"
LARGEST_FRAME_GAP = 1e-3
_OUTPUTS = ("frame", "feature_error", "features")
_NEEDS = "needs the extra `export`: pip install 'vadcli[export]'"


class _Outputs(nn.Module):
    """The network's forward with plain tensors for outputs."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        prediction = self.network(inputs)
        outputs = (prediction.frame, prediction.feature_error, prediction.features)
        return tuple(output for output in outputs if output is not None)


@dataclass(frozen=True)
class Agreement:
    """How far an exported model is from torch on the same random windows.

    Attributes:
        frame: largest absolute difference of predicted frames in [-1, 1].
        feature_error: largest difference of feature errors, relative to their mean; None without a unit.
    """

    frame: float
    feature_error: float | None


def export_onnx(network: Network, path: Path, header: dict[str, Any]) -> Agreement:
    """Write the network as ONNX, whole or not at all, and compare it with torch.

    Args:
        network: float32, on the CPU.
        path: to write.
        header: JSON kept in the file's metadata.

    Returns:
        the agreement on two random windows and, for the free batch dimension, on three more.

    Raises:
        InputError: if the extra `export` is not installed.
        CheckpointError: if its frames differ from torch's by more than LARGEST_FRAME_GAP.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch's exporter needs it)
    except ImportError as error:
        raise InputError(f"vad export --format onnx {_NEEDS}") from error
    settings = network.settings
    shape = (settings.channels * settings.input_frames, *settings.size)
    names = [name for name in _OUTPUTS if name != "feature_error" or network.unit is not None]
    module = _Outputs(network.float().cpu().eval())
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    example = torch.zeros(2, *shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module,
            (example,),
            input_names=["windows"],
            output_names=names,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
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
        agreement = _compare(module, OnnxNetwork.open(temporary), shape)
        if agreement.frame > LARGEST_FRAME_GAP:
            raise CheckpointError(
                f"{path}: not written: the exported model differs from torch by {agreement.frame:.1e}."
            )
    return agreement


class OnnxNetwork:
    """An exported network, run by ONNX Runtime on the CPU.

    Attributes:
        header: the JSON that was kept with it.
        settings: of the run that made it, from the header.
        names: of what it gives.
    """

    def __init__(self, session: Any, header: dict[str, Any], settings: Settings) -> None:
        self.session, self.header, self.settings = session, header, settings
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
            raise CheckpointError(f"{path}: not an ONNX model, or damaged. Export it again.") from error
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise CheckpointError(f"{path}: an ONNX model, but not written by `vad export`.")
        try:
            settings = settings_of(header)
        except ValidationError as error:
            raise CheckpointError(f"{path}: its settings do not hold. Export it again.") from error
        _check_shapes(path, session, settings.model)
        return cls(session, header, settings)

    def __call__(self, inputs: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """What a network predicts for windows (B, T·C, H, W).

        Returns:
            frames (B, C, H, W); feature errors (B, h, w), None without a unit; features (B, C', h', w'), None from a
            file written before there were some.
        """
        windows = np.ascontiguousarray(inputs.detach().cpu().float().numpy())
        try:
            outputs = self.session.run(None, {"windows": windows})
        except Exception as error:  # ONNX Runtime's own, again
            if limit_met(error):
                raise
            what = (str(error).splitlines() or ["no reason given"])[0][:120]
            raise CheckpointError(f"the ONNX model could not be run ({what}). Export it again.") from error
        named = dict(zip(self.names, map(torch.from_numpy, outputs), strict=True))
        return named["frame"], named.get("feature_error"), named.get("features")


def _forget_origin(graph: Any) -> None:
    """Take away the paths of this machine that torch's exporter writes beside every operation."""
    graph.doc_string = ""
    for one in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        one.doc_string = ""
        one.ClearField("metadata_props")
    for node in graph.node:
        for attribute in node.attribute:
            attribute.doc_string = ""
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _forget_origin(inner)


def _check_shapes(path: Path, session: Any, model: ModelSettings) -> None:
    """Refuse a file whose network is not the one that its header tells of."""
    asked = {
        "windows": (model.channels * model.input_frames, *model.size),
        "frame": (model.channels, *model.size),
    }
    given = {one.name: one for one in (*session.get_inputs(), *session.get_outputs())}
    if unknown := given.keys() - {"windows", *_OUTPUTS}:
        raise CheckpointError(f"{path}: has an input or output {min(unknown)}, which `vad export` never writes.")
    for name, shape in asked.items():
        got = tuple(given[name].shape) if name in given else ()
        fits = len(got) == 4 and all(
            side in (of, None) or isinstance(side, str) for side, of in zip(got[1:], shape, strict=True)
        )
        if not fits or given[name].type != "tensor(float)":
            raise CheckpointError(
                f"{path}: {name} is {' x '.join(map(str, got)) or 'absent'}, where its settings ask for "
                f"batch x {' x '.join(map(str, shape))}. Export it again."
            )


@torch.no_grad()
def _compare(module: nn.Module, exported: OnnxNetwork, shape: tuple[int, ...]) -> Agreement:
    generator = torch.Generator().manual_seed(0)
    frame_gap, feature_gap = 0.0, None
    for batch in (2, 3):
        windows = torch.rand(batch, *shape, generator=generator) * 2 - 1
        expected = dict(zip(exported.names, module(windows), strict=True))
        got_frame, got_feature, _ = exported(windows)
        frame_gap = max(frame_gap, float((expected["frame"] - got_frame).abs().max()))
        if got_feature is not None:
            feature = expected["feature_error"]
            gap = float((feature - got_feature).abs().max() / feature.mean().clamp_min(1e-12))
            feature_gap = max(feature_gap or 0.0, gap)
    return Agreement(frame_gap, feature_gap)
