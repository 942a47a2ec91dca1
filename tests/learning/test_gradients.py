"""Outer gradients: the golden episode to 1e-9 in float64, finite differences, and the literal update."""

import h5py
import numpy as np
import pytest
import torch

from tests.golden import episode as g
from tests.model.literal import literal_loss, literal_update
from vadcli.learning.inner import Objective, adapt, predict
from vadcli.model.losses import losses
from vadcli.model.network import AdaptedPart, Network
from vadcli.model.prototypes import diversity
from vadcli.settings import ModelSettings

PUBLISHED = Objective(feature_weight=1.0, diversity_weight=0.01, margin=1.0)
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def golden():
    return g.load()


@pytest.mark.skipif(not g.whole().is_file(), reason=f"needs the whole episode: {g.whole()} (beside VAD_DATA)")
def test_the_shipped_episode_is_that_of_the_whole_one(tmp_path):
    g.ship(g.whole(), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as made, h5py.File(g.SHIPPED) as shipped:
        assert made.keys() == shipped.keys()
        assert all(np.array_equal(data, shipped[name]) for name, data in made.items())


def test_forward_before_adaptation_agrees(golden):
    part = g.part(golden)
    prediction = predict(part, g.theta(golden, "weight"), (golden["support_encoding"],))
    unit = prediction.unit
    assert (
        g.error(unit.attention @ unit_vectors(golden["support_encoding"]), golden["train_prototypes_unnormalised"])
        < TOLERANCE
    )
    assert g.error(unit.encoding, golden["train_updated_encoding"]) < TOLERANCE
    assert g.error(prediction.frame, golden["train_output"]) < TOLERANCE
    terms = losses(prediction, golden["support_target"], 1.0)
    assert g.error(terms.compactness, golden["train_compactness"]) < TOLERANCE
    assert g.error(terms.diversity, golden["train_diversity"]) < TOLERANCE
    assert (
        g.error(diversity(unit.prototypes, part.network.arithmetic, 1.0).mean(), golden["train_diversity"]) < TOLERANCE
    )


def test_feature_error_of_the_released_test_mode_agrees(golden):
    prediction = predict(g.part(golden), g.theta(golden, "weight"), (golden["support_encoding"],))
    assert g.error(prediction.feature_error.flatten(1), golden["test_compactness_per_element"].mean(2)) < TOLERANCE
    assert g.error(prediction.frame, golden["test_output"]) < TOLERANCE


def test_inner_and_outer_losses_and_second_order_gradients_agree(golden):
    part = g.part(golden)
    weights = {k: v.requires_grad_() for k, v in g.theta(golden, "weight").items()}
    steps = {k: v.requires_grad_() for k, v in g.theta(golden, "step_size").items()}
    support = ((golden["support_encoding"],), golden["support_target"])
    adapted, history = adapt(part, weights, steps, support, PUBLISHED, graph="second")
    assert history[0] == pytest.approx(float(golden["inner_loss"]), rel=TOLERANCE)
    outer, _ = PUBLISHED.terms(predict(part, adapted, (golden["query_encoding"],)), golden["query_target"])
    assert g.error(outer, golden["outer_loss"]) < TOLERANCE
    gradients = torch.autograd.grad(outer, [*weights.values(), *steps.values()])
    for name, gradient in zip(weights, gradients, strict=False):
        assert g.error(gradient, g.theta(golden, "grad_weight")[name]) < TOLERANCE, name
    for name, gradient in zip(steps, gradients[len(weights) :], strict=True):
        assert g.error(gradient, g.theta(golden, "grad_step_size")[name]) < TOLERANCE, name


def unit_vectors(encoding):
    return torch.nn.functional.normalize(encoding.flatten(2).mT, dim=-1)


OBJECTIVE = Objective(feature_weight=0.8, diversity_weight=0.3, margin=1.5)


def episode(kind, scope, level=1):
    torch.manual_seed(3)
    field = {"memory": "unit", "items": "unit", "edge": "padding"}.get(kind, "variant")
    settings = ModelSettings(size=(16, 16), width=3, num_prototypes=4, unit_level=level, **{field: kind})
    network = Network(settings).double().eval().requires_grad_(False)
    inputs = torch.rand(4, 12, 16, 16, dtype=torch.float64) * 2 - 1
    target = torch.rand(4, 3, 16, 16, dtype=torch.float64) * 2 - 1
    named = dict(network.named_parameters())
    theta = {name: named[name].clone().requires_grad_() for name in network.adapted_names(scope)}
    alpha = {name: (torch.rand_like(value) * 0.05).requires_grad_() for name, value in theta.items()}
    return AdaptedPart(network, scope), theta, alpha, inputs, target


def outer_loss(part, theta, alpha, inputs, target, steps=1, graph="second"):
    frozen = part.network.begin(inputs, part.scope)
    support = tuple(f[:2] for f in frozen), target[:2]
    adapted, _ = adapt(part, theta, alpha, support, OBJECTIVE, steps=steps, graph=graph)
    return OBJECTIVE.terms(predict(part, adapted, tuple(f[2:] for f in frozen)), target[2:])[0]


CASES = [
    ("sharp", "head", 1), ("official", "decoder", 1), ("paper", "head", 1), ("paper", "decoder", 2),
    ("sharp", "decoder", 8), ("official", "head", 4), ("memory", "head", 1), ("memory", "decoder", 2),
    ("items", "head", 1), ("items", "decoder", 1), ("edge", "head", 1), ("edge", "decoder", 4), ("edge", "network", 1),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "scope", "level"), CASES)
