"""The MLP of a configuration, and its activations."""

import math

import pytest
import torch
from torch import nn

from trainables.models import activation, activation_names, build_mlp


@pytest.mark.parametrize(
    ("name", "at_minus_one", "at_one"),
    [
        ("relu", 0.0, 1.0),
        ("leaky_relu", -0.01, 1.0),
        ("elu", math.exp(-1) - 1, 1.0),
        ("selu", 1.0507009873554805 * 1.6732632423543772 * (math.exp(-1) - 1), 1.0507009873554805),
        ("gelu", -0.5 * math.erfc(math.sqrt(0.5)), 1 - 0.5 * math.erfc(math.sqrt(0.5))),
        ("silu", -1 / (1 + math.e), 1 / (1 + math.exp(-1))),
        ("softplus", math.log(1 + math.exp(-1)), math.log(1 + math.e)),
        ("softsign", -0.5, 0.5),
        ("tanh", -math.tanh(1), math.tanh(1)),
        ("sigmoid", 1 / (1 + math.e), 1 / (1 + math.exp(-1))),
    ],
)
def test_activations_by_their_formulas(name, at_minus_one, at_one):
    values = activation(name)(torch.tensor([-1.0, 1.0])).tolist()
    assert values == pytest.approx([at_minus_one, at_one], abs=1e-6)


def test_activation_names():
    assert len(activation_names()) == 10
    with pytest.raises(ValueError, match=r"Unknown activation 'gelo'. Did you mean 'gelu'\?"):
        activation("gelo")


@pytest.mark.parametrize(
    ("config", "input_shape", "shapes"),
    [
        ({}, (28, 28), [(128, 784), (10, 128)]),
        ({"hidden_layers": 0}, (64,), [(10, 64)]),
        ({"hidden_layers": 2, "units_1": 32, "units_2": 16, "units_3": 8}, (8, 8), None),
        ({"hidden_layers": 2.0, "units_1": 32, "units_2": 16.0}, (8, 8), None),
    ],
)
def test_mlp_shapes(config, input_shape, shapes):
    model = build_mlp(config, input_shape, 10)
    found = [tuple(layer.weight.shape) for layer in model if isinstance(layer, nn.Linear)]
    assert found == (shapes or [(32, 64), (16, 32), (10, 16)])
    assert model(torch.zeros(5, *input_shape)).shape == (5, 10)


def test_mlp_order_of_layers():
    config = {"hidden_layers": 2, "dropout": 0.25, "activation": "tanh"}
    kinds = [type(layer) for layer in build_mlp(config, (4,), 3)]
    hidden = [nn.Linear, nn.Tanh, nn.Dropout]
    assert kinds == [nn.Flatten, *hidden, *hidden, nn.Linear]
    assert build_mlp(config, (4,), 3)[3].p == 0.25
    assert not any(isinstance(layer, nn.Dropout) for layer in build_mlp({"dropout": 0}, (4,), 3))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden_layers": -1}, "hidden_layers must be a whole number of at least 0, but it is -1"),
        ({"hidden_layers": 1.5}, "hidden_layers must be a whole number"),
        ({"units_1": 0}, "units_1 must be a whole number of at least 1, but it is 0"),
        ({"dropout": 1.0}, "dropout must be within 0 <= p < 1, but it is 1.0"),
        ({"dropout": math.nan}, "dropout must be within"),
        ({"activation": "rellu"}, "Did you mean 'relu'"),
    ],
)
def test_mlp_refuses(config, message):
    with pytest.raises(ValueError, match=message):
        build_mlp(config, (4,), 3)
