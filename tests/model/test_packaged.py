"""The model in the package is what its card says."""

from vadcli.model.checkpoint import PACKAGED_MODEL, load_checkpoint, load_network
from vadcli.model.network import count_parameters
from vadcli.presets import load_settings


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