def test_outer_gradients_agree_with_the_literal_update(kind, scope, level):
    part, theta, alpha, inputs, target = episode(kind, scope, level)
    ours = torch.autograd.grad(outer_loss(part, theta, alpha, inputs, target), [*theta.values(), *alpha.values()])
    settings, names = part.network.settings, list(theta)
    weights = {**part.network.state_dict(), **theta}
    constants = (OBJECTIVE.feature_weight, OBJECTIVE.diversity_weight, OBJECTIVE.margin)
    updated = literal_update(weights, names, alpha, settings, inputs[:2], target[:2], constants)
    literal = literal_loss(updated, settings, inputs[2:], target[2:], constants)
    theirs = torch.autograd.grad(literal, [*theta.values(), *alpha.values()])
    for name, got, expected in zip([*names, *names], ours, theirs, strict=True):
        assert float((got - expected).norm()) <= 1e-6 * float(expected.norm()) + 1e-12, name


@pytest.mark.parametrize(("kind", "scope", "level"), CASES)
@pytest.mark.parametrize("steps", [1, 2])
def test_outer_gradients_agree_with_finite_differences(kind, scope, level, steps):
    part, theta, alpha, inputs, target = episode(kind, scope, level)
    gradients = torch.autograd.grad(
        outer_loss(part, theta, alpha, inputs, target, steps), [*theta.values(), *alpha.values()]
    )
    torch.manual_seed(11)
    directions = [torch.randn_like(value) for value in gradients]
    slope = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    ends = []
    size = 1e-6
    for sign in (size, -size):
        moved = [
            (v + sign * d).detach().requires_grad_()
            for v, d in zip([*theta.values(), *alpha.values()], directions, strict=True)
        ]
        t, a = dict(zip(theta, moved, strict=False)), dict(zip(alpha, moved[len(theta) :], strict=True))
        ends.append(float(outer_loss(part, t, a, inputs, target, steps).detach()))
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * size), rel=2e-4)


def test_zero_steps_and_zero_step_sizes_change_nothing():
    part, theta, alpha, inputs, target = episode("sharp", "head")
    frozen = part.network.begin(inputs, "head")
    for steps, scale in ((0, 1.0), (3, 0.0)):
        adapted, history = adapt(
            part, theta, {k: v.detach() * scale for k, v in alpha.items()}, (frozen, target), OBJECTIVE, steps=steps
        )
        assert len(history) == steps
        assert all(torch.equal(adapted[name], theta[name]) for name in theta)


def test_first_order_gradient_of_theta_ignores_curvature_and_that_of_alpha_does_not_need_it():
    part, theta, alpha, inputs, target = episode("sharp", "head")
    everything = [*theta.values(), *alpha.values()]
    first = torch.autograd.grad(outer_loss(part, theta, alpha, inputs, target, graph="first"), everything)
    second = torch.autograd.grad(outer_loss(part, theta, alpha, inputs, target), everything)
    half = len(theta)
    assert any(float((a - b).norm()) > 1e-4 * float(b.norm()) for a, b in zip(first[:half], second[:half], strict=True))
    for a, b in zip(first[half:], second[half:], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
