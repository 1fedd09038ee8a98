"""The searcher's side of a sweep: which configuration runs next, none twice, and what it is told.

Forks are kept from it: their values are not those of their configurations alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    """The default configuration where the plan says so, then what the searcher proposes.

    A model over few choices proposes its favourite again and again: then any new one will do.
    """

    def __init__(self, plan: Plan, *, space: SearchSpace, searcher: Searcher) -> None:
        self._plan = plan
        self._space = space
        self._searcher = searcher
        self._first = [space.default()] if plan.default_first else []
        self._keys: set[Any] = set()
        self._begun = 0
        self.exhausted = False
        """Whether the searcher had nothing left to propose."""

    @property
    def left(self) -> bool:
        """Whether a new trial can be had; forks do not count."""
        trials = self._plan.trials
        return not self.exhausted and (trials is None or self._begun < trials)

    def next(self, number: int) -> dict[str, Any] | None:
        """The configuration of a new trial; None when there is nothing left."""
        if number < len(self._first):
            return self._instead(number, self._first[number])
        for attempt in range(_SEARCHER_TRIES):
            config = self._searcher.ask(number, attempt)
            if config is None or self._is_new(config):
                self.exhausted = config is None
                return config
        rng = np.random.default_rng([self._plan.seed, number, _SEARCHER_TRIES])
        for _ in range(_RANDOM_TRIES):
            config = self._space.sample(rng)
            if self._is_new(config):
                return self._instead(number, config)
        self.exhausted = True
        return None

    def _is_new(self, config: Mapping[str, Any]) -> bool:
        return self._space.key(config) not in self._keys

    def _instead(self, number: int, config: Mapping[str, Any]) -> dict[str, Any]:
        """The searcher knows what runs instead of a proposal of its own."""
        self._searcher.restart(number, config)
        return dict(config)

    def runs(self, record: TrialRecord) -> None:
        """A trial has this configuration: it is not proposed again."""
        self._keys.add(self._space.key(record.config))
        self._begun += record.parent is None

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
