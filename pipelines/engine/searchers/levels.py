"""What is known at which epoch: the learning curves of all trials, looked at across."""

from __future__ import annotations

import math

from pipelines.engine.records import Mode, Outcome
from pipelines.engine.searchers.base import Told


class Levels:
    """The trials that have reached an epoch, each with its best score up to there.

    A model of one epoch compares like with like: an epoch-3 value never meets an epoch-81 value.
    The highest epoch that enough trials have reached tells most (Falkner et al. 2018, "BOHB").
    Scores are higher for the better; a trial that diverged or failed has -inf from there on, at
    every epoch above the last one it finished, so that it counts as bad in every model.
    """

    def __init__(self, mode: Mode) -> None:
        self._sign = 1.0 if mode == "max" else -1.0
        self._scores: dict[int, dict[int, float]] = {}
        self._best: dict[int, float] = {}
        self._broken: dict[int, int] = {}

    def report(self, number: int, epoch: int, value: float) -> None:
        """One more epoch of a trial."""
        best = max(self._best.get(number, -math.inf), self._sign * value)
        self._best[number] = best
        self._scores.setdefault(epoch, {})[number] = best

    def tell(self, number: int, told: Told) -> None:
        """A trial has ended; what was reported of it before is said again."""
        self._best.pop(number, None)
        finite = {e: v for e, v in told.curve.items() if math.isfinite(v)}
        for epoch in sorted(finite):
            self.report(number, epoch, finite[epoch])
        if told.outcome in (Outcome.FAILED, Outcome.DIVERGED):
            self._broken[number] = max(finite, default=0)

    def highest(self, enough: int) -> list[tuple[int, float]] | None:
        """Trials and their scores at the highest epoch with ``enough`` finite scores.

        In the order of their numbers, so that a resumed sweep models what it would have; None
        where no epoch has enough.
        """
        for epoch in sorted(self._scores, reverse=True):
            scores = self._scores[epoch]
            if len(scores) < enough:
                continue
            broken = {n: -math.inf for n, last in self._broken.items() if last < epoch}
            return sorted((scores | broken).items())
        return None
