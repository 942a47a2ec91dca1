"""Checkpoints: a round trip, lineage, strangers' files that must not run code or pass for ours, and the shipped one."""

import json
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from vadcli.errors import CheckpointError, InputError
from vadcli.model.checkpoint import PACKAGED_MODEL, Checkpoint, load_checkpoint, load_network, save_checkpoint
from vadcli.model.network import Network, count_parameters
from vadcli.presets import load_settings
from vadcli.settings import ModelSettings, Settings

SETTINGS = Settings(model=ModelSettings(size=(16, 16), width=2, channels=1, num_prototypes=3))


@pytest.fixture
def made(tmp_path):
    torch.manual_seed(0)
    weights = Network(SETTINGS.model).state_dict()
    checkpoint = Checkpoint(
        stage="pretrain", settings=SETTINGS, weights=weights, training={"steps": 3}, path=tmp_path / "a"
    )
    save_checkpoint(tmp_path / "a", checkpoint)
    return checkpoint


def test_a_checkpoint_comes_back_as_it_was_written(made):
    back = load_checkpoint(made.path, "pretrain")
    save_checkpoint(made.path.with_name("b"), back)
    assert made.path.with_name("b").read_bytes() == made.path.read_bytes()
    assert back.settings == SETTINGS and back.training == {"steps": 3}
    assert all(torch.equal(back.weights[name], value) for name, value in made.weights.items())
    inputs = torch.rand(1, 4, 16, 16)
    direct = Network(SETTINGS.model)
    direct.load_state_dict(dict(made.weights))
    assert torch.equal(
        load_network(back)(inputs).frame, direct.eval().to(memory_format=torch.channels_last)(inputs).frame
    )


def test_a_checkpoint_with_a_setting_that_was_dropped_since_is_read(made, tmp_path):
    header = header_of(made)
    header["settings"]["eval"]["merge_gap_seconds"] = 1.0
    save_file({f"network.{n}": v for n, v in made.weights.items()}, tmp_path / "x", {"vad": json.dumps(header)})
    assert load_checkpoint(tmp_path / "x").settings == SETTINGS


def test_an_adapter_changes_its_weights_and_needs_its_own_base(made, tmp_path):
    base = load_checkpoint(made.path)
    weights = {"head.4.bias": torch.full((1,), 0.5)}
    adapter = Checkpoint(
        stage="adapt", settings=SETTINGS, weights=weights, parents={"base": base.sha256}, path=tmp_path / "s"
    )
    save_checkpoint(tmp_path / "s", adapter)
    network = load_network(base, load_checkpoint(tmp_path / "s", "adapt"))
    assert float(network.head[4].bias.detach()) == 0.5
    save_checkpoint(tmp_path / "c", replace(base, training={"steps": 4}))
    with pytest.raises(CheckpointError, match="Use --model with the model it was made from"):
        load_network(load_checkpoint(tmp_path / "c"), load_checkpoint(tmp_path / "s", "adapt"))


def test_a_checkpoint_of_the_wrong_stage_and_a_missing_one_name_the_command_to_run(made, tmp_path):
    expected = r"made by `vad pretrain`; this needs one made by metatrain. Run `vad metatrain"
    with pytest.raises(CheckpointError, match=expected):
        load_checkpoint(made.path, "metatrain")
    with pytest.raises(InputError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "nothing")


DAMAGE = {
    "empty": lambda data: b"",
    "noise": lambda data: bytes(range(256)) * 20,
    "text": lambda data: b"hello",
    "truncated": lambda data: data[: len(data) // 2],
    "truncated header": lambda data: data[:100],
    "pickle": lambda data: pickle.dumps({"a": 1}),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_refused_in_one_line(made, kind):
    made.path.write_bytes(DAMAGE[kind](made.path.read_bytes()))
    with pytest.raises(CheckpointError, match="not a checkpoint of vad, or damaged") as caught:
        load_checkpoint(made.path)
    assert "\n" not in str(caught.value)


def header_of(made):
    return {"format": "vad-checkpoint", "version": 1, "stage": "pretrain", "settings": SETTINGS.model_dump(mode="json")}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"format": "other"}, "not written by vad"),
        ({"format": "vad-resume"}, "where a training goes on. Finish x first"),
        ({"version": 99}, "version 99; this vad reads version 1"),
        ({"stage": "cooking"}, "unknown stage"),
        ({"settings": {"model": {"width": -1}}}, "settings do not hold"),
        ({"settings": {"model": {"width": 4, "size": [16, 16], "channels": 1}}}, "its settings ask for"),
    ],
)
def test_a_strangers_header_is_refused(made, tmp_path, change, expected):
    tensors = {f"network.{name}": value for name, value in made.weights.items()}
    save_file(tensors, tmp_path / "x", metadata={"vad": json.dumps(header_of(made) | change)})
    with pytest.raises(CheckpointError, match=expected):
        load_checkpoint(tmp_path / "x")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            lambda steps: {**steps, "unit.other": torch.ones(2)},
            r"step size unit.other is 2, its settings ask for absent",
        ),
        (lambda steps: dict(list(steps.items())[1:]), r"step size \S+ is absent, its settings ask for"),
        (lambda steps: {**steps, "unit.attention.weight": torch.ones(1)}, r"unit.attention.weight is 1, its settings"),
        (lambda steps: {name: -value for name, value in steps.items()}, r"is negative, and would climb the loss"),
        (lambda steps: {name: value.double() for name, value in steps.items()}, r"is torch.float64; vad writes"),
    ],
)
def test_step_sizes_of_a_stranger_are_refused(made, tmp_path, changed, expected):
    names = Network(SETTINGS.model).adapted_names(SETTINGS.metatrain.scope)
    steps = {name: torch.full_like(made.weights[name], 0.1) for name in names}
    save_checkpoint(tmp_path / "m", replace(made, stage="metatrain", step_sizes=steps))
    assert load_checkpoint(tmp_path / "m").step_sizes.keys() == steps.keys()
    save_checkpoint(tmp_path / "m", replace(made, stage="metatrain", step_sizes=changed(steps)))
    with pytest.raises(CheckpointError, match=expected):
        load_checkpoint(tmp_path / "m")


def test_weights_that_are_not_finite_or_in_another_number_format_are_refused(made, tmp_path):
    odd = [{**made.weights, "head.4.bias": torch.tensor([float("nan")])}]
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn):
        odd.append({name: value.to(dtype) for name, value in made.weights.items()})
    for weights in odd:
        save_checkpoint(tmp_path / "b", replace(made, weights=weights))
        with pytest.raises(CheckpointError, match=r"is torch\.b?float\S+; vad writes|head.4.bias .* not finite"):
            load_checkpoint(tmp_path / "b")


def test_it_is_small_and_meta_trained():
    model = load_checkpoint(PACKAGED_MODEL, "metatrain")
    assert PACKAGED_MODEL.stat().st_size <= 5_000_000
    assert count_parameters(load_network(model)) <= 1_000_000
    assert set(model.step_sizes) == set(load_network(model).adapted_names("head"))


def test_it_is_made_by_the_edge_preset_and_its_prototypes_are_different_ones():
    model, edge = load_checkpoint(PACKAGED_MODEL), load_settings("edge")
    sections = ("model", "pretrain", "metatrain")
    assert [getattr(model.settings, name) for name in sections] == [getattr(edge, name) for name in sections]
    assert model.training["figures"]["prototypes"] > 2
