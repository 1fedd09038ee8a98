"""HyperOpt's Tree-structured Parzen Estimator, on the trials of one epoch at a time.

HyperOpt is imported when a searcher is built.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from caviar.base.errors import UsageError
from caviar.base.trial import Mode
from caviar.searchers.base import Searcher
from caviar.searchers.fidelity import FidelityLevel
from caviar.searchers.model import ModelOptions, ModelSearcher
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperOpt(ModelOptions):
    """HyperOpt's Tree-structured Parzen Estimator (Bergstra et al. 2013)."""

    gamma: float = 0.5
    """The share of the trials, in units of their square root, that count as good."""

    def __post_init__(self) -> None:
        ModelOptions.__post_init__(self)
        if not 0 < self.gamma <= 1:
            raise UsageError(f"gamma must lie above 0 and at most at 1, and it is {self.gamma}.")

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        return HyperOptSearcher(space, options=self, mode=mode, seed=seed)


class HyperOptSearcher(ModelSearcher):
    """The list of trials holds those of the level and those that were stopped before it, and is
    made anew when the level rises or an earlier trial comes in.

    Trials that were stopped, diverged or failed have an infinite loss: HyperOpt's model knows
    losses by their rank alone, and infinity is the last. (Trials with the status "fail" it passes
    over, and walks back; a NaN among the losses makes it propose from the bad region again and
    again.)
    """

    def __init__(self, space: SearchSpace, *, options: HyperOpt, mode: Mode, seed: int) -> None:
        import hyperopt

        from search_spaces.encoders import hyperopt_encoder

        super().__init__(space, options=options, mode=mode, seed=seed)
        logging.getLogger("hyperopt").setLevel(logging.WARNING)
        self._options = options
        self._domain = hyperopt.base.Domain(lambda _: 0.0, hyperopt_encoder.encode(space))
        self._trials = hyperopt.Trials()
        self._shown: list[tuple[int, float | None]] = []
        """The trials in the list and their scores."""
        self._vals: dict[int, dict[str, list[float | int]]] = {}
        """`configs` in HyperOpt's coordinates."""

    def propose(self, level: FidelityLevel, rng: np.random.Generator) -> dict[str, Any]:
        from hyperopt import tpe

        from search_spaces.encoders import hyperopt_encoder

        self._show(level)
        docs = tpe.suggest(
            [max(self.configs) + 1],
            self._domain,
            self._trials,
            int(rng.integers(2**31)),
            n_startup_jobs=0,
            n_EI_candidates=self._options.candidates,
            gamma=self._options.gamma,
            verbose=False,
        )
        return hyperopt_encoder.from_vals(self.space, docs[0]["misc"]["vals"])

    def register(self, number: int, config: Mapping[str, Any]) -> None:
        from search_spaces.encoders import hyperopt_encoder

        super().register(number, config)
        self._vals[number] = hyperopt_encoder.to_vals(self.space, config)

    def _show(self, level: FidelityLevel) -> None:
        """Bring the list of trials up to this level, in the order of their numbers.

        Whatever order they came in: HyperOpt weighs later trials more, and a resumed sweep must
        propose what the uninterrupted one would have.
        """
        import hyperopt

        rows = level.in_order()
        if rows[: len(self._shown)] != self._shown:
            self._shown = []
            self._trials = hyperopt.Trials()
        new = rows[len(self._shown) :]
        if new:
            self._trials.insert_trial_docs([self._document(number, s) for number, s in new])
            self._trials.refresh()
            self._shown = rows

    def _document(self, number: int, score: float | None) -> dict[str, Any]:
        import hyperopt

        vals = self._vals[number]
        misc = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "vals": vals,
            "idxs": {label: [number] if value else [] for label, value in vals.items()},
        }
        loss = math.inf if score is None else -score
        result = {"status": hyperopt.STATUS_OK, "loss": loss}
        (document,) = self._trials.new_trial_docs([number], [None], [result], [misc])
        document["state"] = hyperopt.JOB_STATE_DONE
        return dict(document)
