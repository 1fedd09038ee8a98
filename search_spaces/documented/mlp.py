"""The spaces of the multilayer perceptron, trained by SGD with momentum."""

from search_spaces.documented import architecture, heaton, optimization, regularization
from search_spaces.parameters import Int
from search_spaces.space import SearchSpace


def mlp() -> SearchSpace:
    """A multilayer perceptron trained by SGD with momentum; 50 … 100 units a layer.

    >>> mlp().default()["units_2"]
    100
    """
    return _mlp("mlp", architecture.UNITS)


def mlp_heaton(inputs: int = 784, outputs: int = 10) -> SearchSpace:
    """The MLP with the units of Heaton's rules, from the sizes of the data set.

    inputs: numbers in one row of the data. outputs: its classes. Those of Fashion-MNIST unless
    said. Larger networks than `mlp`, so slower trials. Raises ValueError for a size below 1, and
    where the rules leave a single number of units.

    >>> mlp_heaton(inputs=784, outputs=10).default()["units_2"]  # 2/3 · 784 + 10
    533
    """
    return _mlp("mlp_heaton", heaton.hidden_units("units", inputs, outputs))


def _mlp(name: str, units: Int) -> SearchSpace:
    return SearchSpace(
        name,
        [
            optimization.LEARNING_RATE,
            optimization.MOMENTUM,
            optimization.BATCH_SIZE,
            architecture.HIDDEN_LAYERS,
            *architecture.units_by_layer(architecture.HIDDEN_LAYERS, units),
            regularization.DROPOUT,
            architecture.ACTIVATION,
            regularization.WEIGHT_DECAY_ON,
            regularization.WEIGHT_DECAY,
        ],
    )
