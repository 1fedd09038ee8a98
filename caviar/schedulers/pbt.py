"""Population based training: weak trials are replaced by changed copies of strong ones.

Source: Jaderberg et al. 2017, "Population Based Training of Neural Networks". The new trials are
the population. Every `interval` epochs a member pauses and is compared by its last score with
the last scores of all others: one of the worst `share` ends, and a fork of one of the best
`share`, drawn at random, takes its place (truncation selection): the same weights, another
configuration. Nobody waits for anybody. Where there are fewer workers than members, the one that
has trained least goes on next, so that the population advances together.

A member that diverged or failed after it had got on is replaced too. The default configuration is
a member that nobody replaces. Ray's own class never replaces a member that reports NaN.
"""

from __future__ import annotations

import math
import random
from collections.abc import Set

from caviar.schedulers.base import Action, Change, Fork, Move, Promote, Scheduler, Start
from caviar.schedulers.reasons import NotFinite, Ranked, Reason


class PopulationBased(Scheduler):
    """`change` turns a parent's configuration into that of its fork."""

    def __init__(
        self, *, interval: int, share: float, change: Change, max_epochs: int, seed: int
    ) -> None:
        self._interval = interval
        self._share = share
        self._change = change
        self._max_epochs = max_epochs
        self._seed = seed
        self._members: dict[int, int] = {}
        """Trial to the epoch it has reached; those that have not ended."""
        self._scores: dict[int, float] = {}
        """The last score at an interval, also of members that have finished."""
        self._population = 0
        self._waiting: set[int] = set()
        self._staying: set[int] = set()
        """Members that ran on when they were to pause: nobody can replace them."""
        self._got_on: set[int] = set()
        self._vacant = 0
        self._draws = 0

    def next(self, *, new: bool, paused: Set[int]) -> Move | None:
        if self._vacant:
            parent = self._strong(self._ranked(), exclude=None)
            if parent is not None:
                return Fork(parent, self._change)
        if new:
            return Start()
        if not paused:
            return None
        trial = min(paused, key=lambda n: (self._members[n], n))
        parent = self._strong(self._ranked(), exclude=trial) if self._is_weak(trial) else None
        return Promote(trial) if parent is None else Fork(parent, self._change, replaces=trial)

    def _ranked(self) -> list[int]:
        """All with a score, the best first."""
        return sorted(self._scores, key=lambda n: (-self._scores[n], n))

    def _is_weak(self, trial: int) -> bool:
        ranked = [n for n in self._ranked() if n not in self._staying]
        return trial in ranked[len(ranked) - self._few :] or self._scores[trial] == -math.inf

    @property
    def _few(self) -> int:
        """How many are weak, and how many strong; none before the others have a score too."""
        return math.floor(self._share * min(self._population, len(self._scores)))

    def _strong(self, ranked: list[int], *, exclude: int | None) -> int | None:
        """One of the best, drawn at random; None where none has a finite score."""
        # Those that have finished have no epochs left for a fork.
        going = [n for n in ranked if n in self._members and self._scores[n] > -math.inf]
        best = [n for n in going[: max(1, self._few)] if n != exclude]
        if not best:
            return None
        return random.Random(f"{self._seed} {self._draws}").choice(best)

    def start(self, trial: int, parent: int | None) -> None:
        self._members[trial] = 0 if parent is None else self._members.get(parent, 0)
        if parent is None:
            self._population += 1
        else:
            self._draws += 1
            self._vacant = max(0, self._vacant - 1)

    def promote(self, trial: int) -> None:
        self._waiting.discard(trial)

    def report(self, trial: int, epoch: int, score: float) -> Action:
        self._members[trial] = epoch
        if trial in self._waiting:
            self._staying.add(trial)
        if math.isfinite(score):
            self._got_on.add(trial)
        if epoch % self._interval or epoch >= self._max_epochs:
            return Action.CONTINUE
        self._scores[trial] = score if math.isfinite(score) else -math.inf
        self._waiting.add(trial)
        return Action.PAUSE

    def end(self, trial: int) -> None:
        # A fork that fails at once leaves no vacancy: it would be forked again for ever.
        got_on = trial in self._got_on or trial in self._scores
        if self._members.pop(trial) >= self._max_epochs:
            return
        self._scores.pop(trial, None)
        self._vacant += got_on

    def why(self, trial: int) -> Reason | None:
        # The others pause too, for no more than their turn.
        if trial not in self._scores or not self._is_weak(trial):
            return None
        if self._scores[trial] == -math.inf:
            return NotFinite()
        ranked = self._ranked()
        rule = f"the last {self._few} give way to changed copies of the first"
        return Ranked(self._scores[trial], ranked.index(trial) + 1, len(ranked), rule)

    def table(self, trials: int | None) -> list[tuple[str, str]]:
        members = "trials" if trials is None else f"{trials} trials"
        return [
            ("population", f"{members}, trained to epoch {self._max_epochs}"),
            (
                f"every {self._interval} epochs",
                f"of the worst {self._share:g} each is replaced by a changed copy of one of "
                f"the best {self._share:g}",
            ),
        ]
