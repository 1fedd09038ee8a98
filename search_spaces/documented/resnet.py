"""The space of the residual network for 32×32 images."""

import dataclasses

from search_spaces.documented import architecture, optimization, regularization
from search_spaces.space import SearchSpace


def resnet() -> SearchSpace:
    """A residual network for 32×32 images, with its optimizer and schedule.

    >>> resnet().default()["depth"]
    18
    """
    return SearchSpace(
        "resnet",
        [
            optimization.LEARNING_RATE,
            optimization.OPTIMIZER,
            dataclasses.replace(optimization.MOMENTUM, when=optimization.HAS_MOMENTUM),
            optimization.BATCH_SIZE,
            optimization.SCHEDULE,
            optimization.DECAY_RATE,
            architecture.DEPTH,
            architecture.WIDTH,
            regularization.DROPOUT,
            optimization.LOSS,
            regularization.WEIGHT_DECAY_ON,
            regularization.WEIGHT_DECAY,
        ],
    )
