"""The command that starts a sweep like one that was."""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any

from caviar.sweep import parts, recipes
from caviar.sweep.stored_parts import StoredScheduler, StoredSearcher
from caviar.sweep.sweep import Sweep, by_name

_OF_ITS_RUN = ("storage", "name", "resume", "verbose")
"""Where a sweep lies and how it was watched: not what it did."""


PYTHON = "python"
"""The recipe of a sweep from Python that names none."""


def start(recipe: str) -> list[str] | None:
    """The command that starts a recipe; None where `caviar sweep` does not know it."""
    return ["caviar", "sweep", recipe] if recipe in recipes.files() else None


def command(recipe: str, sweep: Sweep) -> str | None:
    """What to type for the same sweep again; None for one that was started from Python.

    The seed is always said: what it is by default may change.

    >>> usual = recipes.load("asha_parzen")
    >>> command("asha_parzen", dataclasses.replace(usual, trials=20, fix=("dropout=0",)))
    'caviar sweep asha_parzen --fix dropout=0 --trials 20 --seed 0'
    """
    words = start(recipe)
    if words is None:
        return None
    usual = recipes.load(recipe)
    for field in dataclasses.fields(sweep):
        value, default = getattr(sweep, field.name), getattr(usual, field.name)
        if field.name in ("searcher", "scheduler", "device"):
            words += _part(field.name, value, default)
        elif field.name not in _OF_ITS_RUN and (value != default or field.name == "seed"):
            words += option(field.name, value, default)
    return shlex.join(words)


def _part(name: str, value: Any, default: Any) -> list[str]:
    words: list[str] = []
    if isinstance(value, StoredSearcher | StoredScheduler):
        words = [f"--{name}", value.name]
        for key, given in value.options.items():
            words += option(f"{name}.{key}", given, given)
        return words
    if type(value) is not type(default):
        words = [f"--{name}", parts.name_of(value)]
        default = type(value)()
    for field in dataclasses.fields(value):
        given = getattr(value, field.name)
        usual = getattr(default, field.name)
        if given != usual:
            words += option(f"{name}.{field.name}", given, usual)
    return words


def option(name: str, value: Any, default: Any) -> list[str]:
    """The words of one option: `("searcher.points", 3, 2)` is `--searcher.points 3`.

    What is either true or false by `default` is a switch; what may be undecided takes a value.
    """
    option = name.replace("_", "-")
    if isinstance(value, bool) and isinstance(default, bool):
        part, dot, last = option.rpartition(".")
        return [f"--{option}" if value else f"--{part}{dot}no-{last}"]
    if isinstance(value, tuple | list):
        return [f"--{option}", *map(str, value)]
    if name in ("space", "trainable"):
        return [f"--{option}", by_name(value)]
    return [f"--{option}", str(value)]
