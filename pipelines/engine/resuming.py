"""What a killed driver left behind, looked at by the session that goes on."""

from __future__ import annotations

import math

from pipelines.engine.records import Outcome, TrialRecord
from pipelines.engine.schedulers.base import Verdict


def reached(
    record: TrialRecord, verdict: Verdict, *, metric: str, max_epochs: int
) -> Outcome | None:
    """What an unfinished trial had come to with its last report; None where it was to go on.

    The driver may have died between that report, which got ``verdict``, and what follows from it.
    A trial without a value there may have diverged, which only training it again can tell.
    """
    value = record.reports[-1].metrics.get(metric) if record.reports else None
    if value is None or not math.isfinite(value):
        return None
    if record.epoch >= max_epochs:
        return Outcome.COMPLETED
    outcomes = {Verdict.STOP: Outcome.STOPPED_EARLY, Verdict.PAUSE: Outcome.PAUSED}
    return outcomes.get(verdict)
