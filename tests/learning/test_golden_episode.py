"""One episode of the released arithmetic, inner and outer step, to 1e-9 in float64."""

import h5py
import numpy as np
import pytest
import torch

from tests.golden import episode as g
from vadcli.learning.inner import Objective, adapt, predict
from vadcli.model.losses import losses
from vadcli.model.prototypes import diversity

OBJECTIVE = Objective(feature_weight=1.0, diversity_weight=0.01, margin=1.0)
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


def test_first_order_misses_the_golden_gradient(golden):
    part, weights = g.part(golden), g.theta(golden, "weight")
    support = ((golden["support_encoding"],), golden["support_target"])
    adapted, _ = adapt(part, weights, g.theta(golden, "step_size"), support, OBJECTIVE)
    adapted = {name: value.requires_grad_() for name, value in adapted.items()}
    outer, _ = OBJECTIVE.terms(predict(part, adapted, (golden["query_encoding"],)), golden["query_target"])
    gradients = torch.autograd.grad(outer, list(adapted.values()))
    expected = g.theta(golden, "grad_weight")
    assert max(g.error(got, expected[name]) for name, got in zip(adapted, gradients, strict=True)) > 1e-4


def test_inner_and_outer_losses_and_second_order_gradients_agree(golden):
    part = g.part(golden)
    weights = {k: v.requires_grad_() for k, v in g.theta(golden, "weight").items()}
    steps = {k: v.requires_grad_() for k, v in g.theta(golden, "step_size").items()}
    support = ((golden["support_encoding"],), golden["support_target"])
    adapted, history = adapt(part, weights, steps, support, OBJECTIVE, graph="second")
    assert history[0] == pytest.approx(float(golden["inner_loss"]), rel=TOLERANCE)
    outer, _ = OBJECTIVE.terms(predict(part, adapted, (golden["query_encoding"],)), golden["query_target"])
    assert g.error(outer, golden["outer_loss"]) < TOLERANCE
    gradients = torch.autograd.grad(outer, [*weights.values(), *steps.values()])
    for name, gradient in zip(weights, gradients, strict=False):
        assert g.error(gradient, g.theta(golden, "grad_weight")[name]) < TOLERANCE, name
    for name, gradient in zip(steps, gradients[len(weights) :], strict=True):
        assert g.error(gradient, g.theta(golden, "grad_step_size")[name]) < TOLERANCE, name


def unit_vectors(encoding):
    return torch.nn.functional.normalize(encoding.flatten(2).mT, dim=-1)
