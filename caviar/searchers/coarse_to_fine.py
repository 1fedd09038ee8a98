"""Coarse to fine: random over the broad space, then denser where the good ones lie.

Source: A. Ng, "Tuning Process"; R. Dagli, "The Art of Hyperparameter Tuning".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from caviar.base.errors import UsageError
from caviar.base.options import Options
from caviar.base.trial import Mode
from caviar.searchers.base import Searcher, SearcherOptions
from caviar.searchers.staged import Inner, StagedSearcher, check_stages, named, trials_of_a_stage
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseToFine(SearcherOptions):
    """Random search of the broad space, then, stage by stage, closer around the best so far."""

    stages: int = 3
    """How many, the broad one included."""
    stage_trials: int | None = None
    """Trials of each stage but the last, which goes on; None shares --trials out evenly."""
    best: int = 5
    """The best trials so far, which the next stage's ranges span; at most half of them."""
    margin: float = 0.1
    """What the second stage adds to either side of that, as a share of the whole range on its
    scale; half of it in the third, and so on. Never beyond the broad range."""
    coarse: Inner = "random"
    """Who searches the broad space."""
    fine: Inner = "parzen"
    """Who searches the narrower ones; parzen learns from all trials that lie inside."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if self.stages < 2:
            raise UsageError(f"stages must be at least 2, broad and fine, and it is {self.stages}.")
        check_stages(self)
        if self.best < 1:
            raise UsageError(f"best must be at least 1, and it is {self.best}.")

    def planned(self, space: SearchSpace, *, trials: int | None) -> SearcherOptions:
        """With the trials of a stage."""
        each = trials_of_a_stage(self.stage_trials, stages=self.stages, trials=trials)
        return dataclasses.replace(self, stage_trials=each)

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        each = trials_of_a_stage(self.stage_trials, stages=self.stages, trials=None)
        return CoarseToFineSearcher(space, options=self, trials=each, mode=mode, seed=seed)


class CoarseToFineSearcher(StagedSearcher):
    """Each stage after the first zooms into the broad space around the best trials so far.

    The zoom starts from the broad space every time, with a margin half as wide as the stage
    before: where the best lie at an edge of one stage's ranges, the next stage's go beyond that
    edge, and never beyond the broad space. Options of a choice that none of the best has are left
    out, and come back should a later one of the best have them.
    """

    def __init__(
        self, space: SearchSpace, *, options: CoarseToFine, trials: int, mode: Mode, seed: int
    ) -> None:
        """`trials` of each stage; the last one goes on."""
        starts = [stage * trials for stage in range(options.stages)]
        super().__init__(space, starts=starts, best=options.best, mode=mode, seed=seed)
        self._options = options

    def options(self, stage: int) -> SearcherOptions:
        return named(self._options.coarse if stage == 0 else self._options.fine)

    def stage_space(self, stage: int, best: Sequence[Mapping[str, Any]]) -> SearchSpace:
        if stage == 0:
            return self.space
        margin = self._options.margin / 2 ** (stage - 1)
        return self.space.zoom(best, margin=margin, drop_options=True)

    def headline(self, stage: int) -> str:
        if stage == 0:
            return f"{self._options.coarse} search of the whole space"
        return f"{self._options.fine} search, closer"
