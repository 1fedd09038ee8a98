"""The documents' own spaces: what each says, and no more besides than it takes to train."""

import dataclasses

from search_spaces import architecture, heaton, optimization, regularization
from search_spaces.parameters import Fixed
from search_spaces.space import SearchSpace

_TWO_LAYERS = Fixed(
    name="hidden_layers", value=2, tier=3, source="NG: the least it tries; ABS has no row for it"
)


def abs_table() -> SearchSpace:
    """ABS, "Hyperparameter Tuning for Deep Learning": the table of "AI, But Simple" (an MLP)."""
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
    """ART, R. Dagli, "The Art of Hyperparameter Tuning": its Fashion-MNIST network (784 → 10).

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
    """KT, "Hyperparameter tuning with the Keras Tuner on CIFAR-10" (a CNN).

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
    """NG, "Tuning Process": his list in his order of importance (an MLP with momentum)."""
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
