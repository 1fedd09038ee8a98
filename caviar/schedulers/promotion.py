"""Asynchronous successive halving, the promotion variant: trials wait paused at each rung.

A trial pauses at a rung unless it is the next to be promoted from there. A free worker takes the
best paused trial of the highest rung that has one among the best 1/η of all that reached it, and
starts a new trial where there is none.
Source: Li et al. 2018, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2. Beyond
it, no more than 1/η of a rung's trials are promoted: by the algorithm alone, a searcher that
improves pushes earlier promoted trials out of the best 1/η all the time, and more than 1/η go on.

Where the stopping variant decides at once and for ever, this one waits for who comes: a trial that
was good for its time but not for long never goes on, and a middling one may, later.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Set

from caviar.schedulers.base import Action, Move, Promote, Scheduler, Start
from caviar.schedulers.reasons import NotFinite, Ranked, Reason
from caviar.schedulers.rungs import rungs

_MOST_WAITING = 100
"""Trials that stay paused at a rung, the best ones; each has a checkpoint on the disk."""


class _Rung:
    """The trials that reached an epoch, and those of them that wait there, the best first."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._promoted = 0
        self._ranked: list[tuple[float, int, int]] = []
        self._waiting: list[tuple[float, int, int]] = []
        self._keys: dict[int, tuple[float, int, int]] = {}

    def record(self, trial: int, score: float) -> None:
        """A trial has got here; with -inf it counts, and does not wait."""
        key = (-score, len(self._ranked), trial)  # of equals, the one that was here first
        bisect.insort(self._ranked, key)
        if score > -math.inf:
            self._keys[trial] = key
            bisect.insort(self._waiting, key)

    def candidate(self, factor: int, paused: Set[int] | None = None) -> int | None:
        """The best of the waiting trials, those in `paused` alone, if there is room for it."""
        room = len(self._ranked) // factor
        if self._promoted >= room:
            return None
        for key in self._waiting:
            if bisect.bisect_left(self._ranked, key) >= room:
                return None
            if paused is None or key[2] in paused:
                return key[2]
        return None

    def promote(self, trial: int) -> None:
        """A trial leaves for the next rung."""
        self._promoted += self.leave(trial)

    def leave(self, trial: int) -> bool:
        """A trial waits here no more; whether it did."""
        key = self._keys.pop(trial, None)
        if key is None:
            return False
        del self._waiting[bisect.bisect_left(self._waiting, key)]
        return True

    def place(self, trial: int, factor: int) -> Ranked | None:
        """Where a waiting trial stands; None for one that does not wait here."""
        key = self._keys.get(trial)
        if key is None:
            return None
        place = bisect.bisect_left(self._ranked, key) + 1
        room = len(self._ranked) // factor
        if place > room:
            rule = f"the best {room} may go on" if room else f"1 in {factor} may go on"
        else:
            rule = f"{self._promoted} of {room} have gone on"
        return Ranked(-key[0], place, len(self._ranked), rule)

    def worst(self, most: int) -> list[int]:
        """Those that wait behind the best `most`."""
        return [trial for _, _, trial in self._waiting[most:]]


class PromotedHalving(Scheduler):
    """ASHA with promotions."""

    def __init__(self, *, min_epochs: int, max_epochs: int, factor: int) -> None:
        self._factor = factor
        self._max_epochs = max_epochs
        self._rungs = [_Rung(epoch) for epoch in rungs(min_epochs, max_epochs, factor)]

    def next(self, *, new: bool, paused: Set[int]) -> Move | None:
        for rung in reversed(self._rungs):
            trial = rung.candidate(self._factor, paused)
            if trial is not None:
                return Promote(trial)
        return Start() if new else None

    def promote(self, trial: int) -> None:
        for rung in self._rungs:
            rung.promote(trial)

    def report(self, trial: int, epoch: int, score: float) -> Action:
        rung = next((r for r in self._rungs if r.epoch == epoch), None)
        broken = not math.isfinite(score)
        if rung is not None:
            rung.record(trial, -math.inf if broken else score)
            if rung.candidate(self._factor) == trial:
                rung.promote(trial)
                return Action.CONTINUE
        if broken:
            return Action.STOP
        return Action.CONTINUE if rung is None else Action.PAUSE

    def end(self, trial: int) -> None:
        for rung in self._rungs:
            rung.leave(trial)

    def dropped(self, paused: Set[int]) -> Iterable[int]:
        return [t for r in self._rungs for t in r.worst(_MOST_WAITING) if t in paused]

    def why(self, trial: int) -> Reason | None:
        places = (rung.place(trial, self._factor) for rung in self._rungs)
        return next((place for place in places if place is not None), NotFinite())

    def table(self, trials: int | None) -> list[tuple[str, str]]:
        rows, left = [], trials
        for epoch in [*(rung.epoch for rung in self._rungs), self._max_epochs]:
            what = "end" if epoch == self._max_epochs else "rung"
            most = f"the best 1 in {self._factor}" if left is None else f"{left} trials at most"
            rows.append((f"{what} at epoch {epoch}", most))
            left = None if left is None else left // self._factor
        return rows
