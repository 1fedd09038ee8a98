"""HyperOpt's Tree-structured Parzen Estimator on a list of trials in memory."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import hyperopt
from hyperopt import tpe

from pipelines.engine.records import Mode, Outcome
from pipelines.engine.searchers.base import NearDefault, Searcher, Told, proposal_seed
from pipelines.engine.searchers.options import HyperOpt
from search_spaces import SearchSpace
from search_spaces.encoders import hyperopt_encoder


class HyperOptSearcher(Searcher):
    """Diverged and failed trials are told with an infinite loss: the model stays away from there.

    HyperOpt's model knows losses by their rank alone, and infinity is the last. (Trials with the
    status "fail" it passes over, and walks back; a NaN among the losses makes it propose from the
    bad region again and again.)
    """

    def __init__(self, space: SearchSpace, *, options: HyperOpt, mode: Mode, seed: int) -> None:
        super().__init__(space, mode=mode, seed=seed)
        logging.getLogger("hyperopt").setLevel(logging.WARNING)
        self._options = options
        self._domain = hyperopt.base.Domain(lambda _: 0.0, hyperopt_encoder.encode(space))
        self._trials = hyperopt.Trials()
        self._near_default = NearDefault(space, seed=seed, startup_trials=options.startup_trials)
        self._pending: dict[int, dict[str, Any]] = {}

    def ask(self, number: int, attempt: int = 0) -> dict[str, Any]:
        config = self._near_default.draw(number, attempt) or self._draw(number, attempt)
        self.restart(number, config)
        return config

    def _draw(self, number: int, attempt: int) -> dict[str, Any]:
        self._forget(number)
        (document,) = tpe.suggest(
            [number],
            self._domain,
            self._trials,
            proposal_seed(self.seed, number, attempt),
            n_startup_jobs=self._options.startup_trials,
            n_EI_candidates=self._options.candidates,
            gamma=self._options.gamma,
            verbose=False,
        )
        return hyperopt_encoder.from_vals(self.space, document["misc"]["vals"])

    def restart(self, number: int, config: Mapping[str, Any]) -> None:
        """Insert the trial at the coordinates of its configuration.

        Not at those that were drawn: a number in steps forgets where in its step it was drawn. So
        trials that are replayed from configurations are those that were interrupted.
        """
        self._forget(number)
        self._trials.insert_trial_docs([self._document(number, config)])
        self._trials.refresh()
        # The list keeps a copy of what it was given: hold on to the one it looks at.
        self._pending[number] = next(d for d in self._trials._dynamic_trials if d["tid"] == number)

    def _forget(self, number: int) -> None:
        """Take back the attempt before this one."""
        if number in self._pending:
            self._trials._dynamic_trials.remove(self._pending.pop(number))
            self._trials.refresh()

    def tell(self, number: int, told: Told) -> None:
        if number not in self._pending:
            self.restart(number, told.config)
        document = self._pending.pop(number)
        best = told.best(self.mode)
        if best is None or told.outcome in (Outcome.FAILED, Outcome.DIVERGED):
            loss = math.inf
        else:
            loss = -best if self.mode == "max" else best
        document["state"] = hyperopt.JOB_STATE_DONE
        document["result"] = {"status": hyperopt.STATUS_OK, "loss": loss}
        self._trials.refresh()

    def _document(self, number: int, config: Mapping[str, Any]) -> dict[str, Any]:
        vals = hyperopt_encoder.to_vals(self.space, config)
        misc = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "vals": vals,
            "idxs": {label: [number] if value else [] for label, value in vals.items()},
        }
        (document,) = self._trials.new_trial_docs([number], [None], [{"status": "new"}], [misc])
        return dict(document)
