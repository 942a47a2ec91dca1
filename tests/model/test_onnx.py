"""An exported network computes what torch computes."""

import json

import pytest
import torch

pytest.importorskip("onnxscript", reason="needs the extra `export`")
import onnx

from vadcli.errors import CheckpointError, FootageError, InputError
from vadcli.footage.windows import to_network
from vadcli.model import exported as exported_model
from vadcli.model import onnx as onnx_model
from vadcli.model.checkpoint import Checkpoint, save_checkpoint
from vadcli.model.network import Network
from vadcli.model.onnx import OnnxNetwork
from vadcli.settings import ModelSettings, Settings
from vadcli.tasks.export import export_task


@pytest.mark.parametrize(("unit", "padding"), [("prototypes", "zeros"), ("prototypes", "edge"), ("none", "zeros")])
def test_exported_equals_torch_for_any_batch(tmp_path, unit, padding):
    torch.manual_seed(0)
    settings = Settings(model=ModelSettings(size=(16, 24), width=4, channels=1, unit=unit, padding=padding))
    network = Network(settings.model).eval()
    checkpoint = Checkpoint(stage="pretrain", settings=settings, weights=network.state_dict())
    save_checkpoint(tmp_path / "a.safetensors", checkpoint)
    agreement = export_task(tmp_path / "a.safetensors", tmp_path / "a.onnx", None)
    assert agreement.frame < 1e-5
    assert (agreement.feature_error is None) == (unit == "none")
    content = (tmp_path / "a.onnx").read_bytes()
    assert b".py" not in content and b"/vadcli/" not in content and str(tmp_path).encode() not in content
    exported = OnnxNetwork.open(tmp_path / "a.onnx")
    assert exported.header["settings"]["model"]["size"] == [16, 24]
    for batch in (1, 5):
        pixels = torch.randint(0, 256, (batch, 5, 16, 24, 1), dtype=torch.uint8)
        windows, target = to_network(pixels, "cpu")
        frame, feature = exported(windows)
        with torch.no_grad():
            expected = network(windows)
        torch.testing.assert_close(frame, expected.frame, rtol=1e-4, atol=1e-5)
        given = exported.run(pixels)
        torch.testing.assert_close(
            given["frame_error"], (expected.frame - target).square().mean(1), rtol=1e-4, atol=1e-5
        )
        torch.testing.assert_close(given["errors"][:, 0], given["frame_error"].mean((1, 2)), rtol=1e-4, atol=1e-6)
        if unit == "prototypes":
            torch.testing.assert_close(given["errors"][:, 1], given["feature_error"].mean((1, 2)), rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(feature, expected.feature_error, rtol=1e-3, atol=1e-5)


def test_files_that_are_no_exported_models_are_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"noise")
    with pytest.raises(CheckpointError, match=r"not an ONNX model, or damaged, or too new .*PROTOBUF"):
        OnnxNetwork.open(tmp_path / "x.onnx")
    with pytest.raises(InputError, match="no such model"):
        OnnxNetwork.open(tmp_path / "y.onnx")


def without(name):
    return lambda model: model.graph.output.remove(next(o for o in model.graph.output if o.name == name))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("feature_error"), "feature_error is missing"),
        (lambda model: setattr(model.opset_import[0], "version", 99), "too new"),
        (without("frame"), r"frame is absent, where its settings ask for tensor\(float\) x 1 x 16 x 24"),
    ],
)
def test_a_changed_file_is_refused_by_what_is_wrong_with_it(exported, tmp_path, change, problem):
    model = onnx.load(str(exported))
    change(model)
    onnx.save(model, str(tmp_path / "x.onnx"))
    with pytest.raises(CheckpointError, match=problem):
        OnnxNetwork.open(tmp_path / "x.onnx")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("exported")
    settings = Settings(model=ModelSettings(size=(16, 24), width=4, channels=1))
    made = Checkpoint(stage="pretrain", settings=settings, weights=Network(settings.model).state_dict())
    save_checkpoint(folder / "a.safetensors", made)
    export_task(folder / "a.safetensors", folder / "a.onnx", None)
    return folder / "a.onnx"


@pytest.mark.parametrize("settings", [{"size": [24, 16]}, {"input_frames": 3}, {"channels": 3}, {"size": "huge"}])
def test_an_exported_model_of_another_shape_than_its_settings_say_is_refused(vad, exported, tmp_path, settings):
    proto = onnx.load(exported)
    (about,) = (prop for prop in proto.metadata_props if prop.key == "vad")
    header = json.loads(about.value)
    header["settings"]["model"] |= settings
    about.value = json.dumps(header)
    onnx.save(proto, tmp_path / "b.onnx")
    answer = vad("info", tmp_path / "b.onnx")
    assert answer.code == 3 and "b.onnx: " in answer.err and answer.err.endswith("Export it again.\n")


def test_a_model_that_fails_while_it_runs_is_a_bad_checkpoint(exported):
    with pytest.raises(CheckpointError, match="could not be run"):
        OnnxNetwork.open(exported)(torch.zeros(1, 4, 16, 23))


def test_an_export_that_differs_from_torch_is_not_kept(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(exported_model, "LARGEST_FRAME_GAP", -1.0)
    with pytest.raises(CheckpointError, match="not written: the exported model differs from torch by"):
        export_task(exported.with_suffix(".safetensors"), tmp_path / "b.onnx", None)
    assert not list(tmp_path.iterdir())


def test_it_is_compared_on_a_made_up_scene_and_on_footage_that_is_given(exported, tmp_path, make_video, monkeypatch):
    compared = []
    original = onnx_model.require_agreement
    monkeypatch.setattr(onnx_model, "require_agreement", lambda *given: compared.append(given[3]) or original(*given))
    model, out = exported.with_suffix(".safetensors"), tmp_path / "b.onnx"
    export_task(model, out, None, check=str(make_video(frames=12)))
    made_up, footage = compared[0]
    assert made_up.shape == footage.shape == (6, 5, 16, 24, 1)
    assert float(made_up.float().std()) > 5 and torch.equal(footage[0, 1:], footage[1, :-1])
    with pytest.raises(FootageError, match="3 frames; a window needs 5"):
        export_task(model, out, None, check=str(make_video("c.mp4", frames=3)))
