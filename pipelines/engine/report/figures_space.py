"""The figures of the space: parallel coordinates, importances, slices, the contour."""

from __future__ import annotations

import math
import random
from typing import Any

from pipelines.engine.report.drawing import (
    BEST,
    DEFAULT,
    INK,
    Figure,
    axis,
    compact,
    compacted,
    figure,
    text,
    ticked,
    visible_range,
)
from pipelines.engine.report.facts import Facts
from pipelines.engine.report.importance import Importance
from pipelines.engine.report.landscape import position, slice_points, smoothed, ticks
from pipelines.engine.words import number
from search_spaces import Choice, Searched
from search_spaces.text import show

_BANDS = (
    (0.1, "best tenth", "--band-1"),
    (0.35, "next quarter", "--band-2"),
    (1.0, "the rest", "--band-3"),
)
"""Up to which share of the ranking a band goes, its name, its colour."""
_ABSENT = -0.12
"""Where the lines of trials run in which a parameter takes no part."""
_JITTER = 0.03


def order(facts: Facts, importances: list[Importance]) -> list[Searched]:
    """The parameters that vary, the most important first; in the space's order without measure."""
    place = {one.name: index for index, one in enumerate(importances)}
    return sorted(facts.space.searched, key=lambda p: place.get(p.name, len(place)))


def parallel(facts: Facts, importances: list[Importance]) -> Figure:
    """Every trial as a line through its values, in bands of the ranking that can be switched off.

    The parameters go from the most important to the least; the score is the last axis.
    """
    parameters = order(facts, importances)
    ranking = facts.ranking()
    scores = facts.scores()
    span = visible_range(list(scores.values()), sign=facts.sign, room=0.0) or [0.0, 1.0]
    data: list[dict[str, Any]] = []
    start = 0
    for share, name, colour in _BANDS:
        end = math.ceil(share * len(ranking))
        trials = ranking[start:end]
        start = end
        if trials:
            data.append(_band(facts, parameters, trials, span, f"{name} ({len(trials)})", colour))
    data.reverse()  # the best are drawn last, on top
    for trace in data:
        trace["legendrank"] = 1000 - data.index(trace)
    axes = len(parameters) + 1
    annotations = [
        {
            "x": index,
            "y": place,
            "text": text(label if len(label) <= 14 else label[:13] + "…"),
            "showarrow": False,
            "xanchor": "left",
            "xshift": 4,
            "font": {"size": 10, "color": INK},
            "bgcolor": "--paper",
            "opacity": 0.85,
            "borderpad": 1,
        }
        for index, parameter in enumerate(parameters)
        for place, label in ticks(parameter, most=4)
    ]
    low, high = span
    annotations += [
        {
            "x": axes - 1,
            "y": share,
            "text": f"{low + share * (high - low):.3g}",
            "showarrow": False,
            "xanchor": "left",
            "xshift": 4,
            "font": {"size": 10, "color": INK},
            "bgcolor": "--paper",
            "opacity": 0.85,
            "borderpad": 1,
        }
        for share in (0.0, 0.5, 1.0)
    ]
    names = [*(p.name for p in parameters), facts.metric]
    return figure(
        data,
        height=440,
        margin={"l": 36, "r": 64, "t": 16, "b": 84},
        xaxis={
            "tickvals": list(range(axes)),
            "ticktext": [text(name) for name in names],
            "tickangle": 30,
            "range": [-0.15, axes - 0.85],
            "showgrid": True,
            "zeroline": False,
        },
        yaxis={"visible": False, "range": [-0.17, 1.06], "fixedrange": True},
        annotations=annotations,
    )


def _band(
    facts: Facts,
    parameters: list[Searched],
    trials: list[int],
    span: list[float],
    name: str,
    colour: str,
) -> dict[str, Any]:
    x: list[int | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    scores = facts.scores()
    for trial in trials:
        config = facts.records[trial].config
        draw = random.Random(trial)  # the same picture of the same sweep
        for index, parameter in enumerate(parameters):
            place = _ABSENT
            if parameter.name in config:
                place = position(parameter, config[parameter.name])
            if isinstance(parameter, Choice) or parameter.cells is not None:
                place += draw.uniform(-_JITTER, _JITTER)  # else lines of equal values hide another
            x.append(index)
            y.append(compact(round(place, 3)))
        low, high = span
        share = (scores[trial] - low) / (high - low)
        x += [len(parameters), None]
        y += [compact(round(min(max(share, -0.02), 1.02), 3)), None]
        numbers += [trial] * (len(parameters) + 1) + [None]
    return {
        "type": "scatter",
        "name": name,
        "x": x,
        "y": y,
        "customdata": numbers,
        "mode": "lines",
        "line": {"color": colour, "width": 1.4 if len(trials) <= 60 else 0.6},
        "opacity": 0.85,
        "hovertemplate": "trial %{customdata}<extra></extra>",
    }


def importance_bars(importances: list[Importance]) -> Figure:
    """The importances with one standard error, the largest at the top."""
    ranked = importances[::-1]
    return figure(
        [
            {
                "type": "bar",
                "orientation": "h",
                "y": [one.name for one in ranked],
                "x": compacted(one.share for one in ranked),
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": compacted(one.error for one in ranked),
                    "arrayminus": compacted(min(one.error, one.share) for one in ranked),
                    "color": INK,
                    "thickness": 1.2,
                    "width": 3,
                },
                "marker": {"color": "--bar"},
                "hovertemplate": "%{y}: %{x:.1%} ± %{error_x.array:.1%}<extra></extra>",
                "showlegend": False,
            }
        ],
        height=70 + 26 * len(ranked),
        margin={"l": 120, "r": 16, "t": 8, "b": 44},
        xaxis=axis("share of the differences", tickformat=".0%", rangemode="tozero"),
        yaxis={"automargin": True, "type": "category"},
    )


