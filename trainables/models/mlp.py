"""The multilayer perceptron of a configuration."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from trainables.models.activations import activation

_HIDDEN_LAYERS = 1
_UNITS = 128
_DROPOUT = 0.0
_ACTIVATION = "relu"


def build_mlp(config: Mapping[str, Any], input_shape: Sequence[int], classes: int) -> nn.Module:
    """Build flatten -> (linear -> activation -> dropout) x hidden_layers -> linear.

    Initial weights are torch's default, drawn from the global generator: seed it first.

    Args:
        config: hidden_layers (at least 0; default 1), units_1 .. units_k (at least 1; default 128),
            dropout (0 <= p < 1; default 0, and then there is no dropout layer), activation (a name
            of `activation_names()`; default "relu"). Other keys are ignored.
        input_shape: the shape of one row, (28, 28) or (64,).
        classes: number of outputs.

    Returns a module from [n, *input_shape] to logits [n, classes].
    Raises ValueError when a value is outside its range.
    """
    hidden_layers = _whole("hidden_layers", config.get("hidden_layers", _HIDDEN_LAYERS), 0)
    dropout = float(config.get("dropout", _DROPOUT))
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be within 0 <= p < 1, but it is {dropout}.")
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(input_shape)
    for number in range(1, hidden_layers + 1):
        units = _whole(f"units_{number}", config.get(f"units_{number}", _UNITS), 1)
        layers += [nn.Linear(width, units), activation(config.get("activation", _ACTIVATION))]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        width = units
    return nn.Sequential(*layers, nn.Linear(width, classes))


def _whole(name: str, value: Any, lowest: int) -> int:
    if value != int(value) or value < lowest:
        raise ValueError(f"{name} must be a whole number of at least {lowest}, but it is {value}.")
    return int(value)
