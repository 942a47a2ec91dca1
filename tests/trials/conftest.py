"""A small labelled cache and models with random weights."""

import pytest
import torch

from tests.evaluation.caches import write_cache
from tests.trials.labelled import QUICK, SMALL, TRUTH, labels_of
from vadcli.model.checkpoint import Checkpoint, save_checkpoint
from vadcli.model.network import Network


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A meta-trained and a plain checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    network = Network(SMALL)
    weights = network.state_dict()
    steps = {name: torch.full_like(weights[name], 1e-2) for name in network.adapted_names("head")}
    save_checkpoint(folder / "meta.safetensors", Checkpoint("metatrain", QUICK, weights, steps))
    save_checkpoint(folder / "plain.safetensors", Checkpoint("pretrain", QUICK, weights))
    bare = QUICK.model_copy(update={"model": SMALL.model_copy(update={"unit": "none"})})
    save_checkpoint(folder / "bare.safetensors", Checkpoint("pretrain", bare, Network(bare.model).state_dict()))
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    path = tmp_path_factory.mktemp("cache") / "park.h5"
    shifted = {**TRUTH, "01": labels_of(40, (20, 39))}
    write_cache(path, TRUTH, train=2, masks=True, variants={"shifted": shifted})
    return path
