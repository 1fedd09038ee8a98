"""The trials of a sweep as a set: which is the best, which lead, how many ended how."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from caviar.base.objective import Objective
from caviar.base.trial import Outcome, Report, TrialRecord

CANNOT_WIN = (Outcome.FAILED, Outcome.DIVERGED)
BASELINE = 0
"""The number of the trial that runs the default configuration."""


class Best(NamedTuple):
    """A trial and its best report."""

    trial: TrialRecord
    report: Report


class Trials(Mapping[int, TrialRecord]):
    """The trials of a sweep by number, and every question about all of them.

    The best epoch of each trial is kept up to date, so that no question goes through the reports
    again: `add` and `report` are the only ways in. A trial is compared by its best epoch; failed
    and diverged trials cannot win, and NaN and infinities are never the best.

    Args:
        objective: what is compared.
        records: trials to begin with, with the reports that they have.
    """

    def __init__(
        self, objective: Objective, records: Mapping[int, TrialRecord] | None = None
    ) -> None:
        self.objective = objective
        self._records: dict[int, TrialRecord] = {}
        self._best: dict[int, Report] = {}
        self.epochs = 0
        """Epochs trained, over all trials."""
        for record in (records or {}).values():
            self.add(record)

    # As a mapping.

    def __getitem__(self, number: int) -> TrialRecord:
        return self._records[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    # What happens.

    def add(self, record: TrialRecord) -> None:
        """One more trial, with the reports that it has."""
        self._records[record.number] = record
        self.epochs += len(record.reports)
        best = self.objective.best_epoch(record.reports)
        if best is not None:
            self._best[record.number] = best

    def report(self, number: int, report: Report) -> None:
        """One more epoch of a trial."""
        self._records[number].reports.append(report)
        self.epochs += 1
        best = self._best.get(number)
        value = self.objective.of(report.metrics)
        if self.objective.better(value, None if best is None else self.objective.of(best.metrics)):
            self._best[number] = report

    # Who leads.

    def best_report(self, number: int) -> Report | None:
        """The best epoch of one trial; the earliest of equals, None without a finite value."""
        return self._best.get(number)

    def best_value(self, number: int) -> float | None:
        """The value of the best epoch of one trial; None without a finite value."""
        best = self._best.get(number)
        return None if best is None else self.objective.of(best.metrics)

    def best(self) -> Best | None:
        """The trial with the best epoch of all, the first of equals; None before any."""
        first = next(iter(self.leaders(1)), None)
        return None if first is None else Best(self._records[first], self._best[first])

    def leaders(self, count: int | None = None, among: Iterable[int] | None = None) -> list[int]:
        """The `count` best trials (all of them by default) of those that have a value and can win,
        the best first; of equals the one with the lower number.

        Args:
            count: how many at most.
            among: the numbers to choose from; all trials by default.
        """
        numbers = self._best if among is None else (n for n in among if n in self._best)
        can_win = (n for n in numbers if self._records[n].outcome not in CANNOT_WIN)
        if count is None:
            return sorted(can_win, key=self._rank)
        return heapq.nsmallest(count, can_win, key=self._rank)  # of none it looks at no trial

    def keepers(self, count: int, ending: int | None = None) -> set[int]:
        """The `count` best of the trials that have ended, with `ending` as one of them.

        A running trial that leads takes no place: it may diverge yet, and the next best one wins.
        """
        ended = (n for n in self._best if n == ending or not self._records[n].unfinished)
        return set(self.leaders(count, ended))

    def baseline(self) -> Report | None:
        """The best epoch of the default configuration; None without a finite value."""
        return self._best.get(BASELINE)

    def _rank(self, number: int) -> tuple[float, int]:
        return self.objective.rank(self.objective.of(self._best[number].metrics)), number

    # How many.

    def count(self, outcome: Outcome) -> int:
        """How many trials have this outcome."""
        return sum(record.outcome is outcome for record in self._records.values())

    def counts(self) -> dict[Outcome, int]:
        """How many trials have each outcome, in the order of `Outcome`."""
        return {outcome: self.count(outcome) for outcome in Outcome}

    def forks(self) -> int:
        """How many started from another trial's checkpoint."""
        return sum(record.parent is not None for record in self._records.values())

    def ended(self) -> list[TrialRecord]:
        """Those that train no more."""
        return [record for record in self._records.values() if not record.unfinished]

    def reached(self, epoch: int) -> list[TrialRecord]:
        """Those that have trained `epoch` epochs or more."""
        return [record for record in self._records.values() if record.epoch >= epoch]
