"""The searcher's side of a sweep: what it is asked, and what it is told of the trials.

Forks are kept from it: their values are not those of their configurations alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipelines.engine.plan import Plan
from pipelines.engine.records import Report, TrialRecord
from pipelines.engine.searchers.base import Searcher, Told
from search_spaces import SearchSpace

_SEARCHER_TRIES = 20
"""How often a searcher may propose what has run already; then a random draw takes its place."""
_RANDOM_TRIES = 1000
"""How many random draws may have run already before the space counts as exhausted."""


class Proposals:
    """Asks a searcher for configurations that have not run yet, and lets it learn of the trials."""

    def __init__(self, plan: Plan, *, space: SearchSpace, searcher: Searcher) -> None:
        self._plan = plan
        self._space = space
        self._searcher = searcher
        self._keys: set[Any] = set()

    def new(self, number: int) -> dict[str, Any] | None:
        """The default first, then what has not run yet; None when there is nothing left.

        A model over few choices proposes its favourite again and again: then any new one will do.
        """
        if number == 0 and self._plan.default_first:
            self._searcher.restart(number, self._space.default())
            return self._space.default()
        for attempt in range(_SEARCHER_TRIES):
            config = self._searcher.ask(number, attempt)
            if config is None or self._space.key(config) not in self._keys:
                return config
        rng = np.random.default_rng([self._plan.seed, number, _SEARCHER_TRIES])
        for _ in range(_RANDOM_TRIES):
            config = self._space.sample(rng)
            if self._space.key(config) not in self._keys:
                self._searcher.restart(number, config)
                return config
        return None

    def know(self, record: TrialRecord) -> None:
        """This configuration runs or ran: it is not proposed again."""
        self._keys.add(self._space.key(record.config))

    def again(self, record: TrialRecord) -> None:
        """An unfinished trial of an earlier session, with what it has reported."""
        if record.parent is None:
            self._searcher.restart(record.number, record.config)
        for report in record.reports:
            self.show(record, report)

    def show(self, record: TrialRecord, report: Report) -> None:
        """Let the searcher learn of a trial while it runs: the best ones end last."""
        value = report.metrics.get(self._plan.metric, math.nan)
        if math.isfinite(value) and record.parent is None:
            self._searcher.report(record.number, report.epoch, value)

    def tell(self, record: TrialRecord) -> None:
        """A trial has ended."""
        if record.parent is None:
            told = Told(
                config=record.config,
                outcome=record.outcome,
                curve=record.curve(self._plan.metric),
                max_epochs=self._plan.max_epochs,
            )
            self._searcher.tell(record.number, told)
