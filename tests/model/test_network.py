"""The network, its unit and the rivals of that against the literal equations, in float64."""

import itertools

import pytest
import torch
from torch.nn.functional import normalize

from tests.model.literal import (
    literal_diversity,
    literal_forward,
    literal_items,
    literal_items_update,
    literal_loss,
    literal_unit,
)
from vadcli.model.arithmetic import VARIANTS
from vadcli.model.losses import effective_prototypes, losses
from vadcli.model.network import Network, count_parameters
from vadcli.model.prototypes import PrototypeUnit, diversity
from vadcli.model.rivals import ItemsUnit, shrink
from vadcli.settings import ModelSettings

VARIANT_NAMES = sorted(VARIANTS)
PADDINGS = ("zeros", "edge")


def make(variant="sharp", **changes):
    torch.manual_seed(5)
    settings = ModelSettings(**{"size": (16, 24), "width": 4, "num_prototypes": 3, "variant": variant, **changes})
    return (
        Network(settings).double(),
        settings,
        torch.rand(2, settings.channels * settings.input_frames, 16, 24, dtype=torch.float64) * 2 - 1,
    )


def make_rival(unit, **changes):
    network, settings, inputs = make(unit=unit, **changes)
    if unit == "items":
        network.unit.items.copy_(normalize(network.unit.items, dim=1))  # they start as unit vectors in float32
    return network.eval(), settings, inputs


def assert_gradients_are_literal(network, settings, inputs, margin):
    target = torch.rand(2, 3, 16, 24, dtype=torch.float64) * 2 - 1
    ours = losses(network(inputs), target, margin).total(0.7, 0.2)
    leaves = {name: value.detach().clone().requires_grad_() for name, value in network.named_parameters()}
    theirs = literal_loss(network.state_dict() | leaves, settings, inputs, target, (0.7, 0.2, margin))
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-9)
    ours.backward()
    for name, gradient in zip(leaves, torch.autograd.grad(theirs, list(leaves.values())), strict=True):
        torch.testing.assert_close(network.get_parameter(name).grad, gradient, rtol=1e-6, atol=1e-9, msg=name)


def test_the_papers_network_has_its_number_of_parameters():
    with torch.device("meta"):
        network = Network(ModelSettings())
    parts = {name: count_parameters(module) for name, module in network.named_children()}
    assert parts == {"encoder": 4_690_560, "decoder": 8_480_960, "unit": 1_280, "head": 112_451}
    assert count_parameters(network) == 13_285_251
    assert sum(network.get_parameter(name).numel() for name in network.adapted_names("head")) == 113_731


