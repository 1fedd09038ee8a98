"""The rungs of successive halving, in integers.

A trial is judged when it reaches a rung: an epoch of min_epochs·η^k below max_epochs, and
max_epochs itself ends it. Source: Li et al. 2018, "A System for Massively Parallel
Hyperparameter Tuning", algorithm 2.
"""

from __future__ import annotations

import bisect
import math

from caviar.base.errors import UsageError
from caviar.schedulers.reasons import Ranked


def rungs(min_epochs: int, max_epochs: int, factor: int) -> tuple[int, ...]:
    """The epochs at which a trial is judged, rising, all below `max_epochs`.

    Integer powers: a float logarithm gives 243 = 3^5 only four rungs.

    >>> rungs(1, 243, 3)
    (1, 3, 9, 27, 81)
    >>> rungs(1, 100, 4)
    (1, 4, 16, 64)
    """
    if factor < 2:
        raise UsageError(f"The reduction factor must be at least 2, and it is {factor}.")
    if min_epochs < 1:
        raise UsageError(f"A first rung lies at epoch 1 or later, and min_epochs is {min_epochs}.")
    if max_epochs < 1:
        raise UsageError(f"A trial needs at least 1 epoch, and max_epochs is {max_epochs}.")
    found = []
    rung = min_epochs
    while rung < max_epochs:
        found.append(rung)
        rung *= factor
    return tuple(found)


class Rung:
    """The values of the trials that have reached one epoch, and the cut among them."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._trials: set[int] = set()
        self._ranked: list[float] = []
        self._passed = 0

    def __contains__(self, trial: int) -> bool:
        return trial in self._trials

    def __len__(self) -> int:
        return len(self._trials)

    def cut(self, factor: int) -> float | None:
        """The (1 - 1/factor) quantile of the scores so far, higher being better; None if empty.

        Linear between the neighbours, as `numpy.quantile`. -inf, the score of a diverged or
        infinite report, counts as the lowest rank and is never interpolated with.

        >>> rung = Rung(1)
        >>> for trial, score in enumerate([1.0, 2.0, 3.0, 4.0]): rung.record(trial, score)
        >>> rung.cut(2)
        2.5
        """
        if not self._ranked:
            return None
        ranked = self._ranked
        position = (len(ranked) - 1) * (1 - 1 / factor)
        below = math.floor(position)
        low, high = ranked[below], ranked[min(below + 1, len(ranked) - 1)]
        if math.isinf(low):
            return high if position > below else low
        return low + (high - low) * (position - below)

    def no_room(self, score: float, factor: int) -> Ranked | None:
        """Why one more trial, with this score, does not go on by the rule of the quota; None where
        it goes on.

        It must be among the best 1 in `factor` here, itself included, and no more than 1 in
        `factor` may have gone on with it. A trial that beats all before it always goes on. Of
        equals, the earlier ranks higher.

        >>> rung = Rung(1)
        >>> rung.no_room(0.5, 3) is None  # the first of all
        True
        >>> rung.record(0, 0.5, passes=True)
        >>> rung.no_room(0.4, 3).words("max")
        '0.4 is number 2 of 2 there, and only the best 1 may go on'
        """
        ahead = len(self._ranked) - bisect.bisect_left(self._ranked, score)
        quota = (len(self._ranked) + 1) / factor
        if ahead == 0 or (ahead < quota and self._passed + 1 <= quota):
            return None
        if ahead >= quota:
            rule = f"only the best {math.ceil(quota)} may go on"
        else:
            rule = f"{self._passed} went on before it, where 1 in {factor} may"
        return Ranked(score, ahead + 1, len(self._ranked) + 1, rule)

    def record(self, trial: int, score: float, *, passes: bool = False) -> None:
        """Note that `trial` has reached this rung; NaN and infinities are the worst."""
        self._trials.add(trial)
        self._passed += passes
        bisect.insort(self._ranked, score if math.isfinite(score) else -math.inf)
