"""Products between M prototypes and N positions whose gradients lie in memory as what they are gradients of.

Autograd's own gradient of x in `prototypes @ x.mT` comes out as (B, C, N), and adding it to one of (B, N, C) costs more
than the product. The three functions here are closed under differentiation: the gradients of each are the others, so
that this holds for gradients of any order.

A product of a few vectors with tens of thousands of places is one call that a CPU's library gives to one thread. Where
there is one window, its places are cut into tiles, so that all threads take part; several windows the library shares
out by itself.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

Product = Callable[[Tensor, Tensor], Tensor]
Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]

TILE = 4096


def compare(vectors: Tensor, places: Tensor) -> Tensor:
    """Inner products of M vectors with every place: (B, M, C) and (B, N, C) to (B, M, N)."""
    return _product(_compare, lambda g, p, x: gather(g, x), lambda g, p, x: spread(g, p), vectors, places)


def gather(maps: Tensor, places: Tensor) -> Tensor:
    """Sums of places, weighed by M maps: (B, M, N) and (B, N, C) to (B, M, C)."""
    return _product(_gather, lambda g, w, x: compare(g, x), lambda g, w, x: spread(w, g), maps, places)


def spread(maps: Tensor, vectors: Tensor) -> Tensor:
    """Sums of M vectors at every place, weighed by maps: (B, M, N) and (B, M, C) to (B, N, C)."""
    return _product(lambda w, p: w.mT @ p, lambda g, w, p: compare(p, g), lambda g, w, p: gather(w, g), maps, vectors)


def add_spread(places: Tensor, maps: Tensor, vectors: Tensor) -> Tensor:
    """`places` plus `spread(maps, vectors)`; written over `places` where no gradient will be asked for: (B, N, C)."""
    return places + spread(maps, vectors) if torch.is_grad_enabled() else places.baddbmm_(maps.mT, vectors)


def _compare(vectors: Tensor, places: Tensor) -> Tensor:
    if not _worth_tiles(places):
        return vectors @ places.mT
    tiles: Tensor = places.unflatten(1, (-1, TILE))  # (1, tiles, TILE, C)
    return (vectors.unsqueeze(1) @ tiles.mT).transpose(1, 2).flatten(2)


def _gather(maps: Tensor, places: Tensor) -> Tensor:
    if not _worth_tiles(places):
        return maps @ places
    shares = maps.unflatten(2, (-1, TILE)).transpose(1, 2)  # (1, tiles, M, TILE)
    total: Tensor = (shares @ places.unflatten(1, (-1, TILE))).sum(1)
    return total


def _worth_tiles(places: Tensor) -> bool:
    """Whether these are places of one window on a CPU, and several tiles of them."""
    count = places.shape[1]
    return places.shape[0] == 1 and not places.is_cuda and count > TILE and count % TILE == 0


class _Product(Function):
    @staticmethod
    def forward(
        context: Any, product: Product, by_first: Gradient, by_second: Gradient, first: Tensor, second: Tensor
    ) -> Tensor:
        context.save_for_backward(first, second)
        context.by_first, context.by_second = by_first, by_second
        return product(first, second)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        first, second = context.saved_tensors
        *_, first_wanted, second_wanted = context.needs_input_grad
        (gradient,) = gradients
        return (
            None,
            None,
            None,
            context.by_first(gradient, first, second) if first_wanted else None,
            context.by_second(gradient, first, second) if second_wanted else None,
        )


def _product(product: Product, by_first: Gradient, by_second: Gradient, first: Tensor, second: Tensor) -> Tensor:
    """A product and how it is differentiated; bare where no gradient will be asked for, which exporters can read."""
    if not torch.is_grad_enabled():
        return product(first, second)
    value: Tensor = _Product.apply(product, by_first, by_second, first, second)  # type: ignore[no-untyped-call]
    return value
