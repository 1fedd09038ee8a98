"""Models built from a configuration. Pure torch."""

from trainables.models.activations import activation, activation_names
from trainables.models.cnn import build_cnn
from trainables.models.initialisation import initialisation_names, initialise
from trainables.models.lazy import with_sizes
from trainables.models.mlp import build_mlp
from trainables.models.normalisation import normalisation, normalisation_names
from trainables.models.resnet import build_resnet
from trainables.models.stacked import stack
from trainables.models.weightless import weightless

__all__ = [
    "activation",
    "activation_names",
    "build_cnn",
    "build_mlp",
    "build_resnet",
    "initialisation_names",
    "initialise",
    "normalisation",
    "normalisation_names",
    "stack",
    "weightless",
    "with_sizes",
]
