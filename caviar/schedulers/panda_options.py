"""The options of the scheduler that babysits one model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from caviar.base.errors import UsageError
from caviar.base.options import Options
from caviar.schedulers.base import Scheduler
from caviar.schedulers.options import SchedulerOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Panda(SchedulerOptions):
    """One model, babysat: it trains a quantum, and what its curve does decides what is tried next.

    Each quantum is a trial, a fork of the last good one. --max-epochs are those of the model, along
    its whole way; --trials is 1.
    """

    forks: ClassVar[bool] = True
    one_model: ClassVar[bool] = True

    quantum_epochs: int = 5
    """Epochs after which the curve is looked at."""
    quantum_hours: float | None = None
    """Hours of training after which it is, such as a night, instead of the epochs."""
    patience: int = 2
    """Rounds of adjustments in a row that bring no gain before it ends."""
    least_gain: float = 0.001
    """What counts as a gain, in units of the metric."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        for name in ("quantum_epochs", "patience"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, and it is {getattr(self, name)}.")
        if self.quantum_hours is not None and not 0 < self.quantum_hours < math.inf:
            raise UsageError(
                f"quantum_hours must be above 0 and finite, and it is {self.quantum_hours}."
            )
        if not 0 <= self.least_gain < math.inf:
            raise UsageError(f"least_gain must be 0 or more, and it is {self.least_gain}.")

    def build(self, *, max_epochs: int, seed: int) -> Scheduler:
        """The scheduler."""
        from caviar.schedulers.panda import Babysitter

        hours = self.quantum_hours
        return Babysitter(
            max_epochs=max_epochs,
            quantum_epochs=self.quantum_epochs if hours is None else max_epochs,
            quantum_seconds=math.inf if hours is None else 3600 * hours,
            patience=self.patience,
            least_gain=self.least_gain,
        )
