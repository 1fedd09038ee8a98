"""The initial weights a configuration can name."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from trainables.checks import one_of
from trainables.models.activations import RECTIFIERS


def _he_normal(weight: Tensor, rectified: bool) -> None:
    nn.init.kaiming_normal_(weight, nonlinearity="relu" if rectified else "linear")


def _he_uniform(weight: Tensor, rectified: bool) -> None:
    nn.init.kaiming_uniform_(weight, nonlinearity="relu" if rectified else "linear")


def _xavier_normal(weight: Tensor, _: bool) -> None:
    nn.init.xavier_normal_(weight)


def _xavier_uniform(weight: Tensor, _: bool) -> None:
    nn.init.xavier_uniform_(weight)


def _orthogonal(weight: Tensor, rectified: bool) -> None:
    nn.init.orthogonal_(weight, gain=math.sqrt(2) if rectified else 1)


_DRAWS: dict[str, Callable[[Tensor, bool], None] | None] = {
    "he_normal": _he_normal,
    "he_uniform": _he_uniform,
    "xavier_normal": _xavier_normal,
    "xavier_uniform": _xavier_uniform,
    "orthogonal": _orthogonal,
    "torch": None,
}


def initialisation_names() -> list[str]:
    """The names `initialise` knows."""
    return list(_DRAWS)


def initialise(model: nn.Module, name: str, *, activation: str, output: nn.Module) -> None:
    """Draw the weights of every linear and convolutional layer; their biases become 0.

    Draws come from the global generator: seed it first. `gain` is sqrt(2) before ReLU and its kin,
    which halve the variance, and 1 before the others and in the output layer.

        he_normal, he_uniform          variance gain^2 / inputs (He et al. 2015)
        xavier_normal, xavier_uniform  variance 2 / (inputs + outputs) (Glorot and Bengio 2010)
        orthogonal                     gain times orthonormal rows or columns (Saxe et al. 2014)
        torch                          what the layers drew when they were built, biases too

    Args:
        model: its layers are changed in place; layers that normalise keep scale 1 and shift 0.
        name: one of the names above.
        activation: the name of the activation between the layers.
        output: the one layer of the model with no activation behind it.

    Raises ValueError for an unknown name.
    """
    draw = _DRAWS[one_of("initialisation", name, _DRAWS)]
    if draw is None:
        return
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            draw(layer.weight, activation in RECTIFIERS and layer is not output)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
