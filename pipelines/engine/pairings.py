"""Which searcher, scheduler and space make no sense together, said before anything starts.

Only what cannot work is refused. A grid under HyperBand or a model beside a median rule is unusual,
and each does what it says.
"""

from __future__ import annotations

import math

from pipelines.engine.errors import UsageError
from pipelines.engine.forks import CHANGEABLE, changeable
from pipelines.engine.schedulers import Pbt
from pipelines.engine.searchers.options import ModelOptions
from pipelines.engine.sweep import Sweep
from search_spaces import SearchSpace


def check(sweep: Sweep, space: SearchSpace) -> None:
    """Raise ``UsageError``, with the reason, where a part would never do its work."""
    if isinstance(sweep.scheduler, Pbt):
        _check_population(sweep, sweep.scheduler, space)


def _check_population(sweep: Sweep, scheduler: Pbt, space: SearchSpace) -> None:
    if isinstance(sweep.searcher, ModelOptions):
        raise UsageError(
            f"{type(sweep.searcher).__name__} learns from results, and population based training "
            "asks a searcher for its first members only, before there are any: take Random."
        )
    if sweep.trials is None:
        raise UsageError(
            "Population based training needs the size of its population: give it as --trials."
        )
    if math.floor(scheduler.share * sweep.trials) < 1:
        raise UsageError(
            f"Of {sweep.trials} trials the worst {scheduler.share:g} are none, so population based "
            f"training would replace nobody: ask for {math.ceil(1 / scheduler.share)} --trials or "
            "more, or raise --scheduler.share."
        )
    if not changeable(space):
        raise UsageError(
            f"Population based training changes {', '.join(sorted(CHANGEABLE))}, and the space "
            f"{space.name!r} searches none of them: choose another --space or scheduler."
        )
