"""The activation functions a configuration can name."""

import difflib
from collections.abc import Callable

from torch import nn

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


def activation_names() -> list[str]:
    """The names `activation` knows."""
    return list(_ACTIVATIONS)


def activation(name: str) -> nn.Module:
    """A fresh activation layer with torch's default constants.

    Raises ValueError for an unknown name.
    """
    if name not in _ACTIVATIONS:
        close = difflib.get_close_matches(name, _ACTIVATIONS, n=1, cutoff=0.5)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"Unknown activation {name!r}. {hint}Known: {', '.join(_ACTIVATIONS)}.")
    return _ACTIVATIONS[name]()
