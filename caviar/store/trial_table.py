"""The trials of a sweep as an Arrow table, for CSV, Parquet and whatever reads those."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.base.trial import TrialRecord
from caviar.store.experiments import Experiment

if TYPE_CHECKING:
    import pyarrow as pa

PARAMETER = "config."
"""Before the name of a parameter, which may be that of a metric or of another column."""
METRIC = "metric."
"""Before the name of a metric."""


def trials(experiment: Experiment) -> pa.Table:
    """One row a trial, by number: how it ended, its best epoch, its times, its configuration.

    Times are seconds since the start of the sweep. A cell that a trial has no value for is null: a
    parameter that did not take part, a metric that was not finite.
    """
    found = experiment.trials()
    rows = []
    for number, record in sorted(found.items()):
        best = found.best_report(number)
        rows.append(
            {
                "trial": number,
                "outcome": record.outcome.value,
                "epochs": record.epoch,
                "best": found.best_value(number),
                "best_epoch": None if best is None else best.epoch,
                "started": record.started[0] if record.started else None,
                "ended": record.ended,
                "seed": record.seed,
                "session": record.session,
                "error": record.error,
                **_config(experiment, record),
                **_metrics({} if best is None else best.metrics),
            }
        )
    return _table(rows)


def epochs(experiment: Experiment) -> pa.Table:
    """One row an epoch of a trial, in the order in which they were reported."""
    rows = [
        (
            report.order,
            {
                "trial": number,
                "epoch": report.epoch,
                "at": report.at,
                **_config(experiment, record),
                **_metrics(report.metrics),
            },
        )
        for number, record in experiment.trials().items()
        for report in record.reports
    ]
    return _table([row for _, row in sorted(rows, key=lambda item: item[0])])


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a table as CSV with a line of headings; raises `OSError` where that cannot be."""
    import pyarrow.csv

    pyarrow.csv.write_csv(table, path)


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet; raises `OSError` where that cannot be."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, path)


def _config(experiment: Experiment, record: TrialRecord) -> dict[str, Any]:
    return {f"{PARAMETER}{p.name}": record.config.get(p.name) for p in experiment.space}


def _metrics(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {
        f"{METRIC}{name}": value if math.isfinite(value) else None
        for name, value in metrics.items()
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    return pa.table(columns)


def _column(values: Sequence[Any]) -> list[Any]:
    """Values of one type: a choice of several kinds, or of lists, becomes JSON text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 and not kinds & {list, dict}:
        return list(values)
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else json.dumps(value) for value in values]
