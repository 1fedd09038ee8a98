"""Optuna's Tree-structured Parzen Estimator, told at which fidelity a trial ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

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
        near = self._near_default.draw(number, attempt)
        if near is not None:
            return near
        # A sampler seeded for this trial: a resumed sweep goes on as the uninterrupted one.
        self._study.sampler = self._sampler(number, attempt)
        if number in self._pending:  # the attempt before this one
            self._study.tell(self._pending.pop(number), state=TrialState.FAIL)
        trial = self._study.ask()
        self._pending[number] = trial
        return optuna_encoder.suggest(self.space, trial)

    def restart(self, number: int, config: Mapping[str, Any]) -> None:
        # Nothing to reserve: without constant liar a pending trial does not move the model.
        return

    def tell(self, number: int, told: Told) -> None:
        trial = self._pending.pop(number, None)
        finite = {e: v for e, v in told.curve.items() if math.isfinite(v)}
        completed = told.outcome is Outcome.COMPLETED and bool(finite)
        state = TrialState.COMPLETE if completed else TrialState.PRUNED
        if trial is None:
            foreign = self._foreign(told, state, finite)
            self._judge(foreign, told.outcome)
            self._study.add_trial(foreign)
            return
        self._judge(trial, told.outcome)
        for epoch, value in finite.items():
            trial.report(value, epoch)
        best = told.best(self.mode) if state == TrialState.COMPLETE else None
        self._study.tell(trial, values=best, state=state, skip_if_finished=False)

    @staticmethod
    def _judge(trial: optuna.Trial | FrozenTrial, outcome: Outcome) -> None:
        """Mark what failed or diverged as infeasible: the model learns to stay away from there.

        Optuna passes over trials in the state FAIL, so that its model walks back into the region
        that fails again and again. A violated constraint ranks behind every other trial, and no
        value has to be invented.
        """
        if outcome in (Outcome.FAILED, Outcome.DIVERGED):
            trial.set_constraint("trains", 1.0)

    def _foreign(self, told: Told, state: TrialState, finite: Mapping[int, float]) -> FrozenTrial:
        params, distributions = optuna_encoder.to_params(self.space, told.config)
        return create_trial(
            params=params,
            distributions=distributions,
            state=state,
            value=told.best(self.mode) if state == TrialState.COMPLETE else None,
            intermediate_values=dict(finite),
        )
