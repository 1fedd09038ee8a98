"""A trial of an Optuna study that nobody changes any more."""

from __future__ import annotations

import copy
import math
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

_ONCE = datetime.min
"""When a trial of a study began and ended: nobody asks."""


class EndedTrial(FrozenTrial):
    """A trial that nobody changes any more.

    A study copies what it is given, down to the distributions, which took half of the time of a
    proposal; of this one its copies share everything.
    """

    @classmethod
    def of(
        cls,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        score: float | None,
    ) -> EndedTrial:
        """With a score, complete; None was stopped early, -inf broke."""
        complete = score is not None and score != -math.inf
        trial = cls(
            number=-1,  # the study's
            trial_id=-1,
            state=TrialState.COMPLETE if complete else TrialState.PRUNED,
            value=score if complete else None,
            datetime_start=_ONCE,
            datetime_complete=_ONCE,
            params=params,
            distributions=distributions,
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        if score == -math.inf:
            trial.set_constraint("trains", 1.0)
        return trial

    def __deepcopy__(self, memo: dict[int, Any]) -> EndedTrial:
        return copy.copy(self)
