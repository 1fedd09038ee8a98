"""The documented parameters of the network: layers, units, activation; blocks of CNN and ResNet."""

import dataclasses

from search_spaces.conditions import AtLeast
from search_spaces.parameters import Choice, Fixed, Int

HIDDEN_LAYERS = Int(
    name="hidden_layers",
    low=2,
    high=4,
    default=2,
    tier=3,
    source="NG: grid 2, 3, 4; ART: deeper is often better",
)

UNITS = Int(
    name="units",
    low=50,
    high=100,
    default=100,
    tier=2,
    source="NG: uniform; default not said: the upper end, also of ABS (10 … 100)",
)
UNITS_ABS = Int(
    name="units",
    low=10,
    high=100,
    default=100,
    tier=2,
    source='ABS: "neurons"; default not said: the upper end',
)

ACTIVATION = Choice(
    name="activation",
    options=["relu", "sigmoid", "tanh"],
    default="relu",
    source="KT",
)
ACTIVATION_ABS = Choice(
    name="activation",
    options=[
        "relu",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "softplus",
        "softsign",
        "tanh",
        "sigmoid",
    ],
    default="relu",
    source="ABS: numbered 0 … 9; default KT",
)

CONV_BLOCKS = Int(
    name="conv_blocks",
    low=2,
    high=4,
    default=3,
    tier=3,
    source="not documented: as hidden layers (NG)",
)
FILTERS = Choice(
    name="filters",
    options=[16, 32, 64],
    default=32,
    tier=2,
    source="not documented: of the first block, doubled in each further one",
)
KERNEL_SIZE = Choice(
    name="kernel_size",
    options=[3, 5],
    default=3,
    source="not documented: odd, so that padding keeps the size",
)
POOLING = Choice(
    name="pooling",
    options=["max", "average"],
    default="max",
    source="not documented",
)
DENSE_UNITS = dataclasses.replace(
    UNITS_ABS, name="dense_units", source="ABS; of the dense head; default the upper end"
)

DEPTH = Choice(
    name="depth",
    options=[18, 34, 50],
    default=18,
    tier=3,
    source="ART: ResNet-18 … ResNet-200, up to what trains in a sweep",
)
WIDTH = Choice(
    name="width",
    options=[16, 32, 64],
    default=16,
    tier=2,
    source="not documented: channels of the first stage; 16 as He et al. (2015) for 32×32 images",
)


def units_by_layer(layers: Int | Fixed, units: Int) -> tuple[Int, ...]:
    """units_1, units_2, …: one parameter a layer, present when there are that many layers.

    The condition is there from the second layer on, whatever the range of `layers` now: who
    overrides it with fewer layers gets fewer units. A fixed number of layers needs none.

    >>> [p.name for p in units_by_layer(HIDDEN_LAYERS, UNITS)]
    ['units_1', 'units_2', 'units_3', 'units_4']
    """
    if isinstance(layers, Fixed):
        always = most = int(layers.value)
    else:
        always, most = min(1, layers.low), layers.high
    return tuple(
        dataclasses.replace(
            units,
            name=f"units_{layer}",
            when=AtLeast(layers.name, layer) if layer > always else None,
        )
        for layer in range(1, most + 1)
    )