@pytest.mark.parametrize("variant", VARIANT_NAMES)
@pytest.mark.parametrize("level", [1, 2, 4, 8])
@pytest.mark.parametrize("padding", PADDINGS)
def test_every_level_variant_and_padding_agrees_with_the_literal_equations(variant, level, padding):
    network, settings, inputs = make(variant, unit_level=level, padding=padding)
    got, expected = network(inputs), literal_forward(network.state_dict(), settings, inputs)
    torch.testing.assert_close(got.frame, expected.frame, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(got.unit.prototypes, expected.prototypes, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(got.feature_error, expected.feature_error, rtol=1e-8, atol=1e-9)
    for scope in ("head", "decoder"):
        torch.testing.assert_close(network.finish(network.begin(inputs, scope), scope).frame, got.frame)
    network.unit = None
    without = literal_forward(network.state_dict(), settings.model_copy(update={"unit": "none"}), inputs)
    torch.testing.assert_close(network(inputs).frame, without.frame, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("variant", VARIANT_NAMES)
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("margin", [0.0, 0.3, 4.0])
def test_diversity_agrees_with_the_literal_sum(variant, count, margin):
    torch.manual_seed(1)
    prototypes = torch.nn.functional.normalize(torch.randn(3, count, 6, dtype=torch.float64), dim=-1)
    got = diversity(prototypes, VARIANTS[variant], margin)
    expected = literal_diversity(prototypes, variant, margin)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    if margin == 0 and count > 1:
        assert got.abs().max() == 0  # the hinge is off


@pytest.mark.parametrize("variant", VARIANT_NAMES)
@pytest.mark.parametrize("padding", PADDINGS)
def test_gradients_of_the_whole_loss_agree_with_the_literal_ones(variant, padding):
    assert_gradients_are_literal(*make(variant, padding=padding), margin=1.0)
    for unit, count in itertools.product(RIVALS, (1, 2, 5)):
        assert_gradients_are_literal(*make_rival(unit, num_prototypes=count), margin=0.4)


def test_the_units_distances_survive_bfloat16_around_them():
    torch.manual_seed(0)
    unit = PrototypeUnit(32, 5, VARIANTS["sharp"])
    encoding = (torch.randn(1, 32, 16, 16) * 0.05 + torch.randn(1, 32, 1, 1)).to(torch.bfloat16)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        got = unit(encoding).distance
    exact = literal_unit(encoding.double(), unit.attention.weight.detach().double(), "sharp")[2]
    assert got.dtype == torch.float32
    assert float(((got - exact).abs() / exact).max()) < 2e-3  # in bfloat16 nothing would be left of them


@pytest.mark.parametrize("variant", VARIANT_NAMES)
@pytest.mark.parametrize("fill", [None, 0.0], ids=["any", "zero"])
def test_without_gradients_the_unit_gives_the_same_and_leaves_its_input_alone(variant, fill):
    torch.manual_seed(0)
    unit = PrototypeUnit(6, 4, VARIANTS[variant]).double()
    encoding = torch.randn(2, 6, 4, 5, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    encoding = encoding if fill is None else torch.full_like(encoding, fill)
    before = encoding.clone()
    with torch.no_grad():
        got = unit(encoding)
    recorded = unit(encoding)
    expected, prototypes, distance = literal_unit(encoding, unit.attention.weight.detach(), variant)
    for ours in (got, recorded):
        torch.testing.assert_close(ours.encoding, expected)
        torch.testing.assert_close(ours.prototypes, prototypes)
        torch.testing.assert_close(ours.distance, distance)
    assert torch.equal(encoding, before)


def test_effective_prototypes_counts_directions():
    same = torch.ones(1, 5, 8)
    different = torch.eye(5, 8)[None]
    assert float(effective_prototypes(same)) == pytest.approx(1, abs=1e-6)
    assert float(effective_prototypes(different)) == pytest.approx(5, abs=1e-6)


def test_a_small_update_survives_bfloat16_convolutions():
    from vadcli.model.runtime import for_inference

    torch.manual_seed(0)
    settings = ModelSettings(size=(16, 24), width=4, channels=1)
    weights = Network(settings).state_dict()
    inputs = torch.rand(1, 4, 16, 24) * 2 - 1
    outputs = {}
    for step in (0.0, 1e-4):
        for exact in ((), Network(settings).adapted_names("head")):
            network = Network(settings)
            network.load_state_dict(weights | {"head.2.weight": weights["head.2.weight"] * (1 + step)})
            ready = for_inference(network, torch.device("cpu"), torch.bfloat16, exact=exact)
            assert ready.unit.attention.weight.dtype == torch.float32
            with torch.inference_mode():
                outputs[step, bool(exact)] = ready(inputs).frame
    assert torch.equal(outputs[0.0, False], outputs[1e-4, False])  # rounding drowns it
    assert not torch.equal(outputs[0.0, True], outputs[1e-4, True])


RIVALS = ["memory", "items"]


@pytest.mark.parametrize("unit", RIVALS)
@pytest.mark.parametrize("level", [1, 2, 4, 8])
@pytest.mark.parametrize("count", [1, 3])
def test_every_level_agrees_with_the_literal_equations(unit, level, count):
    network, settings, inputs = make_rival(unit, unit_level=level, num_prototypes=count)
    got, expected = network(inputs), literal_forward(network.state_dict(), settings, inputs)
    torch.testing.assert_close(got.frame, expected.frame, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(got.unit.prototypes, expected.prototypes, rtol=0, atol=0)
    torch.testing.assert_close(got.feature_error, expected.feature_error, rtol=1e-8, atol=1e-9)
    if unit == "memory":
        torch.testing.assert_close(got.unit.attention, expected.addresses.mT, rtol=1e-8, atol=1e-9)


def test_the_items_of_a_memory_adapt_and_those_that_are_updated_do_not():
    assert "unit.items" in make_rival("memory")[0].adapted_names("head")
    network = make_rival("items")[0]
    assert "unit.items" not in network.adapted_names("head") and "unit.items" in network.state_dict()


def test_shrinkage_drops_small_weights_and_lets_the_rest_sum_to_one():
    weights = torch.tensor([0.5, 0.26, 0.2, 0.04], dtype=torch.float64)[None, :, None]  # of 4 items: λ = 0.25
    assert shrink(weights).flatten().tolist() == pytest.approx([0.5 / 0.76, 0.26 / 0.76, 0, 0], rel=1e-9)
    assert shrink(torch.ones(1, 1, 3)).flatten().tolist() == [1, 1, 1]  # a lone item is kept
    assert shrink(torch.full((1, 4, 1), 0.25)).abs().sum() == 0  # nothing is above an even share


def test_items_move_as_the_equations_say_and_only_in_training():
    torch.manual_seed(2)
    unit = ItemsUnit(5, 40).double()  # of which some are nearest to no query
    before, encoding = unit.items.clone(), torch.randn(2, 5, 3, 4, dtype=torch.float64)
    read = unit.eval()(encoding)
    assert torch.equal(unit.items, before)
    trained = unit.train()(encoding)
    assert torch.equal(trained.encoding, read.encoding)  # read first, moved afterwards
    queries = literal_items(encoding, before)[3]
    torch.testing.assert_close(unit.items, literal_items_update(queries, before), rtol=1e-9, atol=1e-11)
    assert not unit.items.requires_grad
