"""The most important parameters first, then the next ones around the winner, and so on.

Source of the order: A. Ng, "Tuning Process", and R. Dagli after Yu and Zhu; parameters carry it as
their tier.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from caviar.base.errors import UsageError
from caviar.base.options import Options
from caviar.base.trial import Mode
from caviar.searchers.base import Searcher, SearcherOptions
from caviar.searchers.staged import Inner, StagedSearcher, check_stages, named, trials_of_a_stage
from search_spaces import Fixed, Parameter, SearchSpace
from search_spaces.operations import held_at, possible


def tiers(space: SearchSpace) -> list[int | None]:
    """The tiers of importance that a space searches, rising; None, unranked, is the last."""
    return sorted({p.tier for p in space.searched}, key=lambda t: math.inf if t is None else t)


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
        Options.__post_init__(self)
        check_stages(self)

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
        each = trials_of_a_stage(self.stage_trials, stages=len(tiers(space)), trials=trials)
        return dataclasses.replace(self, stage_trials=each)

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        self.check(space)
        each = trials_of_a_stage(self.stage_trials, stages=len(tiers(space)), trials=None)
        return ImportanceSearcher(space, options=self, trials=each, mode=mode, seed=seed)


class ImportanceSearcher(StagedSearcher):
    """A stage a tier of importance, with the unranked parameters last.

    A stage searches the whole range of its own tier's parameters. Those of later tiers are held at
    the winner's value, which is the default unless the winner came from elsewhere. Those of earlier
    tiers stay within `margin` of the winner, their choices at the winner's option. One of an
    earlier tier that takes part only now, such as the units of a layer that the default lacks, is
    searched over its whole range.
    """

    def __init__(
        self, space: SearchSpace, *, options: ImportanceStaged, trials: int, mode: Mode, seed: int
    ) -> None:
        """`trials` of each stage; the last one goes on."""
        self._tiers = tiers(space)
        starts = [stage * trials for stage in range(len(self._tiers))]
        super().__init__(space, starts=starts, best=1, mode=mode, seed=seed)
        self._options = options

    def options(self, stage: int) -> SearcherOptions:
        return named(self._options.inner)

    def stage_space(self, stage: int, best: Sequence[Mapping[str, Any]]) -> SearchSpace:
        winner = best[0] if best else self.space.default()
        around = self.space.zoom([winner], margin=self._options.margin, drop_options=True)
        earlier, later = self._tiers[:stage], self._tiers[stage + 1 :]

        def searched(parameter: Parameter) -> Parameter:
            name, tier = parameter.name, parameter.tier
            if isinstance(parameter, Fixed):
                return parameter
            if tier in later:
                return held_at(parameter, winner.get(name, parameter.default))
            if name not in winner:
                return parameter
            if tier in earlier:
                # Its own condition: the zoomed one leaves out options of a parent searched here.
                return dataclasses.replace(around[name], when=parameter.when)
            return dataclasses.replace(parameter, default=winner[name])

        return SearchSpace(self.space.name, possible([searched(p) for p in self.space]))

    def headline(self, stage: int) -> str:
        tier = self._tiers[stage]
        own = [p.name for p in self.space.searched if p.tier == tier]
        rank = "the parameters without a tier" if tier is None else f"tier {tier} of importance"
        return f"{rank}: {', '.join(own)}"
