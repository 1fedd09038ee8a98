"""The MLP's initial weights: normal, variance gain² / inputs, biases 0 (He et al. 2015)."""

import math

import pytest
import torch
from torch import nn

from trainables.models import build_mlp

INPUTS, UNITS, CLASSES = 400, 300, 100


def linears(seed=0, **config):
    torch.manual_seed(seed)
    config = {"hidden_layers": 2, "units_1": UNITS, "units_2": UNITS, **config}
    model = build_mlp(config, (20, 20), CLASSES)
    return [layer for layer in model if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize(
    ("activation", "gain_squared"),
    [
        ("relu", 2),
        ("leaky_relu", 2),
        ("elu", 2),
        ("gelu", 2),
        ("silu", 2),
        ("tanh", 1),
        ("sigmoid", 1),
        ("selu", 1),
        ("softplus", 1),
        ("softsign", 1),
    ],
)
def test_the_standard_deviation_of_each_layer(activation, gain_squared):
    first, second, output = linears(activation=activation)
    expected = [
        math.sqrt(gain_squared / INPUTS),
        math.sqrt(gain_squared / UNITS),
        math.sqrt(1 / UNITS),  # no rectifier follows the logits
    ]
    for layer, deviation in zip((first, second, output), expected, strict=True):
        weights = layer.weight.detach()
        # n draws estimate a deviation within deviation / sqrt(2 n), their mean within / sqrt(n)
        n = weights.numel()
        room = 4 * deviation / math.sqrt(n)
        assert weights.std().item() == pytest.approx(deviation, abs=room / math.sqrt(2))
        assert weights.mean().item() == pytest.approx(0.0, abs=room)
        assert torch.count_nonzero(layer.bias) == 0


def test_the_weights_are_normal():
    weights = linears()[0].weight.detach().flatten() / math.sqrt(2 / INPUTS)
    # of a normal 68.27 % lie within one deviation, 95.45 % within two; of a uniform 57.7 and 100
    assert (weights.abs() < 1).float().mean().item() == pytest.approx(0.6827, abs=0.006)
    assert (weights.abs() < 2).float().mean().item() == pytest.approx(0.9545, abs=0.003)


def test_the_size_of_activations_is_kept_from_layer_to_layer():
    torch.manual_seed(0)
    config = {"hidden_layers": 4, **{f"units_{k}": UNITS for k in range(1, 5)}}
    model = build_mlp(config, (INPUTS,), CLASSES)
    x = torch.randn(500, INPUTS)
    sizes = []
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            sizes.append(x.square().mean().item())
    # mean square 1 goes in: 2 · 1 after the first layer, where relu halves what the gain doubled
    assert sizes[:4] == pytest.approx([2.0] * 4, rel=0.25)
    assert sizes[4] == pytest.approx(1.0, rel=0.25)


def test_the_seed_decides():
    one, same, other = linears(seed=1), linears(seed=1), linears(seed=2)
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)


def test_dropout_takes_no_draws():
    assert torch.equal(linears(dropout=0.5)[1].weight, linears(dropout=0.0)[1].weight)
