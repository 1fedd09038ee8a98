"""Job J1: sizes, the space, and the model of a configuration as plain torch builds it.

Importing this module imports neither torch nor Ray.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from search_spaces import SearchSpace

TRAIN_ROWS, VAL_ROWS = 10_000, 5_000
MAX_EPOCHS = 9
REDUCTION_FACTOR = 3
WORKERS = 2
AFTER = 1.0
"""Seconds that a tool runs beyond the deadline, so that its workers are busy until then; results
that come later than the deadline do not count."""


def build(config: Mapping[str, Any]) -> nn.Module:
    """784 – units_1 … units_k – 10 with torch's own initial weights."""
    from torch import nn

    layers: list[nn.Module] = [nn.Flatten()]
    width = 784
    for number in range(1, config["hidden_layers"] + 1):
        units = config[f"units_{number}"]
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(config["dropout"])]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 10))


def space() -> SearchSpace:
    """The space in Caviar's words; `j1_plain.space` is the same in Optuna's."""
    from search_spaces import AtLeast, Choice, Float, Int, SearchSpace

    return SearchSpace(
        "j1",
        [
            Float(name="learning_rate", low=1e-5, high=1e-1, scale="log", default=0.01),
            Float(name="momentum", low=0.9, high=0.999, scale="log1m", default=0.9),
            Choice(name="batch_size", options=[32, 64, 128, 256], default=128),
            Int(name="hidden_layers", low=1, high=3, default=1),
            *(
                Int(
                    name=f"units_{layer}",
                    low=32,
                    high=256,
                    default=128,
                    when=AtLeast("hidden_layers", layer) if layer > 1 else None,
                )
                for layer in (1, 2, 3)
            ),
            Float(name="dropout", low=0.0, high=0.5, default=0.0),
            Float(name="weight_decay", low=1e-6, high=1e-2, scale="log", default=1e-6),
        ],
    )
