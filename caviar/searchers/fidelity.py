"""What is known at which epoch: the learning curves of all trials, looked at across."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from operator import itemgetter

from caviar.base.trial import Mode, Outcome
from caviar.searchers.base import Observation

_BEST = 25


@dataclass(frozen=True, slots=True)
class FidelityLevel:
    """The trials that have reached `epoch`, in the order of their numbers."""

    epoch: int
    scores: Mapping[int, float]
    """Trial to its best score up to that epoch: higher is better, -inf diverged or failed."""
    stopped: tuple[int, ...] = ()
    """The trials that were stopped before that epoch, in order: no model may forget where they lie,
    or it takes the region where nothing survives for one that nobody has tried."""

    def in_order(self) -> list[tuple[int, float | None]]:
        """Every trial and its score, by number; None for the score of one that was stopped."""
        stopped = [(number, None) for number in self.stopped]
        return sorted([*self.scores.items(), *stopped], key=itemgetter(0))

    def thinned(self, most: int) -> FidelityLevel:
        """At most `most` trials, and the best 25, and of those that were stopped as many.

        What a model has time for, and no more stopped trials than others, which they would drown.
        It is the trials with numbers divisible by a power of two, so that the same trials stay
        while new ones come, until that power changes.

        >>> sorted(FidelityLevel(1, {n: float(n) for n in range(200)}).thinned(60).scores)[:4]
        [0, 4, 8, 12]
        """
        some = set(_thinned(self.scores, most))
        if len(some) < len(self.scores):
            some.update(heapq.nlargest(_BEST, self.scores, key=lambda n: self.scores[n]))
        scores = {number: score for number, score in self.scores.items() if number in some}
        return FidelityLevel(self.epoch, scores, _thinned(self.stopped, len(scores)))


def _thinned(numbers: Collection[int], most: int) -> tuple[int, ...]:
    if len(numbers) <= most:
        return tuple(numbers)
    stride = 2 ** math.ceil(math.log2(len(numbers) / most))
    return tuple(number for number in numbers if number % stride == 0)


class FidelityLevels:
    """Every trial's best score up to every epoch that it has reached.

    A model of one epoch compares like with like: an epoch-3 value never meets an epoch-81 value.
    The highest epoch that enough trials have reached tells most (Falkner et al. 2018, "BOHB").
    A trial that diverged or failed has -inf at every epoch, those included that it finished: it
    cannot win, and where it did well before it broke, others would break too.
    """

    def __init__(self, mode: Mode) -> None:
        self._sign = 1.0 if mode == "max" else -1.0
        self._scores: dict[int, dict[int, float]] = {}
        """Epoch to trial to score; no broken trial is among them."""
        self._best: dict[int, float] = {}
        self._broken: set[int] = set()
        self._stopped: dict[int, int] = {}
        """Trials that were stopped, and after which epoch."""

    def report(self, number: int, epoch: int, value: float) -> None:
        """One more epoch of a trial; `value` is finite."""
        best = max(self._best.get(number, -math.inf), self._sign * value)
        self._best[number] = best
        self._scores.setdefault(epoch, {})[number] = best

    def observe(self, number: int, observation: Observation) -> None:
        """A trial has ended; what was reported of it before is said again.

        A trial that failed may have been tried again: the last that is told of it counts.
        """
        self._best.pop(number, None)
        for scores in self._scores.values():
            scores.pop(number, None)
        self._broken.discard(number)
        self._stopped.pop(number, None)
        if observation.outcome in (Outcome.FAILED, Outcome.DIVERGED):
            self._broken.add(number)
            return
        finite = {e: v for e, v in observation.curve.items() if math.isfinite(v)}
        for epoch in sorted(finite):
            self.report(number, epoch, finite[epoch])
        if observation.outcome is Outcome.STOPPED_EARLY:
            self._stopped[number] = max(observation.curve, default=0)

    def highest(self, enough: int) -> FidelityLevel | None:
        """The highest epoch that `enough` trials have reached which did not break.

        Where no epoch has so many, and with those that broke the first one has: that epoch, once 2
        trials have reached it. So a sweep of which most trials break learns where they do not.
        """
        reached = {epoch: len(scores) for epoch, scores in self._scores.items()}
        epochs = [epoch for epoch, count in reached.items() if count >= enough]
        if not epochs:
            some = [epoch for epoch, count in reached.items() if count >= 2]
            if not some or reached[min(some)] + len(self._broken) < enough:
                return None
            epochs = [min(some)]
        scores = self._scores[max(epochs)] | dict.fromkeys(self._broken, -math.inf)
        # Sorted: a resumed sweep models what the uninterrupted one would have.
        stopped = (number for number, last in self._stopped.items() if last < max(epochs))
        return FidelityLevel(max(epochs), dict(sorted(scores.items())), tuple(sorted(stopped)))
