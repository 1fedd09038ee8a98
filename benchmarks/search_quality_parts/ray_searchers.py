"""Ray Tune's own searchers, fed as Ray 2.60 feeds them, behind our interface. No Ray is started.

Ray calls `suggest`, then `on_trial_result` for every result but the last of a stopped trial,
then `on_trial_complete` with the last result, whether the trial was stopped or not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from hyperopt import hp
from hyperopt.pyll import scope
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from ray.tune.search.hyperopt import HyperOptSearch
from ray.tune.search.optuna import OptunaSearch

from caviar.base.trial import Mode, Outcome
from caviar.searchers.base import Observation, Searcher, proposal_seed
from search_spaces import Float, Int, SearchSpace

_METRIC = "objective"


class RayOptuna(Searcher):
    """`OptunaSearch` with the sampler that Ray gives it, `TPESampler(seed=seed)`, or another.

    `pruned` tells a stopped trial PRUNED with its intermediate values instead, which Ray does
    not do.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        mode: Mode,
        seed: int,
        pruned: bool = False,
        sampler: optuna.samplers.BaseSampler | None = None,
    ) -> None:
        super().__init__(space, mode=mode, seed=seed)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        logging.getLogger("ray.tune.search.optuna").setLevel(logging.ERROR)
        self._pruned = pruned
        domains = {p.name: _distribution(p) for p in space}
        self._search = OptunaSearch(
            space=domains,
            metric=_METRIC,
            mode=mode,
            sampler=sampler,
            seed=None if sampler else proposal_seed(seed, 0, 0),
        )

    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any] | None:
        return _inside(self.space, self._search.suggest(str(number)))

    def register(self, number: int, config: Mapping[str, Any]) -> None:
        # The row that runs instead of the proposal.
        study = self._search._ot_study
        trial_id = self._search._ot_trials[str(number)]._trial_id
        study._storage._get_trial(trial_id).params = dict(config)

    def observe(self, number: int, observation: Observation) -> None:
        if self._pruned and observation.outcome is Outcome.STOPPED_EARLY:
            trial = self._search._ot_trials[str(number)]
            for epoch, value in observation.curve.items():
                trial.report(value, epoch)
            self._search._ot_study.tell(trial, state=TrialState.PRUNED)
            return
        _feed(self._search, number, observation)


class RayHyperOpt(Searcher):
    """`HyperOptSearch` with its defaults."""

    def __init__(self, space: SearchSpace, *, mode: Mode, seed: int) -> None:
        super().__init__(space, mode=mode, seed=seed)
        logging.getLogger("hyperopt").setLevel(logging.WARNING)
        self._search = HyperOptSearch(
            space={p.name: _expression(p) for p in space},
            metric=_METRIC,
            mode=mode,
            random_state_seed=proposal_seed(seed, 0, 0),
        )

    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any] | None:
        return _inside(self.space, self._search.suggest(str(number)))

    def register(self, number: int, config: Mapping[str, Any]) -> None:
        document = self._search._get_hyperopt_trial(str(number))
        document["misc"]["vals"] = {name: [value] for name, value in config.items()}

    def observe(self, number: int, observation: Observation) -> None:
        _feed(self._search, number, observation)


def _feed(search: Any, number: int, observation: Observation) -> None:
    results = [{_METRIC: v, "training_iteration": e} for e, v in observation.curve.items()]
    for result in results[:-1]:
        search.on_trial_result(str(number), result)
    search.on_trial_complete(str(number), results[-1])


def _inside(space: SearchSpace, values: Mapping[str, Any]) -> dict[str, Any]:
    """The last digit of a float may be beyond a bound."""
    config = {}
    for p in space:
        assert isinstance(p, Float | Int)
        value = min(max(values[p.name], p.low), p.high)
        config[p.name] = round(value) if isinstance(p, Int) else float(value)
    return config


def _distribution(parameter: Any) -> BaseDistribution:
    log = parameter.scale == "log"
    if isinstance(parameter, Int):
        return IntDistribution(parameter.low, parameter.high, log=log)
    return FloatDistribution(parameter.low, parameter.high, log=log)


def _expression(parameter: Any) -> Any:
    """What `HyperOptSearch.convert_search_space` makes of tune.uniform, loguniform, randint …"""
    name, low, high = parameter.name, parameter.low, parameter.high
    if isinstance(parameter, Int):
        if parameter.scale == "log":
            return scope.int(hp.qloguniform(name, np.log(low), np.log(high), 1.0))
        return hp.uniformint(name, low, high)
    if parameter.scale == "log":
        return hp.loguniform(name, np.log(low), np.log(high))
    return hp.uniform(name, low, high)
