"""Coarse to fine: random over the broad space, then denser where the good ones lie.

Source: A. Ng, "Tuning Process"; R. Dagli, "The Art of Hyperparameter Tuning".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from caviar.base.trial import Mode
from caviar.searchers.options import SearcherOptions
from caviar.searchers.staged import StagedSearcher
from caviar.searchers.staged_options import CoarseToFine, named
from search_spaces import SearchSpace


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