def slice_of(facts: Facts, parameter: Searched) -> Figure:
    """Score against one parameter on its own scale: every trial, the best and the default."""
    places = slice_points(facts, parameter)
    scores = facts.scores()
    winner = facts.winner
    special = {0: DEFAULT} | ({winner.number: BEST} if winner is not None else {})
    rest = [trial for trial in places if trial not in special]
    hover = (
        f"trial %{{customdata[0]}}<br>{parameter.name} %{{customdata[1]}}<br>%{{y}}<extra></extra>"
    )

    def custom(trial: int) -> list[Any]:
        return [trial, text(_shown(facts.records[trial].config[parameter.name]))]

    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "x": compacted(places[trial] for trial in rest),
            "y": compacted(scores[trial] for trial in rest),
            "customdata": [custom(trial) for trial in rest],
            "mode": "markers",
            "marker": {
                "color": "--dot",
                "size": 6,
                "opacity": max(0.3, min(0.8, 60 / (1 + len(rest)))),
            },
            "hovertemplate": hover,
            "showlegend": False,
        }
    ]
    data += [
        {
            "type": "scatter",
            "x": compacted([places[trial]]),
            "y": compacted([scores[trial]]),
            "customdata": [custom(trial)],
            "mode": "markers",
            "marker": {
                "color": colour,
                "size": 13 if colour == BEST else 11,
                "symbol": "star" if colour == BEST else "diamond",
                "line": {"width": 1, "color": "--paper"},
            },
            "hovertemplate": hover,
            "showlegend": False,
        }
        for trial, colour in special.items()
        if trial in places
    ]
    return figure(
        data,
        height=250,
        margin={"l": 48, "r": 10, "t": 8, "b": 46},
        xaxis=ticked(parameter),
        yaxis=axis("", range=visible_range(list(scores.values()), sign=facts.sign)),
    )


def contour(facts: Facts, first: Searched, second: Searched) -> Figure | None:
    """The smoothed score over two parameters, with the trials; None where fewer than ten have both.

    Both axes are on the parameters' own scales.
    """
    a, b = slice_points(facts, first), slice_points(facts, second)
    both = [trial for trial in a if trial in b]
    if len(both) < 10:
        return None
    scores = facts.scores()
    low, high = visible_range(list(scores.values()), sign=facts.sign) or [0.0, 1.0]
    z = [min(max(scores[trial], low), high) for trial in both]
    grid, rows = smoothed([a[t] for t in both], [b[t] for t in both], z)
    winner = facts.winner
    hover = (
        f"trial %{{customdata[0]}}<br>{first.name} %{{customdata[1]}}<br>"
        f"{second.name} %{{customdata[2]}}<br>{facts.metric} %{{customdata[3]}}<extra></extra>"
    )

    def custom(trial: int) -> list[Any]:
        config = facts.records[trial].config
        values = [text(_shown(config[p.name])) for p in (first, second)]
        return [trial, *values, compact(scores[trial])]

    data: list[dict[str, Any]] = [
        {
            "type": "contour",
            "x": compacted(grid),
            "y": compacted(grid),
            "z": [compacted(row) for row in rows],
            "colorscale": "Viridis",
            "reversescale": facts.sign < 0,
            "ncontours": 14,
            "line": {"width": 0.5, "color": "--paper"},
            "colorbar": {
                "title": {"text": facts.metric, "side": "right"},
                "thickness": 12,
                "len": 0.9,
            },
            "hoverinfo": "skip",
            "connectgaps": False,
        },
        {
            "type": "scatter",
            "name": "trials",
            "x": compacted(a[t] for t in both),
            "y": compacted(b[t] for t in both),
            "customdata": [custom(t) for t in both],
            "mode": "markers",
            "marker": {"size": 5, "color": "#ffffff", "line": {"width": 1, "color": "#222222"}},
            "hovertemplate": hover,
            "showlegend": False,
        },
    ]
    if winner is not None and winner.number in both:
        data.append(
            {
                "type": "scatter",
                "name": "best",
                "x": compacted([a[winner.number]]),
                "y": compacted([b[winner.number]]),
                "customdata": [custom(winner.number)],
                "mode": "markers",
                "marker": {
                    "size": 16,
                    "symbol": "star",
                    "color": "#ff3b30",
                    "line": {"width": 1.5, "color": "#ffffff"},
                },
                "hovertemplate": hover,
                "showlegend": False,
            }
        )
    return figure(data, height=460, xaxis=ticked(first), yaxis=ticked(second))


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, float) else show(value)
