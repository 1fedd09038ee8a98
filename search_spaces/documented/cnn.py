"""The space of the convolutional network."""

import dataclasses

from search_spaces.documented import architecture, optimization, regularization
from search_spaces.space import SearchSpace


def cnn() -> SearchSpace:
    """A convolutional network: optimizer and schedule, blocks, head, loss, regularisation.

    >>> "momentum" in cnn().default()  # the default optimizer, Adam, has none to set
    False
    """
    return SearchSpace(
        "cnn",
        [
            optimization.LEARNING_RATE,
            optimization.OPTIMIZER,
            dataclasses.replace(optimization.MOMENTUM, when=optimization.HAS_MOMENTUM),
            optimization.BATCH_SIZE,
            optimization.SCHEDULE,
            optimization.DECAY_RATE,
            architecture.CONV_BLOCKS,
            architecture.FILTERS,
            architecture.KERNEL_SIZE,
            architecture.POOLING,
            architecture.DENSE_UNITS,
            architecture.ACTIVATION,
            regularization.DROPOUT,
            optimization.LOSS,
            regularization.WEIGHT_DECAY_ON,
            regularization.WEIGHT_DECAY,
        ],
    )
