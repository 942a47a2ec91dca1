"""An exported .pt2 computes what torch computes, and is read back without running what is in it."""

import json
import subprocess
import sys
import zipfile

import pytest
import torch

from vadcli.errors import CheckpointError, FootageError, InputError
from vadcli.footage.windows import to_network
from vadcli.model import exported, pt2
from vadcli.model.checkpoint import Checkpoint, load_checkpoint, load_network, save_checkpoint
from vadcli.model.network import Network
from vadcli.settings import ModelSettings, Settings
from vadcli.stages.export import export_stage

MODEL = ModelSettings(size=(16, 24), width=4, channels=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint `a.safetensors`, an adapter `s.safetensors` of it, and both as `a.pt2`."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("exported")
    network = Network(MODEL)
    made = Checkpoint("metatrain", Settings(model=MODEL), network.state_dict(), training={"scenes": 3})
    save_checkpoint(folder / "a.safetensors", made)
    base = load_checkpoint(folder / "a.safetensors")
    changed = {name: base.weights[name] + 0.01 for name in network.adapted_names("head")}
    parents = {"base": base.sha256}
    save_checkpoint(folder / "s.safetensors", Checkpoint("adapt", base.settings, changed, parents=parents))
    export_stage(folder / "a.safetensors", folder / "a.pt2", folder / "s.safetensors")
    return folder


def test_the_program_computes_what_torch_does_for_any_batch_of_frames(folder):
    program = torch.export.load(folder / "a.pt2").module()
    adapted = load_checkpoint(folder / "s.safetensors")
    network = load_network(load_checkpoint(folder / "a.safetensors"), adapted)
    for batch in (1, 5):
        windows = torch.randint(0, 256, (batch, 5, 16, 24, 3), dtype=torch.uint8)
        frame, frame_error, feature_error, features, errors = program(windows)
        inputs, target = to_network(windows, "cpu")
        with torch.no_grad():
            expected = network(inputs)
        torch.testing.assert_close(frame, expected.frame, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(frame_error, (expected.frame - target).square().mean(1), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(feature_error, expected.feature_error, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(features, expected.features, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(errors, torch.stack([frame_error.mean((1, 2)), feature_error.mean((1, 2))], 1))


def test_it_is_read_as_the_checkpoint_with_the_adapters_weights(folder):
    base, adapter, read = (load_checkpoint(folder / name) for name in ("a.safetensors", "s.safetensors", "a.pt2"))
    assert read.stage == "metatrain" and read.model == MODEL and read.training["scenes"] == 3
    assert read.parents == {"model": base.sha256, "adapter": adapter.sha256}
    expected = {**base.weights, **adapter.weights}
    assert expected.keys() == read.weights.keys()
    assert all(torch.equal(value, read.weights[name]) for name, value in expected.items())


def test_it_carries_no_path_of_the_machine_that_made_it(folder, tmp_path):
    with zipfile.ZipFile(folder / "a.pt2") as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert b".py" not in content and str(folder).encode() not in content
    export_stage(folder / "a.safetensors", tmp_path / "b.pt2", folder / "s.safetensors")
    assert (tmp_path / "b.pt2").read_bytes() == (folder / "a.pt2").read_bytes(), "the same bytes under any name"


def rewritten(folder, path, change, compression=zipfile.ZIP_STORED):
    """The archive with some entries changed: `change(name, content)` gives the new content, None takes it away."""
    with zipfile.ZipFile(folder / "a.pt2") as given, zipfile.ZipFile(path, "w", compression) as made:
        for name in given.namelist():
            if (content := change(name.partition("/")[2], given.read(name))) is not None:
                made.writestr(name, content)
    return path


RUNS_CODE = """
import pickle, sys
class Harm:
    def __reduce__(self):
        return (open, (sys.argv[1], "w"))
sys.stdout.buffer.write(pickle.dumps(Harm()))
"""


def test_what_could_run_code_is_never_looked_at(folder, tmp_path):
    harm = tmp_path / "harm"
    pickled = subprocess.run([sys.executable, "-c", RUNS_CODE, harm], capture_output=True, check=True).stdout
    path = rewritten(folder, tmp_path / "b.pt2", lambda name, old: pickled if name.endswith(".pt") else old)
    assert load_checkpoint(path).model == MODEL and not harm.exists()


def otherwise(name, old):
    """Weights as a torch might write them that lays them out in another way."""
    if not name.endswith("weights_config.json"):
        return old
    config = json.loads(old)
    next(iter(config["config"].values()))["tensor_meta"]["strides"][0]["as_int"] = 1
    return json.dumps(config).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda name, old: None if name == f"extra/{pt2.HEADER}" else old,
        lambda name, old: None if name.endswith("weights_config.json") else old,
        lambda name, old: None if name == "data/weights/weight_0" else old,
        lambda name, old: old[:-4] if name == "data/weights/weight_0" else old,
        lambda name, old: old.replace(b'"use_pickle": false', b'"use_pickle": true'),
        lambda name, old: b"[]" if name.endswith("weights_config.json") else old,
        lambda name, old: b"null" if name == f"extra/{pt2.HEADER}" else old,
        lambda name, old: b"{" if name == f"extra/{pt2.HEADER}" else old,
        otherwise,
    ],
    ids=[
        "no header", "no weights", "one missing", "one short", "pickled", "no mapping", "null", "no JSON", "turned"
    ],
)  # fmt: skip
def test_an_archive_that_vad_export_did_not_write_is_refused_in_one_line(folder, tmp_path, change):
    path = rewritten(folder, tmp_path / "b.pt2", change)
    with pytest.raises(CheckpointError, match=r"b\.pt2: not (a checkpoint of vad|written by vad)") as caught:
        load_checkpoint(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_compressed_or_cut_off_archive_is_refused(folder, tmp_path):
    packed = rewritten(folder, tmp_path / "b.pt2", lambda name, old: old, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="compressed, which torch"):
        load_checkpoint(packed)
    (tmp_path / "c.pt2").write_bytes((folder / "a.pt2").read_bytes()[:-500])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(tmp_path / "c.pt2")


def test_an_export_that_differs_from_torch_is_not_kept(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "LARGEST_FRAME_GAP", -1.0)
    with pytest.raises(CheckpointError, match="not written: the exported model differs from torch by"):
        export_stage(folder / "a.safetensors", tmp_path / "b.pt2", None)
    assert not list(tmp_path.iterdir())


def test_it_is_compared_on_a_made_up_scene_and_on_footage_that_is_given(folder, tmp_path, make_video, monkeypatch):
    compared = []
    original = pt2.require_agreement
    monkeypatch.setattr(pt2, "require_agreement", lambda *given: compared.append(given[3]) or original(*given))
    export_stage(folder / "a.safetensors", tmp_path / "b.pt2", None, check=str(make_video(frames=12)))
    made_up, footage = compared[0]
    assert made_up.shape == footage.shape == (6, 5, 16, 24, 3)
    assert float(made_up.float().std()) > 5 and torch.equal(footage[0, 1:], footage[1, :-1])
    with pytest.raises(FootageError, match="3 frames; a window needs 5"):
        export_stage(folder / "a.safetensors", tmp_path / "b.pt2", None, check=str(make_video("c.mp4", frames=3)))


@pytest.mark.parametrize(("name", "form"), [("a.mp4", None), ("a.onnx", "pt2"), ("a.pt2", "onnx")])
def test_a_name_that_does_not_say_or_fit_the_format_is_refused(folder, tmp_path, name, form):
    with pytest.raises(InputError, match=r"--out .*: .*name that ends in"):
        export_stage(folder / "a.safetensors", tmp_path / name, None, form)
