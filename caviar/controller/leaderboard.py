"""Who leads: the best epoch of each trial, and the trials in their order."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping

from caviar.base.trial import Mode, Outcome, Report, TrialRecord, better

_CANNOT_WIN = (Outcome.FAILED, Outcome.DIVERGED)


class Leaderboard:
    """`records` are those of the sweep, which it looks at but does not change."""

    def __init__(self, records: Mapping[int, TrialRecord], *, metric: str, mode: Mode) -> None:
        self._records = records
        self._metric = metric
        self._mode = mode
        self._best: dict[int, Report] = {}

    def offer(self, number: int, report: Report) -> None:
        """One more epoch of a trial. NaN and infinities are never the best."""
        value = report.metrics.get(self._metric, math.nan)
        best = self._best.get(number)
        if math.isfinite(value) and (
            best is None or better(value, best.metrics[self._metric], self._mode)
        ):
            self._best[number] = report

    def best_epoch(self, number: int) -> Report | None:
        """The best epoch of one trial; the earliest of equals, None without a finite value."""
        return self._best.get(number)

    def first(self) -> tuple[int, Report] | None:
        """The trial with the best epoch of all, and that; None where none has a finite value."""
        ranking = self._ranking(1, self._best)
        return (ranking[0], self._best[ranking[0]]) if ranking else None

    def keepers(self, count: int, ending: int | None = None) -> set[int]:
        """The `count` best of the trials that have ended, with `ending` as one of them.

        A running trial that leads takes no place: it may diverge yet, and the next best one wins.
        """
        ended = (n for n in self._best if n == ending or not self._records[n].unfinished)
        return set(self._ranking(count, ended))

    def leaders(self, count: int) -> list[int]:
        """The `count` best trials that have a value and can win, the best first."""
        return self._ranking(count, self._best)

    def _ranking(self, count: int, numbers: Iterable[int]) -> list[int]:
        """The `count` best of these trials, the best first. Failed and diverged cannot win."""
        sign = -1 if self._mode == "max" else 1
        return heapq.nsmallest(
            count,
            (n for n in numbers if self._records[n].outcome not in _CANNOT_WIN),
            key=lambda n: (sign * self._best[n].metrics[self._metric], n),
        )
