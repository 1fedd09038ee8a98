"""A recorded sweep as a table of learning curves: last night's history, to replay tonight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from caviar.base.errors import UsageError
from caviar.base.objective import Objective
from caviar.base.trial import Outcome, TrialRecord
from caviar.simulator.table import CurveTable
from caviar.store import layout, starting
from caviar.store.history import stored_records
from caviar.sweep.sweep import Sweep
from search_spaces import SearchSpace


def load_sweep(folder: Path) -> CurveTable:
    """The table of the sweep in `folder`, finished or not; nothing in it is written."""
    before = starting.stored(folder)
    if before is None:
        raise UsageError(
            f"{folder} holds no sweep ({layout.OPTIONS} and {layout.HISTORY}): give the folder "
            "that `caviar sweep` printed, or an .npz file of learning curves."
        )
    records = stored_records(folder)
    options = before.options
    asked = Sweep(metric=options["metric"], mode=options["mode"])
    return from_records(
        records,
        space=SearchSpace.from_json(before.space),
        objective=asked.objective,
        max_epochs=options["max_epochs"],
        name=folder.name,
    )


def from_records(
    records: Mapping[int, TrialRecord],
    *,
    space: SearchSpace,
    objective: Objective,
    max_epochs: int,
    name: str,
) -> CurveTable:
    """The trials of a recorded sweep as a table, to replay it with other settings.

    Left out are trials without a single report and those that failed: nobody knows their curve.
    A trial that diverged has its last report as NaN, whatever was written there. A trial of one
    epoch counts as having taken as long as the median of the others (1 s where there are none).
    """
    rows = [r for r in records.values() if r.reports and r.outcome is not Outcome.FAILED]
    if not rows:
        raise UsageError(f"history {name!r} holds no trial with a report: nothing to replay")
    values = np.full((len(rows), max_epochs), np.nan)
    known = np.ones(len(rows), np.int64)
    for i, record in enumerate(rows):
        for epoch, value in record.curve(objective.metric).items():
            values[i, epoch - 1] = value
        known[i] = record.epoch
        if record.outcome is Outcome.DIVERGED:
            values[i, record.epoch - 1] = np.nan
    seconds = np.array([_seconds_per_epoch(record) for record in rows])
    measured = seconds[np.isfinite(seconds)]
    typical = float(np.median(measured)) if len(measured) else 1.0
    return CurveTable(
        name=name,
        space=space,
        objective=objective,
        configs=[record.config for record in rows],
        values=values,
        seconds=np.where(np.isfinite(seconds), seconds, typical),
        known=known,
    )


def _seconds_per_epoch(record: TrialRecord) -> float:
    """From the first report to the last; NaN for a trial of one epoch, which does not tell."""
    first, last = record.reports[0], record.reports[-1]
    if last.epoch == first.epoch:
        return math.nan
    return max((last.at - first.at) / (last.epoch - first.epoch), 1e-3)
