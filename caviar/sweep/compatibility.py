"""Which parts of a sweep make no sense together, said before anything starts.

Only what cannot work is refused. A grid under HyperBand or a model beside a median rule is unusual,
and each does what it says. What a part needs is declared on its options.
"""

from __future__ import annotations

from typing import Any

from caviar.base.errors import UsageError
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace


def check(sweep: Sweep, space: SearchSpace) -> None:
    """Raise `UsageError`, with the reason, where a part would never do its work."""
    learner = type(sweep.searcher).__name__ if sweep.searcher.learns else None
    sweep.scheduler.check(space, trials=sweep.trials, learner=learner)


def check_trainable(sweep: Sweep, trainable: type[Any]) -> None:
    """Raise `UsageError` where the scheduler forks trials, and those of this class cannot."""
    if not sweep.scheduler.forks or not hasattr(trainable, "forks"):
        return
    if not trainable.forks():
        raise UsageError(
            f"With {type(sweep.scheduler).__name__} trials go on from checkpoints of others, and "
            f"those of {trainable.__name__} do not hold what was trained: choose another scheduler."
        )
