import numpy as np
import torch

from vadcli.learning import tuning
from vadcli.learning.tuning import tune
from vadcli.model.network import Network
from vadcli.progress import Silent
from vadcli.settings import AdaptSettings, ModelSettings, PretrainSettings


def test_the_weights_of_the_best_check_are_kept_and_not_the_last(monkeypatch):
    errors, checked = iter([1.0, 0.5, 0.7, 0.8, 0.9]), []

    def error(network, *arguments):
        checked.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(errors)

    monkeypatch.setattr(tuning, "_error", error)
    torch.manual_seed(0)
    network = Network(ModelSettings(size=(16, 16), channels=1, width=2, num_prototypes=2))
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (60, 16, 16, 1), np.uint8))

    def read(numbers):
        return torch.stack([images[first : first + 5] for first in numbers])

    how = AdaptSettings(steps=150, tuning_rate=1e-3, batch_size=2)
    found = tune(network, range(50), read, how, PretrainSettings(), torch.device("cpu"), torch.float32, Silent())
    assert (found.steps, found.errors, len(checked)) == (25, (1.0, 0.5), 5)
    assert all(torch.equal(value, checked[1][name]) for name, value in found.weights.items())
    assert not all(torch.equal(value, checked[-1][name]) for name, value in found.weights.items())
