"""HyperBand, synchronous: brackets of trials that wait for each other at every rung.

Source: Li et al. 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization",
algorithm 1, with its ceiling: bracket s starts n = ceil((s_max + 1) · η^s / (s + 1)) trials at
R / η^s epochs, and at its rung i the best floor(n / η^(i + 1)) go on. For R = 81 and η = 3 the
brackets start 81, 34, 15, 8, 5 trials (the authors' own code starts 81, 27, 9, 6, 5).

Brackets run from the most aggressive one to the one that stops nothing, and again from the first.
A worker that is free while a bracket waits for its last trials starts a trial of the next bracket:
nobody idles, and several brackets may be open at once.

Ray's own `HyperBandScheduler` is replaced because with a searcher its brackets never fill, so
that it stops nothing, and because one failed trial leaves its bracket paused for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Set

from caviar.schedulers.base import Action, Move, Promote, Scheduler, Start
from caviar.schedulers.reasons import NotFinite, Ranked, Reason, Waits
from caviar.schedulers.rungs import rungs


def brackets(epochs: tuple[int, ...], factor: int) -> list[list[tuple[int, int]]]:
    """The rungs of each bracket: (trials, epoch), the last with the trials that run to the end.

    `epochs` are those of all rungs and, the last, the full fidelity.

    >>> for rungs in brackets((1, 3, 9), 3): print(rungs)
    [(9, 1), (3, 3), (1, 9)]
    [(5, 3), (1, 9)]
    [(3, 9)]
    """
    top = len(epochs) - 1
    found = []
    for s in range(top, -1, -1):
        count = starts(top, s, factor)
        found.append([(count // factor**i, epoch) for i, epoch in enumerate(epochs[top - s :])])
    return found


def starts(top: int, s: int, factor: int) -> int:
    """How many trials bracket s of 0 … top starts: ceil((top + 1) · factor^s / (s + 1))."""
    return -int(-(top + 1) * factor**s // (s + 1))


class _Bracket:
    """One bracket: `members` are the trials that are still expected at the current rung."""

    def __init__(self, rungs: list[tuple[int, int]], factor: int) -> None:
        self.rungs = rungs
        self.members: set[int] = set()
        self.losers: set[int] = set()
        """Trials that waited in vain."""
        self._factor = factor
        self._begun = 0
        self._level = 0
        self._closed = False
        self._scores: dict[int, dict[int, float]] = {epoch: {} for _, epoch in rungs}

    @property
    def open(self) -> bool:
        """Whether a new trial may join."""
        return not self._closed

    @property
    def over(self) -> bool:
        """Whether all its trials have ended."""
        return self._closed and not self.members and not self.losers

    def join(self, trial: int) -> None:
        self.members.add(trial)
        self._begun += 1
        if self._begun == self.rungs[0][0]:
            self.close()

    def close(self) -> None:
        """No more trials will come."""
        self._closed = True
        self._advance()

    def report(self, trial: int, epoch: int, score: float) -> Action:
        if epoch not in self._scores or epoch == self.rungs[-1][1]:
            return Action.CONTINUE if score > -math.inf else Action.STOP
        self._scores[epoch][trial] = score
        level = self._level
        self._advance()
        if score == -math.inf or trial in self.losers:
            return Action.STOP
        return Action.CONTINUE if trial in self.members and self._level > level else Action.PAUSE

    def leave(self, trial: int) -> None:
        """A trial has ended: nobody waits for it."""
        self.members.discard(trial)
        self.losers.discard(trial)
        if self._closed:
            self._advance()

    def ready(self, paused: Set[int]) -> int | None:
        """The best of the trials that have passed the last rung and are paused there."""
        if self._level == 0:
            return None
        here = self._scores[self.rungs[self._level][1]]  # they wait at the next one already
        waiting = (n for n in self._ranked(self._level - 1) if n in paused and n not in here)
        return next(waiting, None)

    def ready_if_closed(self, paused: Set[int]) -> int | None:
        """The best one, if no more trials join this bracket."""
        scores = self._scores[self.rungs[0][1]]
        if not self.members <= scores.keys() or len(self.rungs) == 1:
            return None
        return next((n for n in self._best(0) if n in paused), None)

    def why(self, trial: int) -> Reason:
        """Why a trial that was paused or stopped at its last rung does not go on."""
        here = [scores for scores in self._scores.values() if trial in scores]
        if not here or here[-1][trial] == -math.inf:
            return NotFinite()
        scores = here[-1]
        if trial in self.losers:
            place = sorted(scores, key=lambda n: (-scores[n], n)).index(trial) + 1
            rule = f"the best {len(self.members)} of its bracket go on"
            return Ranked(scores[trial], place, len(scores), rule)
        return Waits(scores[trial], len(self.members - scores.keys()))

    def _ranked(self, level: int) -> list[int]:
        scores = self._scores[self.rungs[level][1]]
        return sorted(self.members, key=lambda n: (-scores[n], n))

    def _best(self, level: int) -> list[int]:
        """Who goes on from a rung where all have reported; of a small bracket the same share."""
        scores = self._scores[self.rungs[level][1]]
        most = max(1, self._begun // self._factor ** (level + 1))
        return [n for n in self._ranked(level)[:most] if scores[n] > -math.inf]

    def _advance(self) -> None:
        """Pass rungs for as long as all that are expected have reported there."""
        while self._closed and self._level < len(self.rungs) - 1:
            scores = self._scores[self.rungs[self._level][1]]
            if not self.members <= scores.keys():
                return
            best = set(self._best(self._level))
            self.losers |= self.members - best
            self.members = best
            self._level += 1


class SynchronousHyperBand(Scheduler):
    """HyperBand's brackets. A trial belongs to the bracket that was being filled at its start."""

    def __init__(self, *, min_epochs: int, max_epochs: int, factor: int) -> None:
        self._factor = factor
        self._kinds = brackets((*rungs(min_epochs, max_epochs, factor), max_epochs), factor)
        self._brackets: list[_Bracket] = []
        """Those with trials, in the order in which they were opened."""
        self._opened = 0
        self._of: dict[int, _Bracket] = {}

    def next(self, *, new: bool, paused: Set[int]) -> Move | None:
        for bracket in self._brackets:
            trial = bracket.ready(paused)
            if trial is not None:
                return Promote(trial)
        if new:
            return Start()
        last = self._filling
        trial = None if last is None else last.ready_if_closed(paused)
        return None if trial is None else Promote(trial)

    @property
    def _filling(self) -> _Bracket | None:
        """The bracket that new trials join; None before the next one is opened."""
        return self._brackets[-1] if self._brackets and self._brackets[-1].open else None

    def start(self, trial: int, parent: int | None) -> None:
        bracket = self._filling
        if bracket is None:
            kind = self._kinds[self._opened % len(self._kinds)]
            bracket = _Bracket(kind, self._factor)
            self._opened += 1
            self._brackets.append(bracket)
        self._of[trial] = bracket
        bracket.join(trial)

    def promote(self, trial: int) -> None:
        bracket = self._of[trial]
        if bracket.open:  # nothing is left that could fill it
            bracket.close()

    def report(self, trial: int, epoch: int, score: float) -> Action:
        return self._of[trial].report(trial, epoch, score if math.isfinite(score) else -math.inf)

    def end(self, trial: int) -> None:
        bracket = self._of[trial]
        bracket.leave(trial)
        if bracket.over:
            self._brackets.remove(bracket)

    def dropped(self, paused: Set[int]) -> Iterable[int]:
        return [n for bracket in self._brackets for n in bracket.losers if n in paused]

    def why(self, trial: int) -> Reason | None:
        return self._of[trial].why(trial)

    def table(self, trials: int | None) -> list[tuple[str, str]]:
        rows = []
        left = trials
        for number, kind in enumerate(self._kinds):
            begun = kind[0][0] if left is None else min(kind[0][0], left)
            shares = [max(1, begun // self._factor**i) for i in range(len(kind))] if begun else []
            counts = zip(shares, (epoch for _, epoch in kind), strict=False)
            what = ", ".join(f"{count} to epoch {epoch}" for count, epoch in counts)
            rows.append((f"bracket {number}", what or "not reached"))
            left = None if left is None else left - begun
        total = sum(kind[0][0] for kind in self._kinds)
        if left is None or left > 0:
            rows.append((f"after {total} trials", "again from bracket 0"))
        return rows
