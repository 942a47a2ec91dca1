"""An exported network computes what torch computes."""

import pytest
import torch

pytest.importorskip("onnxscript", reason="needs the extra `export`")

from vadcli.errors import CheckpointError, InputError
from vadcli.model.checkpoint import Checkpoint, save_checkpoint
from vadcli.model.network import Network
from vadcli.model.onnx import OnnxNetwork
from vadcli.settings import ModelSettings, Settings
from vadcli.stages.export import export_stage


@pytest.mark.parametrize(("unit", "padding"), [("prototypes", "zeros"), ("prototypes", "edge"), ("none", "zeros")])
def test_exported_equals_torch_for_any_batch(tmp_path, unit, padding):
    torch.manual_seed(0)
    settings = Settings(model=ModelSettings(size=(16, 24), width=4, channels=1, unit=unit, padding=padding))
    network = Network(settings.model).eval()
    checkpoint = Checkpoint(stage="pretrain", settings=settings, weights=network.state_dict())
    save_checkpoint(tmp_path / "a.safetensors", checkpoint)
    agreement = export_stage(tmp_path / "a.safetensors", tmp_path / "a.onnx", None)
    assert agreement.frame < 1e-5
    assert (agreement.feature_error is None) == (unit == "none")
    exported = OnnxNetwork.open(tmp_path / "a.onnx")
    assert exported.header["settings"]["model"]["size"] == [16, 24]
    for batch in (1, 5):
        windows = torch.rand(batch, 4, 16, 24) * 2 - 1
        frame, feature, features = exported(windows)
        with torch.no_grad():
            expected = network(windows)
        torch.testing.assert_close(frame, expected.frame, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(features, expected.features, rtol=1e-4, atol=1e-5)
        if unit == "prototypes":
            torch.testing.assert_close(feature, expected.feature_error, rtol=1e-3, atol=1e-5)


def test_files_that_are_no_exported_models_are_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"noise")
    with pytest.raises(CheckpointError, match="not an ONNX model, or damaged"):
        OnnxNetwork.open(tmp_path / "x.onnx")
    with pytest.raises(InputError, match="no such model"):
        OnnxNetwork.open(tmp_path / "y.onnx")
