"""Median stopping: a trial stops when it has done worse than most others did by that epoch.

Source: Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", section 3.2.1:
a trial stops at an epoch if its best score so far is strictly worse than the median of the others'
running means, each over the epochs up to that one. It looks at curves without a model of them. All
trials that have reached the epoch count, those that were stopped later too.
"""

from __future__ import annotations

import math
import statistics

from caviar.schedulers.base import Action, Scheduler
from caviar.schedulers.reasons import BelowMedian, NotFinite, Reason


class MedianStopping(Scheduler):
    """`grace` epochs run in any case; `least` others must have reached an epoch to judge it."""

    def __init__(self, *, grace: int, least: int, max_epochs: int) -> None:
        self._grace = grace
        self._least = least
        self._max_epochs = max_epochs
        self._sums: dict[int, float] = {}
        self._counts: dict[int, int] = {}
        self._best: dict[int, float] = {}
        self._means: dict[int, dict[int, float]] = {}
        self._why: dict[int, Reason] = {}

    def report(self, trial: int, epoch: int, score: float) -> Action:
        broken = not math.isfinite(score)
        # -inf stays in the sum, so that a broken curve's mean is the worst from there on.
        self._sums[trial] = self._sums.get(trial, 0.0) + (-math.inf if broken else score)
        self._counts[trial] = self._counts.get(trial, 0) + 1
        if not broken:
            self._best[trial] = max(self._best.get(trial, -math.inf), score)
        here = self._means.setdefault(epoch, {})
        here[trial] = self._sums[trial] / self._counts[trial]
        if epoch < self._grace:
            return Action.CONTINUE
        if broken:
            self._why[trial] = NotFinite()
            return Action.STOP
        others = [mean for other, mean in here.items() if other != trial]
        if len(others) < self._least:
            return Action.CONTINUE
        median = statistics.median(others)
        if self._best[trial] >= median:
            return Action.CONTINUE
        self._why[trial] = BelowMedian(self._best[trial], median)
        return Action.STOP

    def why(self, trial: int) -> Reason | None:
        return self._why.get(trial)

    def end(self, trial: int) -> None:
        self._why.pop(trial, None)

    def table(self, trials: int | None) -> list[tuple[str, str]]:
        return [
            (f"epochs 1 to {self._grace}", "nothing is stopped before the last of them"),
            (f"to epoch {self._max_epochs}", "below the median of the others' means stops"),
        ]
