"""What a trial is told besides its hyperparameters: the sweep's options, facts about it.

Neither Ray nor torch is imported here: the driver builds these before any worker exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

RESERVED_KEY = "_trial"
"""The one key of a Ray configuration that is not a hyperparameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOptions:
    """Options that every trial of a sweep shares.

    Raises ValueError when max_epochs or cpu_threads is below 1, the seed is negative, or mode is
    unknown.
    """

    max_epochs: int
    """A trial is done after this many epochs; at least 1."""
    metric: str = "val_accuracy"
    """The metric that decides which epoch is the best; one of the trainable's `metrics`."""
    mode: Literal["max", "min"] = "max"
    """Whether a larger or a smaller metric is better."""
    seed: int = 0
    """Seed of a trial that brings none of its own; at least 0."""
    cpu_threads: int = 1
    """Threads torch may use inside one trial; at least 1."""

    def __post_init__(self) -> None:
        for name, lowest in (("max_epochs", 1), ("cpu_threads", 1), ("seed", 0)):
            value = getattr(self, name)
            if value < lowest:
                raise ValueError(f"{name} must be at least {lowest}, but it is {value}.")
        if self.mode not in ("max", "min"):
            raise ValueError(f"mode must be 'max' or 'min', but it is {self.mode!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialInfo:
    """What one trial knows about itself, from the reserved key `_trial` of its configuration."""

    number: int = 0
    """The trial's number in its sweep, from 0."""
    seed: int = 0
    """Seed of the initial weights, the order of the batches and the dropout masks."""
    restore_from: str | None = None
    """A local checkpoint directory from which this trial goes on; None starts it afresh."""


def split_config(
    config: Mapping[str, Any], *, default_seed: int = 0
) -> tuple[dict[str, Any], TrialInfo]:
    """Separate the hyperparameters of a Ray configuration from what it says about the trial.

    Without the key `_trial` (plain Ray Tune) the trial has number 0, `default_seed` and starts
    afresh.
    Raises ValueError when `_trial` holds a key that TrialInfo does not know.

    >>> split_config({"learning_rate": 0.1, "_trial": {"number": 3, "seed": 7}})
    ({'learning_rate': 0.1}, TrialInfo(number=3, seed=7, restore_from=None))
    """
    hyperparameters = {name: value for name, value in config.items() if name != RESERVED_KEY}
    facts = {"seed": default_seed, **(config.get(RESERVED_KEY) or {})}
    unknown = sorted(set(facts) - {"number", "seed", "restore_from"})
    if unknown:
        raise ValueError(
            f"'{RESERVED_KEY}' may hold number, seed and restore_from, but it holds {unknown}."
        )
    return hyperparameters, TrialInfo(**facts)
