"""A search in stages: each looks at a narrower or another part of the space than the one before."""

from __future__ import annotations

import heapq
import math
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from caviar.base.errors import UsageError
from caviar.base.format import number
from caviar.base.trial import Mode, Outcome
from caviar.searchers import narrowing
from caviar.searchers.base import Observation, Searcher, SearcherOptions
from caviar.searchers.parzen import Parzen
from caviar.searchers.quasi_random import QuasiRandom
from caviar.searchers.random import Random
from search_spaces import SearchSpace

Inner = Literal["random", "quasi_random", "parzen"]


def named(inner: Inner) -> SearcherOptions:
    """The searcher of a stage."""
    return _INNER[inner]


_INNER: dict[str, SearcherOptions] = {
    "random": Random(),
    "quasi_random": QuasiRandom(),
    "parzen": Parzen(),
}


class StagedOptions(Protocol):
    """What the options of all searches in stages have."""

    @property
    def stage_trials(self) -> int | None:
        """Trials of each stage but the last; None shares them out evenly."""

    @property
    def margin(self) -> float:
        """What is added to either side of a range, 0 … 1 of the whole one."""


class StagedSearcher(Searcher):
    """Runs one searcher a stage, each in a space that the best trials before the stage decide.

    The number of a trial says which stage it belongs to, so that workers need not wait for each
    other at a boundary: the space of a stage follows from what is known of the trials before the
    stage's first one, and moves while the last of them report. Everything is a function of what has
    been told, whatever its order: a resumed sweep goes on as the uninterrupted one would.

    Trials are compared by their best epoch so far, as everywhere; failed and diverged ones are
    never among the best. Until enough trials have reported, a stage searches the space of the one
    before.
    """

    def __init__(
        self, space: SearchSpace, *, starts: Sequence[int], best: int, mode: Mode, seed: int
    ) -> None:
        """`starts` are the numbers of the first trial of each stage, `best` is how many of the
        trials before a stage decide about its space, at most half of them."""
        super().__init__(space, mode=mode, seed=seed)
        self._starts = starts
        self._most = best
        self._sign = 1.0 if mode == "max" else -1.0
        self._scores: dict[int, float] = {}
        """The best of each trial that may win; higher is better."""
        self._configs: dict[int, Mapping[str, Any]] = {}
        self._observed: dict[int, Observation] = {}
        self._reports: dict[int, list[tuple[int, float]]] = {}
        self._stage = -1
        self._best: list[int] = []
        self._inner: Searcher | None = None
        """The searcher of this stage; None before the first proposal."""
        self._known: set[int] = set()
        """Trials that it was told of: those inside its space."""
        self._messages: list[str] = []

    @abstractmethod
    def options(self, stage: int) -> SearcherOptions:
        """Who searches in a stage; stages count from 0."""

    @abstractmethod
    def stage_space(self, stage: int, best: Sequence[Mapping[str, Any]]) -> SearchSpace:
        """The space of a stage, inside the whole one. `best`: configurations, best first, none
        for the first stage."""

    @abstractmethod
    def headline(self, stage: int) -> str:
        """What is said of a stage as it begins, without its number."""

    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any] | None:
        searcher = self._enter(bisect_right(self._starts, number) - 1)
        config = searcher.suggest(number, attempt)
        if config is None:
            return None
        config = self.space.complete(config)
        self._configs[number] = config
        self._known.add(number)
        return config

    def register(self, number: int, config: Mapping[str, Any]) -> None:
        self._configs[number] = config
        self._pass_on(number)

    def report(self, number: int, epoch: int, value: float) -> None:
        self._scores[number] = max(self._sign * value, self._scores.get(number, -math.inf))
        self._reports.setdefault(number, []).append((epoch, value))
        if self._inner is not None and number in self._known:
            self._inner.report(number, epoch, value)

    def observe(self, number: int, observation: Observation) -> None:
        best = observation.best(self.mode)
        if best is None or observation.outcome in (Outcome.FAILED, Outcome.DIVERGED):
            self._scores.pop(number, None)
        else:
            self._scores[number] = self._sign * best
        self._configs[number] = observation.config
        self._observed[number] = observation
        self._reports.pop(number, None)
        self._pass_on(number)

    def messages(self) -> list[str]:
        messages, self._messages = self._messages, []
        return messages

    # The stages.

    def _enter(self, stage: int) -> Searcher:
        """The searcher of this stage, made anew where the stage begins or its space has moved."""
        best = self._best_before(stage)
        inner = self._inner
        if inner is not None and (stage, best) == (self._stage, self._best):
            return inner
        space = self._space(stage)
        begins = inner is None or stage != self._stage
        self._stage, self._best = stage, best
        if inner is not None and not begins and space == inner.space:
            return inner
        self._say(space, None if begins or inner is None else inner.space)
        self._inner = inner = self.options(stage).build(space, mode=self.mode, seed=self.seed)
        self._known = set()
        for trial in sorted(self._configs):
            self._pass_on(trial)
        return inner

    def _best_before(self, stage: int) -> list[int]:
        """The best of the trials before a stage, best first; fewer than wanted: none."""
        start = self._starts[stage]
        most = min(self._most, max(1, start // 2))
        ranked = heapq.nsmallest(
            most, (n for n in self._scores if n < start), key=lambda n: (-self._scores[n], n)
        )
        return ranked if len(ranked) == most else []

    def _space(self, stage: int) -> SearchSpace:
        best = [self._configs[number] for number in self._best_before(stage)]
        if stage > 0 and not best:
            return self._space(stage - 1)
        space = self.stage_space(stage, best)
        return space if space.searched else self.space  # rather the whole than nothing to search

    def _pass_on(self, number: int) -> None:
        """Tell the searcher of this stage of a trial, if it lies inside its space."""
        self._known.discard(number)
        config, inner = self._configs[number], self._inner
        if inner is None or not _inside(inner.space, config):
            return
        self._known.add(number)
        if number in self._observed:
            inner.observe(number, self._observed[number])
            return
        inner.register(number, config)
        for epoch, value in self._reports.get(number, []):
            inner.report(number, epoch, value)

    # In words.

    def _say(self, space: SearchSpace, before: SearchSpace | None) -> None:
        """Say what a stage searches as it begins, and later in one line how it has moved."""
        stage = self._stage
        if before is not None:
            moved = "; ".join(narrowing.lines(before, space))
            if moved:  # else only the default did
                self._messages.append(f"stage {stage + 1} moves with later results: {moved}")
            return
        self._messages.append(f"stage {stage + 1} of {len(self._starts)}: {self.headline(stage)}")
        if self._best:
            first, *others = self._best
            value = number(self._sign * self._scores[first])
            beside = f", beside it {', '.join(map(str, others))}" if others else ""
            self._messages.append(f"  the best so far is trial {first} with {value}{beside}")
        earlier = self.space if stage == 0 else self._space(stage - 1)
        self._messages += [f"  {line}" for line in narrowing.lines(earlier, space)]


def _inside(space: SearchSpace, config: Mapping[str, Any]) -> bool:
    try:
        space.validate(config)
    except ValueError:
        return False
    return True


def trials_of_a_stage(stage_trials: int | None, *, stages: int, trials: int | None) -> int:
    """The trials of one stage."""
    if stage_trials is not None:
        return stage_trials
    if trials is None:
        raise UsageError(
            "The trials are shared out among the stages, and without --trials nobody knows how "
            "many there will be: give --trials, or --searcher.stage-trials."
        )
    return max(1, trials // stages)


def check_stages(options: StagedOptions) -> None:
    """Raise `UsageError` where the options of a search in stages make no sense."""
    if options.stage_trials is not None and options.stage_trials < 1:
        raise UsageError(f"stage_trials must be at least 1, and it is {options.stage_trials}.")
    if not 0 <= options.margin <= 1:
        raise UsageError(f"margin must lie in 0 … 1, and it is {options.margin}.")
