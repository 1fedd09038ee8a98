"""Asynchronous successive halving, the stopping variant, in one or several brackets.

Two rules say who goes on from a rung. By the quantile, a trial whose score is at least the
(1 - 1/η) quantile of the scores that other trials of its bracket had there before it, as in Ray
Tune's `AsyncHyperBandScheduler`. By the quota, a trial that is among the best 1/η there, as long
as no more than 1/η of them went on; one that beats all before it always does. The two agree where
trials come in random order. A searcher that improves proposes better trials all the time: by the
quantile nearly all of them go on (a fifth of Ray's OptunaSearch's ran to the end), and what they
cost is not there to try others. By the quota 1/η of them go on, as by the rule that promotes paused
trials. Source: Li et al. 2018, "A System for Massively Parallel Hyperparameter Tuning".

Ray's own class is replaced, not used, because it takes its rungs from a float logarithm (243 and 3
lose the top one), never stops a NaN (`nan < cut` is false), draws brackets from the global
random generator and cannot be rebuilt from a history.
"""

from __future__ import annotations

import math
import random

from caviar.schedulers.base import Action, Scheduler
from caviar.schedulers.hyperband import starts
from caviar.schedulers.reasons import BelowCut, NotFinite, Reason
from caviar.schedulers.rungs import Rung, rungs


class AsyncHalving(Scheduler):
    """One bracket is ASHA. With several, bracket s starts its first rung at min_epochs·η^s.

    Trials are dealt to the brackets at random, with a generator of their own for each trial, in
    proportion to the number of configurations that HyperBand starts in each
    (Li et al. 2018, "Hyperband", algorithm 1: n_s = ceil((s_max + 1)·η^s / (s + 1))).
    """

    def __init__(
        self,
        *,
        min_epochs: int,
        max_epochs: int,
        factor: int,
        brackets: int,
        seed: int,
        quota: bool = False,
    ) -> None:
        self._factor = factor
        self._quota = quota
        self._seed = seed
        self._max_epochs = max_epochs
        all_rungs = rungs(min_epochs, max_epochs, factor)
        # A bracket without a rung stops nothing; it is the last that makes sense.
        count = min(brackets, len(all_rungs) + 1)
        self._brackets = [[Rung(e) for e in all_rungs[s:]] for s in range(count)]
        top = len(all_rungs)
        self._weights = [starts(top, top - s, factor) for s in range(count)]
        self._why: dict[int, Reason] = {}

    def bracket(self, trial: int) -> int:
        """The bracket of a trial: a function of the seed and the number alone."""
        if len(self._brackets) == 1:
            return 0
        draw = random.Random(f"{self._seed} {trial}")
        return draw.choices(range(len(self._brackets)), self._weights)[0]

    def report(self, trial: int, epoch: int, score: float) -> Action:
        if not math.isfinite(score):
            score = -math.inf
        goes_on = True
        # From the top: a trial that comes back after a lost epoch is judged at the highest rung.
        for rung in reversed(self._brackets[self.bracket(trial)]):
            if epoch < rung.epoch or trial in rung:
                continue
            reason = self._against(rung, score)
            goes_on = reason is None
            if reason is not None:
                self._why[trial] = reason
            rung.record(trial, score, passes=goes_on)
            break
        return Action.CONTINUE if goes_on else Action.STOP

    def _against(self, rung: Rung, score: float) -> Reason | None:
        """What keeps a trial from going on; None where it goes on."""
        if score == -math.inf:
            return NotFinite()
        if self._quota:
            return rung.no_room(score, self._factor)
        cut = rung.cut(self._factor)
        return None if cut is None or score >= cut else BelowCut(score, cut)

    def why(self, trial: int) -> Reason | None:
        return self._why.get(trial)

    def end(self, trial: int) -> None:
        self._why.pop(trial, None)

    def table(self, trials: int | None) -> list[tuple[str, str]]:
        rows = []
        total = sum(self._weights)
        for number, bracket in enumerate(self._brackets):
            left = None if trials is None else trials * self._weights[number] / total
            name = f"bracket {number}: " if len(self._brackets) > 1 else ""
            for rung in bracket:
                rows.append((f"{name}rung at epoch {rung.epoch}", self._expected(left)))
                left = None if left is None else left / self._factor
            rows.append((f"{name}end at epoch {self._max_epochs}", self._expected(left)))
        return rows

    def _expected(self, trials: float | None) -> str:
        if trials is None:
            return f"about 1 in {self._factor} goes on"
        return f"about {max(1, round(trials))} of the trials"
