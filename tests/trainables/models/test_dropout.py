"""Dropout with masks that are drawn ahead: what it drops, and that nothing but the seed decides."""

from __future__ import annotations

import copy

import pytest
import torch

from trainables.models.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_each_value_is_dropped_or_scaled(p):
    torch.manual_seed(0)
    layer = Dropout(p)
    x = torch.full((1000, 100), 3.0)
    found = layer(x)
    kept = found != 0
    torch.testing.assert_close(found[kept], torch.full_like(found[kept], 3 / (1 - p)))
    # 100,000 draws: five standard errors are at most 5 * 0.5 / 316
    assert kept.double().mean().item() == pytest.approx(1 - p, abs=0.008)
    assert kept.double().mean(0).std() < 3 * (p * (1 - p) / 1000) ** 0.5  # in every column
    neighbours = (kept[:, 1:] & kept[:, :-1]).double().mean().item()
    assert neighbours == pytest.approx((1 - p) ** 2, abs=0.008)


def test_masks_differ_from_call_to_call_also_where_they_are_drawn_anew():
    torch.manual_seed(0)
    layer = Dropout(0.5)
    x = torch.ones(32, 100)
    found = torch.stack([layer(x) for _ in range(50)]).bool()  # 20 of them to a draw
    same = (found[1:] == found[:-1]).double().mean((1, 2))
    assert same.min() > 0.4
    assert same.max() < 0.6
    assert layer(torch.ones(300, 400)).shape == (300, 400)  # more than are drawn ahead


def test_the_gradient_has_the_mask():
    torch.manual_seed(0)
    x = torch.ones(4, 5, requires_grad=True)
    found = Dropout(0.5)(x)
    found.sum().backward()
    torch.testing.assert_close(x.grad, found.detach())


def test_at_rest_and_without_p_nothing_changes():
    x = torch.randn(4, 5)
    assert Dropout(0.5).eval()(x) is x
    torch.testing.assert_close(Dropout(0.0)(x), x)


def test_an_epoch_depends_on_the_state_of_the_generator_alone():
    layer, x = Dropout(0.5), torch.ones(8, 8)
    layer(x)  # masks are left over
    for other in (layer, Dropout(0.5), copy.deepcopy(layer)):
        other.train()
        torch.manual_seed(3)
        found = other(x)
        layer.train()
        torch.manual_seed(3)
        assert torch.equal(layer(x), found)
    layer(x)
    assert "_ahead" not in copy.deepcopy(layer).__dict__


def test_a_layer_that_is_called_with_several_shapes():
    """The last batch of an epoch is smaller."""
    torch.manual_seed(0)
    layer = Dropout(0.5)
    for shape in ((6, 4), (2, 4), (6, 4), (0, 4), (3, 2, 2)):
        found = layer(torch.ones(shape))
        assert found.shape == shape
        assert set(found.unique().tolist()) <= {0.0, 2.0}


def test_half_precision_stays_half():
    assert Dropout(0.5)(torch.ones(4, dtype=torch.bfloat16)).dtype == torch.bfloat16
