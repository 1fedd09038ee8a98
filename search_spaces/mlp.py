"""The space of the multilayer perceptron, trained by SGD with momentum."""

from search_spaces import architecture, heaton, optimization, regularization
from search_spaces.space import SearchSpace


def mlp(inputs: int | None = None, outputs: int | None = None) -> SearchSpace:
    """SGD with momentum, batch size, layers with their units, dropout, activation, weight decay.

    The units are NG's 50 … 100 a layer. With the sizes of the data set they follow Heaton's rules
    instead: larger networks, slower trials.

    >>> mlp().default()["units_2"]
    100
    >>> mlp(inputs=784, outputs=10).default()["units_2"]
    533
    """
    if (inputs is None) != (outputs is None):
        raise ValueError(f"give both sizes or neither, got inputs={inputs} and outputs={outputs}")

    units = architecture.UNITS
    if inputs is not None and outputs is not None:
        units = heaton.hidden_units("units", inputs, outputs)
    return SearchSpace(
        "mlp" if inputs is None else "mlp_heaton",
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
