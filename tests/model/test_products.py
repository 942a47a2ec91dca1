"""The products of the prototype unit and their gradients."""

import pytest
import torch

from vadcli.model import products
from vadcli.model.products import add_spread, compare, gather, spread

MAPS, PLACES, VECTORS = (2, 3, 7), (2, 7, 4), (2, 3, 4)
CASES = {
    "compare": (compare, VECTORS, PLACES, "bmc,bnc->bmn"),
    "gather": (gather, MAPS, PLACES, "bmn,bnc->bmc"),
    "spread": (spread, MAPS, VECTORS, "bmn,bmc->bnc"),
}


@pytest.mark.parametrize("name", CASES)
def test_products_are_the_sums_they_say_and_their_gradients_agree_with_finite_differences(name):
    product, first, second, sums = CASES[name]
    torch.manual_seed(0)
    a, b = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in (first, second))
    expected = torch.einsum(sums, a, b)
    torch.testing.assert_close(product(a, b), expected)
    with torch.no_grad():
        torch.testing.assert_close(product(a, b), expected)
    assert torch.autograd.gradcheck(product, (a, b))
    assert torch.autograd.gradgradcheck(product, (a, b))


@pytest.mark.parametrize(
    "product, first, sums", [(compare, (1, 3, 4), "bmc,bnc->bmn"), (gather, (1, 3, 21), "bmn,bnc->bmc")]
)
def test_one_window_in_tiles_gives_the_same(monkeypatch, product, first, sums):
    monkeypatch.setattr(products, "TILE", 7)
    torch.manual_seed(0)
    a = torch.randn(first, dtype=torch.float64, requires_grad=True)
    b = torch.randn(1, 21, 4, dtype=torch.float64, requires_grad=True)
    assert products._worth_tiles(b)
    torch.testing.assert_close(product(a, b), torch.einsum(sums, a, b))
    assert torch.autograd.gradgradcheck(product, (a, b))
    (gradient,) = torch.autograd.grad(product(a, b).square().sum(), b)
    assert gradient.is_contiguous()


def test_gradients_of_positions_lie_in_memory_like_positions():
    places = torch.randn(PLACES, requires_grad=True)
    for product, other in ((compare, torch.randn(VECTORS)), (gather, torch.randn(MAPS))):
        (gradient,) = torch.autograd.grad(product(other, places).square().sum(), places)
        assert gradient.is_contiguous()


def test_adding_what_is_spread_is_the_sum_and_costs_no_second_tensor_without_gradients():
    torch.manual_seed(0)
    places, maps, vectors = (torch.randn(shape, dtype=torch.float64) for shape in (PLACES, MAPS, VECTORS))
    expected = places + spread(maps, vectors)
    torch.testing.assert_close(add_spread(places, maps, vectors), expected)
    with torch.no_grad():
        written = add_spread(places, maps, vectors)
    torch.testing.assert_close(written, expected)
    assert written.data_ptr() == places.data_ptr()
