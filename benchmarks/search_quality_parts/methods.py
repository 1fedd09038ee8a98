"""The pairings of a searcher and a scheduler that are compared.

The tables come with no default configuration, so none is given: ours start without one, and
nothing is drawn near it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import optuna

from caviar.base.trial import Mode
from caviar.schedulers import Asha, HyperBand, Median, NoStopping, SchedulerOptions
from caviar.searchers import HyperOpt, Optuna, Parzen, QuasiRandom, Random
from caviar.searchers.base import Searcher, proposal_seed
from search_quality_parts.ray_searchers import RayHyperOpt, RayOptuna
from search_spaces import SearchSpace

Build = Callable[[SearchSpace, Mode, int], Searcher]


@dataclass(frozen=True)
class Method:
    """A row of the result."""

    name: str
    searcher: Build
    scheduler: SchedulerOptions
    ours: bool = False
    """Compared with each of the others."""
    baseline: bool = False
    """What others run, and random search."""


def _univariate(space: SearchSpace, mode: Mode, seed: int) -> Searcher:
    sampler = optuna.samplers.TPESampler(
        multivariate=False, constant_liar=False, seed=proposal_seed(seed, 0, 0)
    )
    return RayOptuna(space, mode=mode, seed=seed, sampler=sampler)


def _random(space: SearchSpace, mode: Mode, seed: int) -> Searcher:
    return Random().build(space, mode=mode, seed=seed)


def _quasi_random(space: SearchSpace, mode: Mode, seed: int) -> Searcher:
    return QuasiRandom().build(space, mode=mode, seed=seed)


def _parzen(space: SearchSpace, mode: Mode, seed: int) -> Searcher:
    return Parzen(near_default=False).build(space, mode=mode, seed=seed)


def _optuna(space: SearchSpace, mode: Mode, seed: int) -> Searcher:
    return Optuna(near_default=False).build(space, mode=mode, seed=seed)


def _hyperopt(space: SearchSpace, mode: Mode, seed: int) -> Searcher:
    return HyperOpt(near_default=False).build(space, mode=mode, seed=seed)


_ASHA = Asha(quota=False)
"""As Ray's: every trial that reaches the upper third of those before it continues."""

BASELINES = (
    Method("random, full fidelity", _random, NoStopping()),
    Method("random + ASHA", _random, _ASHA),
    Method(
        "Ray OptunaSearch + ASHA",
        lambda space, mode, seed: RayOptuna(space, mode=mode, seed=seed),
        _ASHA,
    ),
    Method(
        "Ray OptunaSearch, stopped told PRUNED, + ASHA",
        lambda space, mode, seed: RayOptuna(space, mode=mode, seed=seed, pruned=True),
        _ASHA,
    ),
    Method(
        "Ray HyperOptSearch + ASHA",
        lambda space, mode, seed: RayHyperOpt(space, mode=mode, seed=seed),
        _ASHA,
    ),
    Method("Optuna TPE univariate, no constant liar, + ASHA", _univariate, _ASHA),
)
OURS = (
    Method("ours: Parzen + ASHA with quota", _parzen, Asha(), ours=True),
    Method("ours: Optuna + ASHA with quota", _optuna, Asha(), ours=True),
    Method("ours: HyperOpt + ASHA with quota", _hyperopt, Asha(), ours=True),
)
LOST = (
    Method("random + ASHA with quota", _random, Asha()),
    Method("quasi-random + ASHA with quota", _quasi_random, Asha()),
    Method("our Parzen + ASHA without quota", _parzen, _ASHA),
    Method("our Optuna + ASHA without quota", _optuna, _ASHA),
    Method("our Parzen + ASHA with promotion", _parzen, Asha(promote=True)),
    Method("our Parzen + synchronous HyperBand", _parzen, HyperBand(synchronous=True)),
    Method("our Parzen + median rule", _parzen, Median()),
)
METHODS = tuple(replace(m, baseline=True) for m in BASELINES) + OURS + LOST
