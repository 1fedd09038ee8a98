"""Which parts of a sweep make no sense together, said before anything starts.

Only what cannot work is refused. A grid under HyperBand or a model beside a median rule is unusual,
and each does what it says.
"""

from __future__ import annotations

import math
from typing import Any

from caviar.base.errors import UsageError
from caviar.schedulers import Panda, Pbt
from caviar.schedulers.perturbation import CHANGEABLE, changeable
from caviar.searchers.options import ModelOptions
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace


def check(sweep: Sweep, space: SearchSpace) -> None:
    """Raise `UsageError`, with the reason, where a part would never do its work."""
    if isinstance(sweep.scheduler, Pbt):
        _check_population(sweep, sweep.scheduler, space)


def check_trainable(sweep: Sweep, trainable: type[Any]) -> None:
    """Raise `UsageError` where the scheduler forks trials, and those of this class cannot."""
    if not isinstance(sweep.scheduler, Panda | Pbt) or not hasattr(trainable, "forks"):
        return
    if not trainable.forks():
        raise UsageError(
            f"With {type(sweep.scheduler).__name__} trials go on from checkpoints of others, and "
            f"those of {trainable.__name__} do not hold what was trained: choose another scheduler."
        )


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
