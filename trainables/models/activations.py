"""The activation functions a configuration can name."""

from collections.abc import Callable

from torch import nn

from trainables.checks import one_of

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu")
"""The activations that let about half of their input's variance through."""


def activation_names() -> list[str]:
    """The names `activation` knows."""
    return list(_ACTIVATIONS)


def activation(name: str) -> nn.Module:
    """A fresh activation layer with torch's default constants.

    Raises ValueError for an unknown name.
    """
    return _ACTIVATIONS[one_of("activation", name, _ACTIVATIONS)]()
