"""What every searcher with a model shares: when it proposes, and what it learns from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.engine.records import Mode
from pipelines.engine.searchers.base import NearDefault, Searcher, Told
from pipelines.engine.searchers.levels import Level, Levels
from pipelines.engine.searchers.options import ModelOptions
from search_spaces import SearchSpace

_MOST_MODELLED = 250
"""Trials in a model, beside the best: Optuna takes 0.1 s a proposal at 5,000."""


class ModelSearcher(Searcher):
    """Models the trials at the highest epoch that enough of them have reached.

    Until an epoch has enough, proposals are drawn from the whole space and, every second one of
    the first, near the default. A share of all proposals is drawn from the whole space for ever:
    no model is right everywhere. Trials teach the model while they run, since the best end last.
    """

    def __init__(self, space: SearchSpace, *, options: ModelOptions, mode: Mode, seed: int) -> None:
        super().__init__(space, mode=mode, seed=seed)
        self.configs: dict[int, Mapping[str, Any]] = {}
        """What every trial runs or ran."""
        self._common = options
        self._levels = Levels(mode)
        startup = options.startup_trials if options.near_default else 0
        self._near_default = NearDefault(space, seed=seed, startup_trials=startup)

    @abstractmethod
    def propose(self, level: Level, rng: np.random.Generator) -> dict[str, Any]:
        """A configuration by the model of this level, which has two trials or more."""

    def ask(self, number: int, attempt: int = 0) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, number, attempt])
        level = self._levels.highest(max(2, self._common.startup_trials))
        explores = rng.random() < self._common.random_share
        near = self._near_default.draw(number, attempt) if level is None else None
        if near is not None:
            config = near
        elif level is None or explores:
            config = self.space.sample(rng)
        else:
            config = self.propose(level.thinned(_MOST_MODELLED), rng)
        self.restart(number, config)
        return config

    def restart(self, number: int, config: Mapping[str, Any]) -> None:
        self.configs[number] = config

    def report(self, number: int, epoch: int, value: float) -> None:
        self._levels.report(number, epoch, value)

    def tell(self, number: int, told: Told) -> None:
        self.restart(number, told.config)
        self._levels.tell(number, told)
