"""The best learning curves of a sweep, drawn in one line each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rich import box
from rich.table import Table
from rich.text import Text

from caviar.base.format import how_it_ended, number
from caviar.base.trial import Report, TrialRecord
from caviar.base.trials import Trials
from caviar.controller.plan import Plan

_COUNT = 5
_MOST_COLUMNS = 40
_BARS = "▁▂▃▄▅▆▇█"


class Curves(Protocol):
    """What is drawn: a running `SweepController`, or a sweep that is read from its history."""

    @property
    def plan(self) -> Plan:
        """What the sweep may spend."""

    @property
    def trials(self) -> Trials:
        """Its trials, with the reports that they have so far."""


@dataclass(frozen=True, slots=True)
class _Curve:
    record: TrialRecord
    best: Report
    values: dict[int, float]
    drawn: str


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Curves on common scales, from `low` to `high`."""

    low: float
    high: float
    curves: list[_Curve]


def best_curves(sweep: Curves, count: int = _COUNT) -> Table:
    """The `count` best trials, best first, on common scales of the metric and of the epochs."""
    metric = sweep.trials.objective.metric
    drawn = _draw(sweep, count)
    table = Table(
        title=f"best learning curves: {_scale(metric, drawn)}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("trial", "curve", "first", "best", "at epoch", "last epoch"):
        table.add_column(name, no_wrap=True, justify="left" if name == "curve" else "right")
    for curve in drawn.curves:
        table.add_row(
            str(curve.record.number),
            curve.drawn,
            number(curve.values[min(curve.values)]),
            number(curve.best.metrics[metric]),
            str(curve.best.epoch),
            str(max(curve.values)),
        )
    return table


def small(sweep: Curves, count: int) -> list[Text]:
    """The same in a line each, for a view that changes: the scale, then the curves."""
    metric = sweep.trials.objective.metric
    drawn = _draw(sweep, count)
    if not drawn.curves:
        return []
    longest = max(len(curve.drawn) for curve in drawn.curves)
    lines = [Text(_scale(metric, drawn), "dim", no_wrap=True, overflow="ellipsis")]
    for curve in drawn.curves:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{curve.drawn:<{longest}}", "cyan" if curve.record.unfinished else "green")
        line.append(f"  {number(curve.best.metrics[metric])} at epoch {curve.best.epoch}")
        line.append(f"  trial {curve.record.number}, {how_it_ended(curve.record.outcome)}", "dim")
        lines.append(line)
    return lines


def _scale(metric: str, drawn: _Drawn) -> str:
    return f"{metric} from ▁ {number(drawn.low)} to █ {number(drawn.high)}"


def _draw(sweep: Curves, count: int) -> _Drawn:
    metric, best = sweep.trials.objective.metric, _best(sweep, count)
    values = {n: sweep.trials[n].curve(metric) for n in best}
    finite = [v for curve in values.values() for v in curve.values() if math.isfinite(v)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    every = math.ceil(max((max(c) for c in values.values()), default=1) / _MOST_COLUMNS)
    curves = []
    for n, report in best.items():
        shown = [values[n].get(epoch, math.nan) for epoch in range(1, max(values[n]) + 1, every)]
        drawn = bars(shown, low=low, high=high)
        curves.append(_Curve(sweep.trials[n], report, values[n], drawn))
    return _Drawn(low, high, curves)


def _best(sweep: Curves, count: int) -> dict[int, Report]:
    """The best trials and the best epoch of each."""
    reports = {n: sweep.trials.best_report(n) for n in sweep.trials.leaders(count)}
    return {n: report for n, report in reports.items() if report is not None}


def bars(values: Sequence[float], *, low: float, high: float) -> str:
    """A bar a value, its height from `low` to `high`; a blank for what is not finite.

    >>> bars([0.0, 0.5, 1.0, math.nan, 0.99], low=0.0, high=1.0)
    '▁▅█ █'
    """
    room = (high - low) or 1.0
    return "".join(
        _BARS[min(int((v - low) / room * len(_BARS)), len(_BARS) - 1)] if math.isfinite(v) else " "
        for v in values
    )
