"""A tiny model for tests of scoring: untrained."""

from pathlib import Path

import torch

from vadcli.model.checkpoint import Checkpoint, save_checkpoint
from vadcli.model.network import Network
from vadcli.settings import ModelSettings, Settings


def tiny_model(path: Path, unit: str = "prototypes", seed: int = 0) -> Path:
    """Writes a meta-trained checkpoint of a network of 32×32 and width 2."""
    torch.manual_seed(seed)
    settings = Settings(model=ModelSettings(size=(32, 32), channels=1, width=2, num_prototypes=3, unit=unit))
    network = Network(settings.model)
    save_checkpoint(path, Checkpoint("metatrain", settings, dict(network.state_dict())))
    return path
