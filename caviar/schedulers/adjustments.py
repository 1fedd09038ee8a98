"""What somebody who babysits a model changes, by what its curve does; each with its source.

* **plateau**: the learning rate by a third and by three times. Source: a step down on a plateau
  is R. Dagli's ("1e-2, then 1e-3, then 1e-5"); up too, since a rate that is too low looks the same.
* **diverging**: the learning rate by a third, and by a ninth. Source: Bengio 2012, "Practical
  recommendations", 3.1.1: where training diverges, try again with one three times smaller.
* **overfitting**: dropout half of the way to its highest documented value, 0.5 (S. Ozechi); weight
  decay on, or ten times as strong within its range (R. Dagli: a sizeable effect); and the learning
  rate by a third.

The further a search goes without a gain, the stronger they get: a third, then a ninth. All stay
inside the search space; what is missing there, fixed, or at its end already is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from caviar.base.format import number
from caviar.schedulers.learning_curve import State
from search_spaces import Choice, Float, SearchSpace

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A changed configuration, and what is changed in words."""

    config: dict[str, Any]
    words: str


def adjustments(
    state: State, config: Config, space: SearchSpace, *, strength: int = 1
) -> list[Adjustment]:
    """What to try next on a model in this state; nothing for one that improves.

    `strength`, 1 or more, counts up while nothing helps.
    """
    changes: dict[State, list[Callable[[], dict[str, Any] | None]]] = {
        State.IMPROVING: [],
        State.PLATEAU: [
            lambda: _times(config, space, "learning_rate", 3.0**-strength),
            lambda: _times(config, space, "learning_rate", 3.0**strength),
        ],
        State.DIVERGING: [
            lambda: _times(config, space, "learning_rate", 3.0**-strength),
            lambda: _times(config, space, "learning_rate", 3.0 ** (-strength - 1)),
        ],
        State.OVERFITTING: [
            lambda: _more_dropout(config, space, strength),
            lambda: _more_decay(config, space, strength),
            lambda: _times(config, space, "learning_rate", 3.0**-strength),
        ],
    }
    found: list[Adjustment] = []
    for change in changes[state]:
        changed = change()
        if changed is None:
            continue
        whole = space.fill(changed)
        if not space.same(whole, config) and all(not space.same(whole, a.config) for a in found):
            found.append(Adjustment(whole, _words(config, whole)))
    return found


def _times(config: Config, space: SearchSpace, name: str, factor: float) -> dict[str, Any] | None:
    parameter = space[name] if name in config else None
    if not isinstance(parameter, Float):
        return None
    value = min(max(config[name] * factor, parameter.low), parameter.high)
    return {**config, name: value}


def _more_dropout(config: Config, space: SearchSpace, strength: int) -> dict[str, Any] | None:
    parameter = space["dropout"] if "dropout" in config else None
    if not isinstance(parameter, Float):
        return None
    value = parameter.high - (parameter.high - config["dropout"]) / 2**strength
    return {**config, "dropout": value}


def _more_decay(config: Config, space: SearchSpace, strength: int) -> dict[str, Any] | None:
    if "weight_decay" in config:
        return _times(config, space, "weight_decay", 10.0**strength)
    switch = space["weight_decay_on"] if "weight_decay_on" in config else None
    if not isinstance(switch, Choice) or True not in switch.options:
        return None
    on = space.fill({**config, "weight_decay_on": True})
    return _times(on, space, "weight_decay", 10.0 ** (strength - 1)) or on


def _words(before: Config, after: Config) -> str:
    changed = [
        f"{name} {number(before[name]) if name in before else 'none'} -> {number(value)}"
        for name, value in after.items()
        if name not in before or before[name] != value
    ]
    return ", ".join(changed)


__all__ = ["Adjustment", "adjustments"]
