"""The documents' own spaces: what each says, and no more besides than it takes to train."""

import dataclasses
import re

from search_spaces.documented import architecture, heaton, optimization, regularization
from search_spaces.parameters import Fixed
from search_spaces.space import SearchSpace

TITLES = {
    "ABS": '"Hyperparameter Tuning for Deep Learning", AI, But Simple, issue 6',
    "ART": '"The Art of Hyperparameter Tuning in Deep Neural Nets by Example", R. Dagli',
    "TECH": '"Hyperparameter Tuning in Deep Learning Models"',
    "KT": '"Hyperparameter tuning with the Keras Tuner on CIFAR-10", S. Ozechi',
    "NG": '"Tuning Process", notes on A. Ng\'s course',
}
"""The documents by the short names that the parameters' sources use."""


def cited(space: SearchSpace) -> list[str]:
    """The short names of the documents that a space's parameters are from.

    >>> cited(ng())
    ['ABS', 'ART', 'NG']
    """
    words = {word for p in space for word in re.findall(r"\w+", p.source)}
    return [document for document in TITLES if document in words]


_TWO_LAYERS = Fixed(
    name="hidden_layers", value=2, tier=3, source="NG: the least it tries; ABS has no row for it"
)


def abs_table() -> SearchSpace:
    """The table of "AI, But Simple": an MLP of two hidden layers, optimizer and activation."""
    return SearchSpace(
        "abs",
        [
            optimization.LEARNING_RATE_ABS,
            optimization.OPTIMIZER_ABS,
            optimization.BATCH_SIZE_ABS,
            _TWO_LAYERS,
            *architecture.units_by_layer(_TWO_LAYERS, architecture.UNITS_ABS),
            architecture.ACTIVATION_ABS,
        ],
    )


def art(inputs: int = 784, outputs: int = 10) -> SearchSpace:
    """Dagli's Fashion-MNIST network: an MLP with Heaton's units and a schedule.

    inputs, outputs: the sizes of the data, as of `mlp_heaton`.

    >>> art()["units_1"].default
    533
    """
    return SearchSpace(
        "art",
        [
            optimization.LEARNING_RATE_ART,
            optimization.MOMENTUM,
            optimization.BATCH_SIZE,
            architecture.HIDDEN_LAYERS,
            *architecture.units_by_layer(
                architecture.HIDDEN_LAYERS,
                heaton.hidden_units("units", inputs, outputs),
            ),
            optimization.SCHEDULE,
            optimization.DECAY_RATE,
            regularization.WEIGHT_DECAY_ON,
            regularization.WEIGHT_DECAY,
        ],
    )


def kt() -> SearchSpace:
    """The Keras Tuner's CIFAR-10 example: a CNN with optimizer and loss.

    The learning rate and the shape of the network are not in that document: NG's range and our
    blocks.
    """
    return SearchSpace(
        "kt",
        [
            optimization.LEARNING_RATE,
            optimization.OPTIMIZER,
            optimization.LOSS,
            architecture.CONV_BLOCKS,
            architecture.FILTERS,
            architecture.DENSE_UNITS,
            architecture.ACTIVATION,
            regularization.DROPOUT,
        ],
    )


def ng() -> SearchSpace:
    """Ng's list in his order of importance: an MLP with momentum and a schedule."""
    return SearchSpace(
        "ng",
        [
            optimization.LEARNING_RATE,
            optimization.MOMENTUM,
            optimization.BATCH_SIZE,
            architecture.HIDDEN_LAYERS,
            *architecture.units_by_layer(architecture.HIDDEN_LAYERS, architecture.UNITS),
            # ART names the schedules; the step down on a plateau is its own, so not part of NG's
            dataclasses.replace(optimization.SCHEDULE, options=["constant", "exponential"]),
            optimization.DECAY_RATE,
        ],
    )
