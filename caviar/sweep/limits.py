"""Where a sweep stops: what it may spend, and why it ended before its last trial."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Stop(enum.StrEnum):
    """Why a sweep ended before its last trial; it can be resumed from all but the last."""

    TIME = "time budget"
    EPOCHS = "epoch budget"
    GPU_HOURS = "GPU-hours"
    PATIENCE = "no improvement"
    VALUE = "value reached"
    FAILURES = "every trial fails"
    INTERRUPTED = "interrupted"
    NO_ROOM = "no room for checkpoints"
    EXHAUSTED = "nothing left to try"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What ends a sweep besides the number of its trials, whatever comes first; None never does.

    All count over all sessions of the sweep.
    """

    seconds: float | None = None
    """Wall time."""
    epochs: int | None = None
    """Epochs over all trials."""
    gpu_hours: float | None = None
    """Hours that trials ran, times the GPUs of a trial."""
    patience: int | None = None
    """Trials that end one after the other without a better value."""
    value: float | None = None
    """The objective that is good enough."""

    def share(self, seconds: float, epochs: int, gpu_hours: float) -> float:
        """The share of what may be spent that is spent, of whichever is nearest its end; 0 … 1."""
        spent = (
            (seconds, self.seconds),
            (epochs, self.epochs),
            (gpu_hours, self.gpu_hours),
        )
        return min(1.0, max((now / most for now, most in spent if most is not None), default=0.0))
