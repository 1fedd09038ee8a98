"""What all figures share: names of colours, compact numbers, axes. Figures are plain dicts.

They are drawn by plotly's script, which comes with the Python package. What Optuna has a figure of
is its figure, in the words and the colours of the page (optuna_figures.py).

A colour is the name of a CSS variable ("--good"): the page puts in what the reader's scheme has.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

from caviar.base.objective import Objective
from caviar.base.trial import Outcome
from search_spaces import Searched

Trace = dict[str, Any]
"""A trace, a marker or an axis of plotly's: plain JSON."""
Figure = Trace
"""`data` and `layout`, as plotly's script takes them."""

COLOURS = {
    Outcome.COMPLETED: "--completed",
    Outcome.STOPPED_EARLY: "--stopped",
    Outcome.FAILED: "--failed",
    Outcome.DIVERGED: "--diverged",
    Outcome.RUNNING: "--running",
}
BEST, DEFAULT, INK, MUTED = "--best", "--default", "--ink", "--muted"


def figure(data: list[Trace], *, height: int, **layout: object) -> Figure:
    """A figure with the page's margins and legend."""
    usual = {
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 16, "b": 48},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
    return {"data": data, "layout": usual | layout}


def compact(value: float | None) -> float | None:
    """Five significant digits, None for what is not finite: the page has thousands of numbers."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.5g}")


def compacted(values: Iterable[float | None]) -> list[float | None]:
    """`compact` of each."""
    return [compact(value) for value in values]


def text(value: str) -> str:
    """A text from outside inside a figure: plotly reads a little HTML."""
    return html.escape(value, quote=False)


def axis(title: str, **more: object) -> Trace:
    """An axis with its title."""
    return {"title": {"text": text(title)}, "automargin": True, **more}


def ticked(parameter: Searched, **more: object) -> Trace:
    """The axis of a parameter on its own scale, natural values written on it."""
    from caviar.report.landscape import ticks

    marks = ticks(parameter)
    scale = parameter.describe()[1]
    title = parameter.name if scale in ("linear", "choice") else f"{parameter.name} ({scale} scale)"
    return axis(
        title,
        range=[-0.04, 1.04],
        tickvals=compacted(place for place, _ in marks),
        ticktext=[text(label) for _, label in marks],
        zeroline=False,
        **more,
    )


def gathered(lines: Sequence[Trace], trials: Sequence[int]) -> Trace:
    """The lines of many trials as one trace, with gaps between: a thousand traces draw slowly.

    `customdata` has the trial's number.
    """
    x: list[float | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    for line, trial in zip(lines, trials, strict=True):
        x += [*line["x"], None]
        y += [*compacted(line["y"]), None]
        numbers += [*[trial] * len(line["x"]), None]
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "customdata": numbers}


def unit_of_time(seconds: float) -> tuple[str, float]:
    """In which unit so many seconds read best, and how many seconds it has.

    >>> unit_of_time(90), unit_of_time(3000), unit_of_time(90000)
    (('s', 1.0), ('min', 60.0), ('h', 3600.0))
    """
    if seconds <= 120:
        return "s", 1.0
    return ("min", 60.0) if seconds <= 7200 else ("h", 3600.0)


def visible_range(
    values: Sequence[float], *, objective: Objective, left_out: float = 0.02, room: float = 0.05
) -> list[float] | None:
    """The range of an axis that shows the good end whole and leaves hopeless values out.

    Args:
        values: those that are drawn; what is not finite counts for nothing.
        objective: which end of them is the good one.
        left_out: the share of the values, on the bad side, that may be outside: a loss of 10^6
            would press all others flat.
        room: what is added at both ends, as a share of the range.

    Returns the lower and the higher end; None without a finite value.

    >>> accuracy = Objective("val_accuracy", "max")
    >>> visible_range([0.0, 0.5, 0.9, 0.95, 1.0], objective=accuracy, left_out=0.5, room=0.0)
    [0.9, 1.0]
    """
    finite = sorted((v for v in values if math.isfinite(v)), key=objective.rank)
    if not finite:
        return None
    last = len(finite) - 1
    low, high = sorted((finite[0], finite[last - int(left_out * last)]))
    more = room * (high - low) if low < high else 0.05 * abs(high) or 1.0
    return [low - more, high + more]
