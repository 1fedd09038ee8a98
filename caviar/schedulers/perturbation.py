"""How a fork's configuration differs from its parent's: perturbed, or drawn anew.

Only what says how a model is trained may change, not what the model is, nor what the state of its
optimizer means: the checkpoint would not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from search_spaces import Choice, Fixed, Float, Int, SearchSpace
from search_spaces.checks import parents

CHANGEABLE = frozenset(
    {
        "learning_rate", "momentum", "beta1", "beta2", "weight_decay", "dropout", "batch_size",
        "label_smoothing", "decay_rate",
    }
)  # fmt: skip
"""Parameters whose values may differ between a checkpoint and the trial that continues from it."""


def changeable(space: SearchSpace) -> list[str]:
    """The searched parameters that a fork may change: those on whose values no other depends."""
    looked_at = {name for parameter in space for name in parents(parameter)}
    return [p.name for p in space.searched if p.name in CHANGEABLE and p.name not in looked_at]


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturb:
    """Moves each changeable parameter up or down, or draws it anew from the space.

    `factors` are what numbers on a log scale are multiplied by, one of them drawn each time; a
    momentum's 1 - β on its scale. Others move by the same share of half their range, and numbers
    among the options of a choice move to the next one. Source: Jaderberg et al. 2017, "Population
    Based Training of Neural Networks": 0.8 and 1.2, and a resampling probability of 0.25.
    """

    factors: tuple[float, float] = (0.8, 1.2)
    resample: float = 0.25

    def __call__(
        self, space: SearchSpace, config: Mapping[str, Any], rng: np.random.Generator
    ) -> dict[str, Any]:
        fresh, changed = space.sample(rng), dict(config)
        for name in changeable(space):
            factor = self.factors[int(rng.integers(2))]
            drawn = rng.random() < self.resample
            if name in config:
                anew = drawn and name in fresh
                changed[name] = fresh[name] if anew else scaled(space, name, config[name], factor)
        return space.complete(changed)


def scaled(space: SearchSpace, name: str, value: Any, factor: float) -> Any:
    """A value of the parameter `name`, moved by a factor on its scale and kept in its range.

    >>> from search_spaces import get
    >>> scaled(get("mlp"), "learning_rate", 0.1, 0.5), scaled(get("mlp"), "dropout", 0.2, 1.2)
    (0.05, 0.25)
    >>> scaled(get("mlp"), "batch_size", 128, 1.2)
    256
    """
    parameter = space[name]
    if isinstance(parameter, Fixed):
        return value
    if isinstance(parameter, Choice):
        return _next_option(parameter, value, up=factor > 1)
    target = min(max(_moved(parameter, value, factor), parameter.low), parameter.high)
    if parameter.cells is None:
        return parameter.normal(target)
    cells, before = parameter.cells, parameter.position(value)
    index = round((target - parameter.low) / cells.step)
    if index == before:  # a step of its own, where the factor alone would not leave the value
        index += 1 if factor > 1 else -1
    return parameter.normal(cells.value(min(max(index, 0), cells.count - 1)))


def _moved(parameter: Float | Int, value: float, factor: float) -> float:
    if parameter.scale == "log":
        return value * factor
    if parameter.scale == "log1m":
        return 1 - (1 - value) * factor
    return value + (factor - 1) * (parameter.high - parameter.low) / 2


def _next_option(parameter: Choice, value: Any, *, up: bool) -> Any:
    if not all(isinstance(o, int | float) and not isinstance(o, bool) for o in parameter.options):
        return value  # no order among them
    ordered = sorted(parameter.options)
    index = ordered.index(value) + (1 if up else -1)
    return ordered[min(max(index, 0), len(ordered) - 1)]
