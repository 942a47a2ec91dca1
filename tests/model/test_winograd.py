"""Winograd's products against the convolution that they stand for, and where they are taken."""

import pytest
import torch
from torch import nn

from vadcli.model.literal import literal_forward
from vadcli.model.network import Network
from vadcli.model.runtime import for_inference
from vadcli.model.winograd import WinogradConvolution, pays
from vadcli.settings import ModelSettings

CPU = torch.device("cpu")


def convolution(inputs=3, outputs=5, padding_mode="zeros", dtype=torch.float64):
    torch.manual_seed(1)
    made = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode=padding_mode, dtype=dtype).requires_grad_(False)
    return made.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("padding_mode", ["zeros", "replicate"])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 12), (20, 8), (256, 32), (4, 1100)])
def test_it_is_the_convolution(padding_mode, height, width):
    plain = convolution(padding_mode=padding_mode)
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    torch.testing.assert_close(WinogradConvolution(plain)(x), plain(x), rtol=1e-11, atol=1e-11)


def test_in_float32_its_error_stays_far_below_what_a_score_shows():
    plain = convolution(128, 128, dtype=torch.float32)
    x = torch.randn(1, 128, 32, 32)
    exact = convolution(128, 128).double()
    exact.load_state_dict({name: value.double() for name, value in plain.state_dict().items()})
    torch.testing.assert_close(WinogradConvolution(plain)(x).double(), exact(x.double()), rtol=0, atol=6e-5)


def test_a_picture_gives_the_same_bits_in_any_batch():
    ours = WinogradConvolution(convolution(64, 128, dtype=torch.float32))
    x = torch.randn(3, 64, 64, 64)
    assert torch.equal(ours(x)[1:2], ours(x[1:2]))


def test_the_kernel_is_taken_at_once_and_the_input_is_left_alone():
    plain = convolution()
    ours, x = WinogradConvolution(plain), torch.randn(1, 3, 8, 8, dtype=torch.float64)
    before, given = ours(x), x.clone()
    plain.weight.zero_()
    assert torch.equal(ours(x), before) and torch.equal(x, given)
    assert not any(name.endswith("weight") for name, _ in ours.named_parameters())


@pytest.mark.parametrize(
    "other",
    [nn.Conv2d(3, 5, 5, padding=2), nn.Conv2d(3, 5, 3), nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.Conv2d(3, 5, 1)],
)
def test_other_convolutions_are_refused(other):
    with pytest.raises(ValueError, match="padding of one and a bias"):
        WinogradConvolution(other)


@pytest.mark.parametrize(
    ("inputs", "outputs", "height", "width", "expected"),
    [(128, 128, 128, 128, True), (64, 64, 256, 256, False), (128, 128, 16, 16, False), (256, 256, 66, 64, False)],
)
def test_it_pays_for_large_pictures_of_many_channels_in_whole_tiles(inputs, outputs, height, width, expected):
    with torch.device("meta"):
        assert pays(nn.Conv2d(inputs, outputs, 3, padding=1), height, width) is expected


def replaced(network):
    return {name for name, module in network.named_modules() if isinstance(module, WinogradConvolution)}


@pytest.mark.parametrize("padding", ["zeros", "edge"])
def test_a_large_network_made_ready_agrees_with_the_literal_equations(padding):
    torch.manual_seed(0)
    settings = ModelSettings(size=128, channels=1, width=64, padding=padding)
    network = Network(settings)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    ready = for_inference(network, CPU, torch.float32)
    assert {"encoder.1.2", "decoder.0.0", "decoder.1.2", "decoder.2.0", "head.0"} <= replaced(ready)
    inputs = torch.rand(1, 4, 128, 128) * 2 - 1
    with torch.inference_mode():
        got, expected = ready(inputs), literal_forward(weights, settings, inputs)
    torch.testing.assert_close(got.frame, expected.frame, rtol=0, atol=1e-5)
    torch.testing.assert_close(got.feature_error, expected.feature_error, rtol=1e-3, atol=1e-5)


def test_what_is_yet_to_be_adapted_stays_as_it_is():
    network = Network(ModelSettings(size=128, channels=1, width=64))
    names = network.adapted_names("head")
    ready = for_inference(network, CPU, torch.float32, exact=names)
    assert set(names) <= {name for name, _ in ready.named_parameters()}
    assert replaced(ready) and not any(name.startswith("head.") for name in replaced(ready))


@pytest.mark.parametrize(("width", "precision"), [(16, torch.float32), (64, torch.bfloat16)])
def test_small_networks_and_bfloat16_keep_their_convolutions(width, precision):
    network = Network(ModelSettings(size=128, channels=1, width=width))
    assert not replaced(for_inference(network, CPU, precision))
