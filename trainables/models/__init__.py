"""Models built from a configuration. Pure torch."""

from trainables.models.activations import activation, activation_names
from trainables.models.mlp import build_mlp

__all__ = ["activation", "activation_names", "build_mlp"]
