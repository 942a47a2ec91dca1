"""The stored memories beside the prototype unit: against their papers' equations, in float64, and what is theirs."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from tests.model.literal import literal_forward, literal_items, literal_items_update, literal_separateness
from tests.model.test_network import assert_gradients_are_literal
from vadcli.model.network import Network
from vadcli.model.rivals import ItemsUnit, MemoryUnit, shrink
from vadcli.settings import ModelSettings

RIVALS = ["memory", "items"]


def make(unit, **changes):
    torch.manual_seed(5)
    settings = ModelSettings(**{"size": (16, 24), "width": 4, "num_prototypes": 3, "unit": unit, **changes})
    inputs = torch.rand(2, settings.channels * settings.input_frames, 16, 24, dtype=torch.float64) * 2 - 1
    network = Network(settings).double().eval()
    if unit == "items":
        network.unit.items.copy_(normalize(network.unit.items, dim=1))  # they start as unit vectors in float32
    return network, settings, inputs


@pytest.mark.parametrize("unit", RIVALS)
@pytest.mark.parametrize("level", [1, 2, 4, 8])
@pytest.mark.parametrize("count", [1, 3])
def test_every_level_agrees_with_the_literal_equations(unit, level, count):
    network, settings, inputs = make(unit, unit_level=level, num_prototypes=count)
    got, expected = network(inputs), literal_forward(network.state_dict(), settings, inputs)
    torch.testing.assert_close(got.frame, expected.frame, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(got.unit.prototypes, expected.prototypes, rtol=0, atol=0)
    torch.testing.assert_close(got.feature_error, expected.feature_error, rtol=1e-8, atol=1e-9)
    if unit == "memory":
        torch.testing.assert_close(got.unit.attention, expected.addresses.mT, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("unit", RIVALS)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_gradients_of_the_whole_loss_agree_with_the_literal_ones(unit, count):
    assert_gradients_are_literal(*make(unit, num_prototypes=count), margin=0.4)


def test_the_items_of_a_memory_adapt_and_those_that_are_updated_do_not():
    assert "unit.items" in make("memory")[0].adapted_names("head")
    network = make("items")[0]
    assert "unit.items" not in network.adapted_names("head") and "unit.items" in network.state_dict()


@pytest.mark.parametrize("unit", RIVALS)
def test_a_rivals_distances_survive_bfloat16_around_them(unit):
    torch.manual_seed(0)
    memory = (MemoryUnit if unit == "memory" else ItemsUnit)(32, 5).eval()
    items = normalize(torch.randn(1, 32) + 0.1 * torch.randn(5, 32), dim=1)
    memory.load_state_dict({"items": items})
    encoding = (items.mean(0)[:, None, None] * 3 + 0.02 * torch.randn(1, 32, 16, 16)).to(torch.bfloat16)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        got = memory(encoding).distance
    exact = literal_items(encoding.double(), normalize(items.double(), dim=1))[2]
    assert got.dtype == torch.float32 and float(exact.max()) < 0.1
    assert float(((got - exact).abs() / exact).max()) < 2e-3


def test_shrinkage_drops_small_weights_and_lets_the_rest_sum_to_one():
    weights = torch.tensor([0.5, 0.26, 0.2, 0.04], dtype=torch.float64)[None, :, None]  # of 4 items: λ = 0.25
    assert shrink(weights).flatten().tolist() == pytest.approx([0.5 / 0.76, 0.26 / 0.76, 0, 0], rel=1e-9)
    assert shrink(torch.ones(1, 1, 3)).flatten().tolist() == [1, 1, 1]  # a lone item is kept
    assert shrink(torch.full((1, 4, 1), 0.25)).abs().sum() == 0  # nothing is above an even share


def test_second_derivatives_near_the_edge_of_shrinkage_are_not_rounding_errors():
    torch.manual_seed(0)
    above = 10 ** (-3 - 4.5 * torch.rand(20000))
    weights = torch.stack([0.25 + above, 0.2 + 0.01 * torch.rand(20000), above * 0 + 0.33, above * 0 + 0.2])[None]
    weights.requires_grad_()
    (first,) = torch.autograd.grad(shrink(weights).square().sum(), weights, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), weights)
    assert first.abs().max() < 1 and second.abs().max() < 10  # differentiated in full it is 500,000 in float32


def test_the_entropy_of_addresses_is_zero_for_one_item_and_log_m_for_all_alike():
    memory = MemoryUnit(4, 4).double()
    memory.load_state_dict({"items": torch.eye(4)})
    alone, _ = memory(torch.eye(4, dtype=torch.float64)[:1, :, None, None]).feature_terms(1.0)
    assert float(alone.detach()) == pytest.approx(0, abs=1e-9)
    two = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)[None, :, None, None]
    entropy, second = memory(two).feature_terms(1.0)
    assert float(entropy.detach()) == pytest.approx(math.log(2)) and float(second) == 0


def test_a_memory_gives_back_mixtures_of_its_items_alone():
    memory = MemoryUnit(6, 3).double()
    out = memory(torch.randn(2, 6, 4, 5, dtype=torch.float64))
    mixed = torch.einsum("bmn,mc->bcn", out.attention, memory.items)
    torch.testing.assert_close(out.encoding.flatten(2), mixed)


def test_items_move_as_the_equations_say_and_only_in_training():
    torch.manual_seed(2)
    unit = ItemsUnit(5, 4).double()
    before, encoding = unit.items.clone(), torch.randn(2, 5, 3, 4, dtype=torch.float64)
    read = unit.eval()(encoding)
    assert torch.equal(unit.items, before)
    trained = unit.train()(encoding)
    assert torch.equal(trained.encoding, read.encoding)  # read first, moved afterwards
    queries = literal_items(encoding, before)[3]
    torch.testing.assert_close(unit.items, literal_items_update(queries, before), rtol=1e-9, atol=1e-11)
    assert not unit.items.requires_grad


def test_an_update_brings_items_nearer_to_their_queries_and_leaves_those_without():
    unit = ItemsUnit(3, 3).double()
    unit.load_state_dict({"items": torch.eye(3)})
    encoding = torch.tensor([[3.0, 1.0, 0.0], [0.1, 0.7, 0.0]], dtype=torch.float64).T[None, :, :, None]  # none is z's
    distances = []
    for _ in range(3):
        distances.append(float(unit(encoding).distance.mean()))
    assert distances[2] < distances[1] < distances[0]
    assert torch.equal(unit.items[2], torch.eye(3, dtype=torch.float64)[2])
    torch.testing.assert_close(unit.items.norm(dim=1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("query", "margin", "expected"),
    [
        ([1.0, 0.0], 1.0, 0.0),  # distances 0 and 2: farther apart than the margin
        ([1.0, 1.0], 1.0, 1.0),  # halfway: short by all of it
        ([0.8, 0.6], 1.0, 0.6),
        ([0.8, 0.6], 0.3, 0.0),
    ],
)
def test_separateness_asks_for_a_margin_between_nearest_and_second_nearest_item(query, margin, expected):
    unit = ItemsUnit(2, 2).double().eval()
    unit.load_state_dict({"items": torch.eye(2)})
    encoding = torch.tensor(query, dtype=torch.float64)[None, :, None, None]
    compactness, separateness = unit(encoding).feature_terms(margin)
    assert float(separateness) == pytest.approx(expected, abs=1e-12)
    queries = normalize(encoding, dim=1).flatten(2).mT
    assert float(literal_separateness(queries, unit.items, margin)) == pytest.approx(expected, abs=1e-12)
    assert float(compactness) == pytest.approx(2 - 2 * float(queries.max()))
