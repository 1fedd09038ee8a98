"""CMA-ES on trials that somebody else proposed, as an Optuna sampler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from cmaes import CMA
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

_SIGMA = 1 / 6
"""The first step size, in units of a range: as Optuna's sampler."""


class CmaSampler(optuna.samplers.BaseSampler):
    """The covariance matrix adaptation evolution strategy (Hansen and Ostermeier 2001).

    Optuna's own `CmaEsSampler` keeps its state in the trials that it has proposed, and learns
    from no others: not from the default configuration, not from the random share, and not from an
    earlier session. Here the strategy is led through all trials of the study in the order of their
    numbers, a population at a time, by the same package `cmaes`: it ranks solutions, whoever
    proposed them. So its state is a function of the trials alone.

    Trials that broke a constraint rank last; a strategy that has converged starts anew. `names`
    are numbers that every trial has; the rest is left to `others`.
    """

    def __init__(
        self,
        names: Mapping[str, BaseDistribution],
        others: optuna.samplers.BaseSampler,
        *,
        seed: int,
    ) -> None:
        self._names = dict(names)
        self._others = others
        self._seed = seed

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._names

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        strategy = self._strategy()
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        known = study.get_trials(deepcopy=False, states=states)
        size = strategy.population_size
        for start in range(0, len(known) - size + 1, size):
            strategy.tell([self._solution(trial) for trial in known[start : start + size]])
            with np.errstate(invalid="ignore"):  # a whole population may have broken: inf - inf
                converged = strategy.should_stop()
            if converged:
                strategy = self._strategy()
        point = strategy.ask()
        return {
            name: _at(distribution, float(x))
            for (name, distribution), x in zip(self._names.items(), point, strict=True)
        }

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def _strategy(self) -> CMA:
        axes = len(self._names)
        return CMA(
            mean=np.full(axes, 0.5),
            sigma=_SIGMA,
            bounds=np.tile([0.0, 1.0], (axes, 1)),
            seed=self._seed,
        )

    def _solution(self, trial: FrozenTrial) -> tuple[Any, float]:
        point = [_unit(d, trial.params[name]) for name, d in self._names.items()]
        loss = math.inf if trial.value is None else -trial.value
        return np.array(point), loss


def _unit(distribution: BaseDistribution, value: float) -> float:
    """The middle of a value's share of the axis."""
    if isinstance(distribution, IntDistribution):
        return (value - distribution.low + 0.5) / (distribution.high - distribution.low + 1)
    assert isinstance(distribution, FloatDistribution)
    return (value - distribution.low) / (distribution.high - distribution.low)


def _at(distribution: BaseDistribution, unit: float) -> float:
    if isinstance(distribution, IntDistribution):
        count = distribution.high - distribution.low + 1
        return distribution.low + min(int(unit * count), count - 1)
    assert isinstance(distribution, FloatDistribution)
    return distribution.low + unit * (distribution.high - distribution.low)
