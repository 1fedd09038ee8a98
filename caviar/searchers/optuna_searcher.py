"""Optuna's samplers, on the trials of one epoch at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from caviar.base.trial import Mode
from caviar.searchers.fidelity import FidelityLevel
from caviar.searchers.model import ModelSearcher
from caviar.searchers.options import Optuna
from search_spaces import SearchSpace
from search_spaces.encoders import optuna_encoder

_MOST_IN_A_PROCESS = 60
"""Trials in a Gaussian process, beside the best: its cost grows with the cube of their number."""
_ONCE = datetime.min
"""When a trial of a study began and ended: nobody asks."""


class OptunaSearcher(ModelSearcher):
    """Samples on a study in memory: the history on disk is written beside it, not through it.

    The study holds the trials of the level, complete with their score there, and, for the Parzen
    estimator, those that were stopped before it, which Optuna ranks behind them as pruned; it is
    made anew when the level rises or an earlier trial comes in. A trial that diverged or failed
    breaks a constraint: Optuna passes over trials in the state FAIL, so that its model would walk
    back into the region again and again, while a broken constraint ranks behind every other trial,
    and no value has to be invented.
    """

    def __init__(self, space: SearchSpace, *, options: Optuna, mode: Mode, seed: int) -> None:
        super().__init__(space, options=options, mode=mode, seed=seed)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._options = options
        self._study = optuna.create_study(direction="maximize")
        self._shown: list[tuple[int, float | None]] = []
        """The trials in the study and their scores."""
        self._made: dict[int, tuple[float | None, _Ended]] = {}
        """The last that was shown of each trial: most are shown many times."""

    def propose(self, level: FidelityLevel, rng: np.random.Generator) -> dict[str, Any]:
        if self._options.sampler == "gp":
            level = level.thinned(_MOST_IN_A_PROCESS)
        if self._options.sampler != "tpe":
            level = replace(level, stopped=())
        self._show(level)
        # A sampler seeded for this trial: a resumed sweep goes on as the uninterrupted one.
        self._study.sampler = self._sampler(int(rng.integers(2**31)))
        trial = self._study.ask()
        config = optuna_encoder.suggest(self.space, trial)
        # What becomes of it is shown when it has reached the level.
        self._study.tell(trial, state=TrialState.FAIL)
        return config

    def _sampler(self, seed: int) -> BaseSampler:
        tpe = TPESampler(
            n_startup_trials=0,
            n_ei_candidates=self._options.candidates,
            multivariate=False,
            constant_liar=False,
            seed=seed,
        )
        if self._options.sampler == "tpe":
            return tpe
        if self._options.sampler == "gp":
            from caviar.searchers.gp_sampler import QuickGPSampler

            return QuickGPSampler(seed=seed, others=tpe)
        from caviar.searchers.cma_sampler import CmaSampler

        always = {
            p.name: optuna_encoder.distribution_of(p) for p in self.space.searched if p.when is None
        }
        numbers = {n: d for n, d in always.items() if not isinstance(d, CategoricalDistribution)}
        return CmaSampler(numbers, tpe, seed=seed)

    def register(self, number: int, config: Mapping[str, Any]) -> None:
        super().register(number, config)
        self._made.pop(number, None)

    def _show(self, level: FidelityLevel) -> None:
        """Bring the study up to this level, its trials in the order of their numbers.

        Whatever order they came in: Optuna weighs later trials more, and a resumed sweep must
        propose what the uninterrupted one would have.
        """
        rows = level.in_order()
        if rows[: len(self._shown)] != self._shown:
            self._shown = []
            self._study = optuna.create_study(direction="maximize")
        new = rows[len(self._shown) :]
        self._study.add_trials([self._trial(number, score) for number, score in new])
        self._shown = rows

    def _trial(self, number: int, score: float | None) -> FrozenTrial:
        made = self._made.get(number)
        if made is None or made[0] != score:
            params, distributions = optuna_encoder.to_params(self.space, self.configs[number])
            made = score, _Ended.of(params, distributions, score)
            self._made[number] = made
        return made[1]


class _Ended(FrozenTrial):
    """A trial that nobody changes any more.

    A study copies what it is given, down to the distributions, which took half of the time of a
    proposal; of this one its copies share everything.
    """

    @classmethod
    def of(
        cls,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        score: float | None,
    ) -> _Ended:
        """With a score, complete; None was stopped early, -inf broke."""
        complete = score is not None and score != -math.inf
        trial = cls(
            number=-1,  # the study's
            trial_id=-1,
            state=TrialState.COMPLETE if complete else TrialState.PRUNED,
            value=score if complete else None,
            datetime_start=_ONCE,
            datetime_complete=_ONCE,
            params=params,
            distributions=distributions,
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        if score == -math.inf:
            trial.set_constraint("trains", 1.0)
        return trial

    def __deepcopy__(self, memo: dict[int, Any]) -> _Ended:
        return copy.copy(self)
