"""The searcher's side of a sweep: what it is asked for, and what it observes of the trials.

Forks are kept from it: their values are not those of their configurations alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from caviar.base.trial import Report, TrialRecord
from caviar.controller.plan import Plan
from caviar.searchers.base import Observation, Searcher
from caviar.searchers.suggestions import Suggestions
from search_spaces import SearchSpace


class NewTrials:
    """As many configurations as the plan says, the default first where it says so."""

    def __init__(self, plan: Plan, *, space: SearchSpace, searcher: Searcher) -> None:
        first = [*([space.default()] if plan.default_first else []), *plan.again]
        self._plan = plan
        self._searcher = searcher
        self._suggestions = Suggestions(searcher, space, seed=plan.seed, first=first)
        self._begun = 0
        self.exhausted = False
        """Whether there was nothing left to propose."""

    @property
    def left(self) -> bool:
        """Whether a new trial can be had; forks do not count."""
        trials = self._plan.trials
        return not self.exhausted and (trials is None or self._begun < trials)

    def next(self, number: int) -> dict[str, Any] | None:
        """The configuration of a new trial; None when there is nothing left."""
        config = self._suggestions.next(number)
        self.exhausted = config is None
        return config

    def runs(self, record: TrialRecord) -> None:
        """A trial has this configuration: it is not proposed again."""
        self._suggestions.runs(record.config)
        self._begun += record.parent is None

    def learn(self, rows: Sequence[Observation]) -> None:
        """Tell the searcher of trials of earlier sweeps, in their order, before the first trial.

        Their numbers are below 0, the latest next to trial 0: no number of this sweep's trials is
        taken, and what weighs later trials more weighs these least. None of them runs here, but for
        those that the plan runs again.
        """
        for number, row in enumerate(rows, start=-len(rows)):
            self._searcher.observe(number, row)
            self._suggestions.runs(row.config)

    def again(self, record: TrialRecord) -> None:
        """An unfinished trial of an earlier session, with what it has reported."""
        if record.parent is None:
            self._searcher.register(record.number, record.config)
        for report in record.reports:
            self.show(record, report)

    def show(self, record: TrialRecord, report: Report) -> None:
        """Let the searcher learn of a trial while it runs: the best ones end last."""
        value = self._plan.objective.of(report.metrics)
        if math.isfinite(value) and record.parent is None:
            self._searcher.report(record.number, report.epoch, value)

    def observe(self, record: TrialRecord) -> None:
        """A trial has ended."""
        if record.parent is None:
            observation = Observation(
                config=record.config,
                outcome=record.outcome,
                curve=record.curve(self._plan.objective.metric),
                max_epochs=self._plan.max_epochs,
            )
            self._searcher.observe(record.number, observation)
