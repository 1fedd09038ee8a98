"""What every searcher with a model shares: when it proposes, and what it learns from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from caviar.base.options import Options
from caviar.base.trial import Mode, Outcome
from caviar.searchers.base import (
    NearDefault,
    Observation,
    Searcher,
    SearcherOptions,
    at_least_one,
    share,
)
from caviar.searchers.coordinates import Coordinates, Floats
from caviar.searchers.feasibility import Feasibility
from caviar.searchers.fidelity import FidelityLevel, FidelityLevels
from search_spaces import SearchSpace

_MOST_MODELLED = 250
"""Trials in a model, beside the best: Optuna takes 0.1 s a proposal at 5,000."""
_PROPOSALS = 4
"""How often a model is asked for a configuration that is not expected to break."""
_DRAWS = 100
"""How many random draws are looked at in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions(SearcherOptions):
    """What all searchers with a model have in common."""

    learns: ClassVar[bool] = True

    startup_trials: int = 16
    """Trials that reach an epoch before the model of that epoch proposes; never fewer than 2."""
    random_share: float = 0.1
    """Of the proposals, those drawn from the whole space whatever the model says."""
    near_default: bool = True
    """Whether every second start-up trial is drawn near the default configuration."""
    candidates: int = 24
    """Candidates among which the expected improvement chooses."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        at_least_one("startup_trials", self.startup_trials)
        at_least_one("candidates", self.candidates)
        share("random_share", self.random_share)


class ModelSearcher(Searcher):
    """Models the trials at the highest epoch that enough of them have reached, and knows of some
    that were stopped before it: else the region where nothing survives looks like one that nobody
    has tried, and proposal after proposal goes there.

    Until an epoch has enough, proposals are drawn from the whole space and, every second one of
    the first, near the default. A share of all proposals is drawn from the whole space for ever:
    no model is right everywhere. Trials teach the model while they run, since the best end last.

    Of what a model or its start proposes, configurations are left out where trials diverge or fail,
    see `Feasibility`; the share drawn from the whole space goes there too, lest a region be given
    up for a failure that had other causes.
    """

    def __init__(self, space: SearchSpace, *, options: ModelOptions, mode: Mode, seed: int) -> None:
        super().__init__(space, mode=mode, seed=seed)
        self.configs: dict[int, Mapping[str, Any]] = {}
        """What every trial runs or ran."""
        self._common = options
        self._levels = FidelityLevels(mode)
        startup = options.startup_trials if options.near_default else 0
        self.coordinates = Coordinates(space)
        self.rows: dict[int, Floats] = {}
        """`configs` in coordinates."""
        self.feasibility = Feasibility(self.coordinates)
        self._near_default = NearDefault(space, seed=seed, startup_trials=startup)

    @abstractmethod
    def propose(self, level: FidelityLevel, rng: np.random.Generator) -> dict[str, Any]:
        """A configuration by the model of this level, which has two trials or more."""

    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, number, attempt])
        level = self._levels.highest(max(2, self._common.startup_trials))
        explores = rng.random() < self._common.random_share
        near = self._near_default.draw(number, attempt) if level is None else None
        if near is not None:
            config = near
        elif level is None or explores:
            config = self.space.sample(rng)
        else:
            config = self._sound(level.thinned(_MOST_MODELLED), rng)
        self.register(number, config)
        return config

    def _sound(self, level: FidelityLevel, rng: np.random.Generator) -> dict[str, Any]:
        """A proposal of the model; where it insists on what breaks, a draw from the rest."""
        config = self.propose(level, rng)
        for attempt in range(_PROPOSALS + _DRAWS):
            if not self.feasibility.expected(self.coordinates.of(config)[None, :])[0]:
                break
            more = attempt + 1 < _PROPOSALS
            config = self.propose(level, rng) if more else self.space.sample(rng)
        return config

    def register(self, number: int, config: Mapping[str, Any]) -> None:
        self.configs[number] = config
        self.rows[number] = self.coordinates.of(config)

    def report(self, number: int, epoch: int, value: float) -> None:
        self._levels.report(number, epoch, value)
        self.feasibility.observe(number, self.rows[number], broke=False)

    def observe(self, number: int, observation: Observation) -> None:
        self.register(number, observation.config)
        self._levels.observe(number, observation)
        broke = observation.outcome in (Outcome.FAILED, Outcome.DIVERGED)
        self.feasibility.observe(number, self.rows[number], broke=broke)
