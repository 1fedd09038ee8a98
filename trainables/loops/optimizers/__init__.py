"""Optimizers by name, with the updates of torch.optim and without its second of imports."""

from trainables.loops.optimizers.adam import Adam, Adamax, AdamW, NAdam
from trainables.loops.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from trainables.loops.optimizers.base import ElementwiseOptimizer
from trainables.loops.optimizers.build import OptimizerOptions, build_optimizer, optimizer_names
from trainables.loops.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ElementwiseOptimizer",
    "NAdam",
    "OptimizerOptions",
    "RMSprop",
    "build_optimizer",
    "optimizer_names",
]
