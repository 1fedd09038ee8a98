"""The best learning curves of a sweep, drawn in one line each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table

from pipelines.engine.conductor import Conductor
from pipelines.engine.records import Report
from pipelines.engine.words import number

_COUNT = 5
_MOST_COLUMNS = 40
_BARS = "▁▂▃▄▅▆▇█"


def best_curves(conductor: Conductor, count: int = _COUNT) -> Table:
    """The ``count`` best trials, best first, on common scales of the metric and of the epochs."""
    metric = conductor.plan.metric
    best = _best(conductor, count)
    curves = {n: conductor.records[n].curve(metric) for n in best}
    finite = [v for curve in curves.values() for v in curve.values() if math.isfinite(v)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    every = math.ceil(max((max(c) for c in curves.values()), default=1) / _MOST_COLUMNS)
    table = Table(
        title=f"best learning curves: {metric} from ▁ {number(low)} to █ {number(high)}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("trial", "curve", "first", "best", "at epoch", "last epoch"):
        table.add_column(name, no_wrap=True, justify="left" if name == "curve" else "right")
    for n, report in best.items():
        last = max(curves[n])
        shown = [curves[n].get(epoch, math.nan) for epoch in range(1, last + 1, every)]
        table.add_row(
            str(n),
            bars(shown, low=low, high=high),
            number(curves[n][min(curves[n])]),
            number(report.metrics[metric]),
            str(report.epoch),
            str(last),
        )
    return table


def _best(conductor: Conductor, count: int) -> dict[int, Report]:
    """The best trials and the best epoch of each."""
    reports = {n: conductor.best_report(n) for n in conductor.leaders(count)}
    return {n: report for n, report in reports.items() if report is not None}


def bars(values: Sequence[float], *, low: float, high: float) -> str:
    """A bar a value, its height from ``low`` to ``high``; a blank for what is not finite.

    >>> bars([0.0, 0.5, 1.0, math.nan, 0.99], low=0.0, high=1.0)
    '▁▅█ █'
    """
    room = (high - low) or 1.0
    return "".join(
        _BARS[min(int((v - low) / room * len(_BARS)), len(_BARS) - 1)] if math.isfinite(v) else " "
        for v in values
    )
