"""Optuna's Tree-structured Parzen Estimator, told at which fidelity a trial ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import TrialState

from pipelines.engine.records import Mode, Outcome
from pipelines.engine.searchers.base import NearDefault, Searcher, Told, proposal_seed
from pipelines.engine.searchers.options import Optuna
from search_spaces import SearchSpace
from search_spaces.encoders import optuna_encoder


class OptunaSearcher(Searcher):
    """Samples on a study in memory: the history on disk is written beside it, not through it.

    A stopped trial is told as PRUNED with its curve. Optuna ranks PRUNED behind COMPLETE and, among
    themselves, by the epoch reached and then by the value there: an epoch-3 value is never compared
    with an epoch-81 value.
    """

    def __init__(self, space: SearchSpace, *, options: Optuna, mode: Mode, seed: int) -> None:
        super().__init__(space, mode=mode, seed=seed)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._options = options
        self._study = optuna.create_study(
            direction="maximize" if mode == "max" else "minimize", sampler=self._sampler(0, 0)
        )
        self._near_default = NearDefault(space, seed=seed, startup_trials=options.startup_trials)
        self._pending: dict[int, optuna.Trial] = {}

    def _sampler(self, number: int, attempt: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.TPESampler(
            n_startup_trials=self._options.startup_trials,
            n_ei_candidates=self._options.candidates,
            multivariate=False,
            constant_liar=False,
            seed=proposal_seed(self.seed, number, attempt),
        )

    def ask(self, number: int, attempt: int = 0) -> dict[str, Any]:
        config = self._near_default.draw(number, attempt) or self._draw(number, attempt)
        self.restart(number, config)
        return config

    def _draw(self, number: int, attempt: int) -> dict[str, Any]:
        # A sampler seeded for this trial: a resumed sweep goes on as the uninterrupted one.
        self._study.sampler = self._sampler(number, attempt)
        trial = self._study.ask()
        config = optuna_encoder.suggest(self.space, trial)
        self._study.tell(trial, state=TrialState.FAIL)
        return config

    def restart(self, number: int, config: Mapping[str, Any]) -> None:
        """Give the trial its place in the study, at the coordinates of its configuration.

        Not at those that were drawn: a number in steps forgets where in its step it was drawn. So a
        study that is replayed from configurations is the one that was interrupted.
        """
        if number in self._pending:  # the attempt before this one
            self._study.tell(self._pending[number], state=TrialState.FAIL)
        params, distributions = optuna_encoder.to_params(self.space, config)
        self._study.enqueue_trial(params)
        self._pending[number] = self._study.ask(distributions)

    def tell(self, number: int, told: Told) -> None:
        if number not in self._pending:
            self.restart(number, told.config)
        trial = self._pending.pop(number)
        finite = {e: v for e, v in told.curve.items() if math.isfinite(v)}
        completed = told.outcome is Outcome.COMPLETED and bool(finite)
        state = TrialState.COMPLETE if completed else TrialState.PRUNED
        if told.outcome in (Outcome.FAILED, Outcome.DIVERGED):
            # Optuna passes over trials in the state FAIL, so that its model walks back into the
            # region that fails again and again. A violated constraint ranks behind every other
            # trial, and no value has to be invented.
            trial.set_constraint("trains", 1.0)
        for epoch, value in finite.items():
            trial.report(value, epoch)
        best = told.best(self.mode) if completed else None
        self._study.tell(trial, values=best, state=state)
