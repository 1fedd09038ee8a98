"""The options of the searchers that go in stages."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from caviar.base.errors import UsageError
from caviar.base.trial import Mode
from caviar.searchers.options import Parzen, QuasiRandom, Random, SearcherOptions

if TYPE_CHECKING:
    from caviar.searchers.base import Searcher
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


def tiers(space: SearchSpace) -> list[int | None]:
    """The tiers of importance that a space searches, rising; None, unranked, is the last."""
    return sorted({p.tier for p in space.searched}, key=lambda t: math.inf if t is None else t)


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
        if self.stages < 2:
            raise UsageError(f"stages must be at least 2, broad and fine, and it is {self.stages}.")
        _check(self)
        if self.best < 1:
            raise UsageError(f"best must be at least 1, and it is {self.best}.")

    def planned(self, space: SearchSpace, *, trials: int | None) -> SearcherOptions:
        """With the trials of a stage."""
        each = _each(self.stage_trials, stages=self.stages, trials=trials)
        return dataclasses.replace(self, stage_trials=each)

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from caviar.searchers.coarse_to_fine import CoarseToFineSearcher

        each = _each(self.stage_trials, stages=self.stages, trials=None)
        return CoarseToFineSearcher(space, options=self, trials=each, mode=mode, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceStaged(SearcherOptions):
    """The most important parameters first, all else at the default; then, tier by tier, the next
    ones around the winner."""

    stage_trials: int | None = None
    """Trials of each tier but the last, which goes on; None shares --trials out evenly."""
    margin: float = 0.1
    """How far the parameters of earlier tiers still move to either side of the winner, as a share
    of their range on its scale; 0 holds them there. Their choices stay the winner's."""
    inner: Inner = "parzen"
    """Who searches within a tier."""

    def __post_init__(self) -> None:
        _check(self)

    def check(self, space: SearchSpace) -> None:
        """The space has more than one tier."""
        if len(tiers(space)) < 2:
            raise UsageError(
                f"Every searched parameter of the space {space.name!r} has the same tier of "
                "importance, which leaves nothing to search first: give its parameters a tier, or "
                "take another recipe, such as asha_parzen."
            )

    def planned(self, space: SearchSpace, *, trials: int | None) -> SearcherOptions:
        """With the trials of a tier."""
        each = _each(self.stage_trials, stages=len(tiers(space)), trials=trials)
        return dataclasses.replace(self, stage_trials=each)

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        from caviar.searchers.importance_staged import ImportanceSearcher

        self.check(space)
        each = _each(self.stage_trials, stages=len(tiers(space)), trials=None)
        return ImportanceSearcher(space, options=self, trials=each, mode=mode, seed=seed)


def _check(options: CoarseToFine | ImportanceStaged) -> None:
    if options.stage_trials is not None and options.stage_trials < 1:
        raise UsageError(f"stage_trials must be at least 1, and it is {options.stage_trials}.")
    if not 0 <= options.margin <= 1:
        raise UsageError(f"margin must lie in 0 … 1, and it is {options.margin}.")


def _each(stage_trials: int | None, *, stages: int, trials: int | None) -> int:
    """The trials of one stage."""
    if stage_trials is not None:
        return stage_trials
    if trials is None:
        raise UsageError(
            "The trials are shared out among the stages, and without --trials nobody knows how "
            "many there will be: give --trials, or --searcher.stage-trials."
        )
    return max(1, trials // stages)
