"""The interface of every searcher: suggest a configuration, observe what became of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from caviar.base.errors import UsageError
from caviar.base.options import Options
from caviar.base.trial import Mode, Outcome
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a searcher learns of a trial that has ended."""

    config: Mapping[str, Any]
    outcome: Outcome
    curve: Mapping[int, float]
    """Epoch to objective, up to the epoch the trial reached: its fidelity."""
    max_epochs: int
    """The full fidelity."""

    def best(self, mode: Mode) -> float | None:
        """The best finite value of the curve; None where there is none."""
        finite = [v for v in self.curve.values() if v - v == 0.0]
        if not finite:
            return None
        return max(finite) if mode == "max" else min(finite)


class Searcher(ABC):
    """Proposes configurations in natural units.

    `number` is the trial's number in the sweep. A searcher observes trials too that it never
    suggested: the default configuration, and on resume every trial of the earlier sessions. With
    the same observations in the order of their numbers, a fresh one suggests what the old one
    would.
    """

    def __init__(self, space: SearchSpace, *, mode: Mode, seed: int) -> None:
        self.space = space
        self.mode = mode
        self.seed = seed

    @abstractmethod
    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any] | None:
        """The configuration of trial `number`; None when there is nothing left to propose.

        `attempt` counts up when the configuration proposed before has run already.
        """

    def report(self, number: int, epoch: int, value: float) -> None:  # noqa: B027
        """Learn from one more epoch of a running trial. `value` is finite."""

    def observe(self, number: int, observation: Observation) -> None:  # noqa: B027 - a searcher may ignore results
        """Learn from a trial that has ended. `observation.config` is what ran."""

    def register(self, number: int, config: Mapping[str, Any]) -> None:  # noqa: B027
        """Trial `number` runs this configuration, whatever was proposed for it.

        The default configuration, a random draw, a trial of an earlier session that is pending
        again, or a replay that has no curve for the proposal and runs its nearest neighbour.
        """

    def messages(self) -> list[str]:
        """Lines for a person about what it has decided since it was asked last; most say nothing.

        Each is said once. Two spaces at the start of a line set it below the one before.
        """
        return []


class NearDefault:
    """Draws near the default configuration, for a part of a model's start-up trials.

    Somebody chose the default because it works: around it lie better odds than in the whole of a
    broad space, and a model that has seen good and bad trials starts from there. Numbers are drawn
    within `MARGIN` of their range on either side, in the scale's coordinates; choices stay.
    Source of the idea: Mallik et al. 2023, "PriorBand".
    """

    MARGIN = 0.15

    def __init__(self, space: SearchSpace, *, seed: int, startup_trials: int) -> None:
        self._near = space.zoom([space.default()], margin=self.MARGIN, drop_options=True)
        self._seed = seed
        self._startup_trials = startup_trials

    def draw(self, number: int, attempt: int) -> dict[str, Any] | None:
        """A configuration for every second start-up trial; None for the others."""
        if attempt > 0 or number >= self._startup_trials or number % 2 == 0:
            return None
        return self._near.sample(np.random.default_rng([self._seed, number]))


def proposal_seed(seed: int, number: int, attempt: int) -> int:
    """The seed of one proposal, below 2^31: the same trial of the same sweep draws the same."""
    return int(np.random.SeedSequence([seed, number, attempt]).generate_state(1)[0] >> 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearcherOptions(Options, ABC):
    """The options of a searcher, which build it."""

    part: ClassVar[str] = "searcher"

    learns: ClassVar[bool] = False
    """Whether results change what it suggests: a scheduler that asks for no more than the first
    configurations has no use for it."""

    def check(self, space: SearchSpace) -> None:
        """Raise `UsageError` where this searcher cannot search `space`; imports no backend."""

    def planned(self, space: SearchSpace, *, trials: int | None) -> SearcherOptions:
        """These options for a sweep of so many trials (None: of as many as the time allows).

        Raises `UsageError` where they need a number and there is none.
        """
        return self

    @abstractmethod
    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher for `space`; raises `UsageError` where the two do not fit."""


def at_least_one(name: str, value: int) -> None:
    """Raise `UsageError` where an option is below 1."""
    if value < 1:
        raise UsageError(f"{name} must be at least 1, and it is {value}.")


def share(name: str, value: float) -> None:
    """Raise `UsageError` where an option is no share, 0 … 1."""
    if not 0 <= value <= 1:
        raise UsageError(f"{name} must lie in 0 … 1, and it is {value}.")
