"""What is known at which epoch: the learning curves of all trials, looked at across."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.engine.records import Mode, Outcome
from pipelines.engine.searchers.base import Told

_BEST = 25


@dataclass(frozen=True, slots=True)
class Level:
    """The trials that have reached ``epoch``, in the order of their numbers."""

    epoch: int
    scores: Mapping[int, float]
    """Trial to its best score up to that epoch: higher is better, -inf diverged or failed."""

    def thinned(self, most: int) -> Level:
        """At most ``most`` trials by their numbers, and the best 25: what a model has time for.

        It is the trials with numbers divisible by a power of two, so that the same trials stay
        while new ones come, until that power changes.

        >>> sorted(Level(1, {n: float(n) for n in range(200)}).thinned(60).scores)[:4]
        [0, 4, 8, 12]
        """
        if len(self.scores) <= most:
            return self
        stride = 2 ** math.ceil(math.log2(len(self.scores) / most))
        best = set(heapq.nlargest(_BEST, self.scores, key=lambda n: self.scores[n]))
        kept = {n: s for n, s in self.scores.items() if n % stride == 0 or n in best}
        return Level(self.epoch, kept)


class Levels:
    """Every trial's best score up to every epoch that it has reached.

    A model of one epoch compares like with like: an epoch-3 value never meets an epoch-81 value.
    The highest epoch that enough trials have reached tells most (Falkner et al. 2018, "BOHB").
    A trial that diverged or failed has -inf at every epoch above the last one it finished, so that
    it counts as bad in every model.
    """

    def __init__(self, mode: Mode) -> None:
        self._sign = 1.0 if mode == "max" else -1.0
        self._scores: dict[int, dict[int, float]] = {}
        self._best: dict[int, float] = {}
        self._broken: dict[int, int] = {}

    def report(self, number: int, epoch: int, value: float) -> None:
        """One more epoch of a trial; ``value`` is finite."""
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

    def highest(self, enough: int) -> Level | None:
        """The highest epoch with ``enough`` finite scores; None where no epoch has them."""
        for epoch in sorted(self._scores, reverse=True):
            scores = self._scores[epoch]
            if len(scores) < enough:
                continue
            broken = {n: -math.inf for n, last in self._broken.items() if last < epoch}
            # Sorted: a resumed sweep models what the uninterrupted one would have.
            return Level(epoch, dict(sorted((scores | broken).items())))
        return None
