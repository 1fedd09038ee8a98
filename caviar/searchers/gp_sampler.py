"""Optuna's Gaussian process, with a search of the acquisition function that the driver can afford.

Optuna climbs from ten starts, discrete parameters one value at a time: 500 calls of the process
with a row each, which is 0.14 s of processor time in a space of 12 parameters, for a maximum that
the next result moves. Here the process is asked for many rows at once, a few times: random rows,
then rows around the best of them, each round nearer.

Where trials break is modelled by kernels, in place of a second process, whose fit costs as much as
the first: the expected improvement is multiplied by the probability that a trial does not break
(Gelbart et al. 2014, "Bayesian Optimization with Unknown Constraints"), which is the share of the
trials that did not around it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import ThreadpoolController

from caviar.searchers.coordinates import Floats
from caviar.searchers.kernel_density import ParzenDensity

if TYPE_CHECKING:
    from optuna._gp.acqf import BaseAcquisitionFunc
    from optuna._gp.search_space import SearchSpace

_DRAWN = 512
"""Random rows to begin with."""
_STEPS = (0.2, 0.1, 0.05, 0.02, 0.005)
"""The standard deviation of a round's steps, as a share of each parameter's range."""
_BEST = 8
"""How many rows a round starts from."""
_AROUND = 16
"""How many rows around each of them it looks at."""
_WIDTH = 0.4
"""Of the kernels around trials that broke and trials that did not, as in the Parzen searcher."""
_MOVED = 0.3
"""The probability that a parameter differs from the row that it started from."""


class QuickGPSampler(GPSampler):
    """`GPSampler` for the driver of a sweep: it takes one thread, and no longer than needed.

    Of the study, trials that are complete have a value, and those that are pruned broke.
    """

    def __init__(self, *, seed: int, others: BaseSampler) -> None:
        """`others` samples the parameters that not every trial has."""
        super().__init__(
            seed=seed,
            independent_sampler=others,
            n_startup_trials=0,
            warn_independent_sampling=False,
        )
        self._sound: list[FrozenTrial] = []
        self._broken: list[FrozenTrial] = []
        self._names: list[str] = []
        """The parameters that every sound trial has: the columns of the process."""

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._sound = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        self._broken = study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
        self._names = list(search_space)
        # Matrices of 60 rows gain nothing by threads, which the trials need.
        with one_thread():
            return super().sample_relative(study, trial, search_space)

    def _optimize_acqf(self, acqf: BaseAcquisitionFunc, best_params: Floats | None) -> Floats:
        # Optuna has this method replaced by who searches otherwise, and may rename it: then
        # `test_the_process_takes_one_thread_and_gives_the_others_back` sees no call.
        space = acqf.search_space
        known = np.empty((0, space.dim)) if best_params is None else best_params

        def value(rows: Floats) -> Floats:
            return np.asarray(acqf.eval_acqf_no_grad(rows))

        if not self._broken:
            return maximum(value, space, known, self._rng.rng)
        holds = Holds(space.get_normalized_params(self._sound), self._broken_rows(space), space)

        def product(rows: Floats) -> Floats:
            found = value(rows)
            first, others = np.split(np.argsort(-found), [4 * _BEST])
            found[first] += holds(rows[first])
            # A probability is 1 at most: what lies below the best few need not be asked for it.
            others = others[found[others] > np.sort(found[first])[-_BEST]]
            found[others] += holds(rows[others])
            return found

        return maximum(product, space, known, self._rng.rng)

    def _broken_rows(self, space: SearchSpace) -> Floats:
        """[trials, columns] of those that broke; NaN where one lacks a parameter."""
        stand_in = self._sound[0].params
        params = [stand_in | trial.params for trial in self._broken]
        lacking = [[name not in trial.params for name in self._names] for trial in self._broken]
        rows = space.get_normalized_params(self._broken, params)
        return np.where(lacking, np.nan, rows)


class Holds:
    """The logarithm of the probability that a trial does not break, by the trials around it."""

    def __init__(self, sound: Floats, broken: Floats, space: SearchSpace) -> None:
        options = np.zeros(space.dim, dtype=np.int64)
        for column, values in zip(
            space.discrete_indices, space.get_choices_of_discrete_params(), strict=True
        ):
            options[column] = len(values) if space.is_categorical[column] else 0
        self._sound, self._broken = (
            ParzenDensity(rows, options, width=_WIDTH) for rows in (sound, broken)
        )
        self._odds = np.log(len(broken) / len(sound))

    def __call__(self, rows: Floats) -> Floats:
        """[rows] of it."""
        odds = self._odds + self._broken.log_density(rows) - self._sound.log_density(rows)
        return np.asarray(-np.logaddexp(0.0, odds))


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and NumPy compute on one thread inside of it, and as before afterwards.

    NumPy too: its threads and torch's wait for each other, and take four times as long together.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _thread_pools().limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@functools.cache  # it looks through all libraries that are loaded, which takes milliseconds
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


def maximum(
    value: Callable[[Floats], Floats],
    space: SearchSpace,
    known: Floats,
    rng: np.random.RandomState,
) -> Floats:
    """[columns] the row with the largest value that is found, in the sampler's coordinates.

    `value` takes rows, and `known` are rows to begin with beside random ones.
    """
    rows = np.vstack([space.sample_normalized_params(_DRAWN, rng), known])
    values = value(rows)
    for step in _STEPS:
        best = np.argsort(-values)[:_BEST]
        around = _around(np.repeat(rows[best], _AROUND, axis=0), space, step, rng)
        rows = np.vstack([rows[best], around])
        values = np.concatenate([values[best], value(around)])
    return np.asarray(rows[values.argmax()])


def _around(rows: Floats, space: SearchSpace, step: float, rng: np.random.RandomState) -> Floats:
    """The rows with some parameters moved: numbers by a step, choices to any option."""
    moved = np.clip(rows + step * rng.standard_normal(rows.shape), 0.0, 1.0)
    discrete = zip(space.discrete_indices, space.get_choices_of_discrete_params(), strict=True)
    for column, values in discrete:
        if space.is_categorical[column]:
            moved[:, column] = rng.choice(values, len(rows))
            continue
        at = np.abs(values - rows[:, [column]]).argmin(axis=1)
        by = np.rint(step * len(values) * rng.standard_normal(len(rows))).astype(int)
        by[by == 0] = 1 - 2 * rng.randint(2, size=np.count_nonzero(by == 0))
        moved[:, column] = values[np.clip(at + by, 0, len(values) - 1)]
    return np.where(rng.random_sample(rows.shape) < _MOVED, moved, rows)
