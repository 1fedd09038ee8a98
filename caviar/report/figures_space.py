"""The figures of the space: parallel coordinates, importances, slices, the contour."""

from __future__ import annotations

import math
import random

from caviar.base.format import number
from caviar.report import optuna_figures
from caviar.report.drawing import (
    BEST,
    DEFAULT,
    INK,
    Figure,
    Trace,
    axis,
    compact,
    compacted,
    figure,
    gathered,
    text,
    ticked,
    visible_range,
)
from caviar.report.facts import Facts
from caviar.report.importance import Importance
from caviar.report.landscape import position, slice_points, smoothed, ticks
from search_spaces import Choice, Config, Searched
from search_spaces.text import show

_BANDS = (
    (0.1, "best tenth", "--band-1"),
    (0.35, "next quarter", "--band-2"),
    (1.0, "the rest", "--band-3"),
)
"""Up to which share of the ranking a band goes, its name, its colour."""
_JITTER = 0.03


def order(facts: Facts, importances: list[Importance]) -> list[Searched]:
    """The parameters that vary, the most important first; in the space's order without measure."""
    place = {one.name: index for index, one in enumerate(importances)}
    return sorted(facts.space.searched, key=lambda p: place.get(p.name, len(place)))


def parallel(facts: Facts, importances: list[Importance]) -> Figure:
    """Every trial as a line through its values, in bands of the ranking that can be switched off.

    The score is the first axis; then the parameters, from the most important to the least.
    """
    parameters = order(facts, importances)
    ranking = facts.trials.leaders()
    scores = facts.scores()
    low, high = visible_range(list(scores.values()), objective=facts.objective, room=0.0) or [
        0.0,
        1.0,
    ]
    lines = optuna_figures.parallel_coordinates(
        [min(max(scores[trial], low), high) for trial in ranking],
        [_places(parameters, trial, facts.trials[trial].config) for trial in ranking],
        (low, high),
    )
    data: list[Trace] = []
    start = 0
    for share, name, colour in _BANDS:
        end = math.ceil(share * len(ranking))
        if end > start:
            data.append(
                {
                    **gathered(lines[start:end], ranking[start:end]),
                    "name": f"{name} ({end - start})",
                    "legendrank": start,
                    "line": {"color": colour, "width": 1.4 if end - start <= 60 else 0.6},
                    "opacity": 0.85,
                    "hovertemplate": "trial %{customdata}<extra></extra>",
                }
            )
        start = end
    data.reverse()  # the best are drawn last, on top
    score_ticks = [(share, f"{low + share * (high - low):.3g}") for share in (0.0, 0.5, 1.0)]
    every = [score_ticks, *(ticks(parameter, most=4) for parameter in parameters)]
    return figure(
        data,
        height=440,
        margin={"l": 36, "r": 64, "t": 16, "b": 84},
        xaxis={
            "tickvals": list(range(len(every))),
            "ticktext": [text(name) for name in (facts.metric, *(p.name for p in parameters))],
            "tickangle": 30,
            "range": [-0.15, len(every) - 0.15],
            "showgrid": True,
            "zeroline": False,
        },
        yaxis={"visible": False, "range": [-0.05, 1.06], "fixedrange": True},
        annotations=[
            {
                "x": axis,
                "y": compact(optuna_figures.height(place)),
                "text": text(label if len(label) <= 14 else label[:13] + "…"),
                "showarrow": False,
                "xanchor": "left",
                "xshift": 4,
                "font": {"size": 10, "color": INK},
                "bgcolor": "--paper",
                "opacity": 0.85,
                "borderpad": 1,
            }
            for axis, marks in enumerate(every)
            for place, label in marks
        ],
    )


def _places(parameters: list[Searched], trial: int, config: Config) -> list[float]:
    """Where a trial's line crosses the axes; beside each other where values are few."""
    draw = random.Random(trial)  # the same picture of the same sweep
    found = []
    for parameter in parameters:
        place = optuna_figures.ABSENT
        if parameter.name in config:
            place = position(parameter, config[parameter.name])
        if isinstance(parameter, Choice) or parameter.cells is not None:
            place += draw.uniform(-_JITTER, _JITTER)
        found.append(min(max(place, optuna_figures.ABSENT), 1.0))
    return found


def importance_bars(importances: list[Importance]) -> Figure:
    """The importances with one standard error, the largest at the top."""
    bars = optuna_figures.importances({one.name: one.share for one in importances})
    errors = {one.name: one.error for one in importances}
    shown = [(errors[name], share) for name, share in zip(bars["y"], bars["x"], strict=True)]
    bars |= {
        "x": compacted(bars["x"]),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": compacted(error for error, _ in shown),
            "arrayminus": compacted(min(error, share) for error, share in shown),
            "color": INK,
            "thickness": 1.2,
            "width": 3,
        },
        "marker": {"color": "--bar"},
        "textposition": "none",  # it would cover the error
        "hovertemplate": "%{y}: %{x:.1%} ± %{error_x.array:.1%}<extra></extra>",
        "showlegend": False,
    }
    return figure(
        [bars],
        height=70 + 26 * len(importances),
        margin={"l": 120, "r": 16, "t": 8, "b": 44},
        xaxis=axis("share of the differences", tickformat=".0%", rangemode="tozero"),
        yaxis={"automargin": True, "type": "category"},
    )


def slice_of(facts: Facts, parameter: Searched) -> Figure:
    """Score against one parameter on its own scale: every trial, the best and the default.

    The later a trial, the stronger its colour.
    """
    places = slice_points(facts, parameter)
    scores = facts.scores()
    winner = facts.winner
    special = {0: DEFAULT} | ({winner.number: BEST} if winner is not None else {})
    rest = [trial for trial in places if trial not in special]
    hover = (
        f"trial %{{customdata[0]}}<br>{parameter.name} %{{customdata[1]}}<br>%{{y}}<extra></extra>"
    )

    def points(trials: list[int], marker: Trace) -> Trace:
        if not trials:
            return {"type": "scatter", "x": [], "y": []}
        trace = optuna_figures.slices(
            [places[trial] for trial in trials], [scores[trial] for trial in trials]
        )
        shown = [_shown(facts.trials[trial].config[parameter.name]) for trial in trials]
        return {
            **trace,
            "x": compacted(trace["x"]),
            "y": compacted(trace["y"]),
            "marker": {**trace["marker"], "color": list(trace["marker"]["color"]), **marker},
            "customdata": [
                [trial, text(value)] for trial, value in zip(trials, shown, strict=True)
            ],
            "hovertemplate": hover,
        }

    order_colours = {
        "colorscale": [[0, "--band-3"], [1, "--dot"]],
        "showscale": False,
        "line": {"width": 0},
        "size": 6,
        "opacity": max(0.4, min(0.85, 80 / (1 + len(rest)))),
    }
    data = [points(rest, order_colours)]
    for trial, colour in special.items():
        if trial in places:
            marker = {
                "color": colour,
                "showscale": False,
                "size": 13 if colour == BEST else 11,
                "symbol": "star" if colour == BEST else "diamond",
                "line": {"width": 1, "color": "--paper"},
            }
            data.append(points([trial], marker))
    return figure(
        data,
        height=250,
        margin={"l": 48, "r": 10, "t": 8, "b": 46},
        xaxis=ticked(parameter),
        yaxis=axis("", range=visible_range(list(scores.values()), objective=facts.objective)),
    )


def contour(facts: Facts, first: Searched, second: Searched) -> Figure | None:
    """The smoothed score over two parameters, with the trials; None where fewer than ten have both,
    or all share a value.

    Both axes are on the parameters' own scales.
    """
    a, b = slice_points(facts, first), slice_points(facts, second)
    both = [trial for trial in a if trial in b]
    if len(both) < 10:
        return None
    scores = facts.scores()
    low, high = visible_range(list(scores.values()), objective=facts.objective) or [0.0, 1.0]
    z = [min(max(scores[trial], low), high) for trial in both]
    cells = optuna_figures.contour(
        [a[t] for t in both],
        [b[t] for t in both],
        smoothed([a[t] for t in both], [b[t] for t in both], z),
    )
    if cells is None:
        return None
    winner = facts.winner
    hover = (
        f"trial %{{customdata[0]}}<br>{first.name} %{{customdata[1]}}<br>"
        f"{second.name} %{{customdata[2]}}<br>{facts.metric} %{{customdata[3]}}<extra></extra>"
    )

    def custom(trial: int) -> list[object]:
        config = facts.trials[trial].config
        values = [text(_shown(config[p.name])) for p in (first, second)]
        return [trial, *values, compact(scores[trial])]

    data: list[Trace] = [
        {
            **cells,
            "x": compacted(cells["x"]),
            "y": compacted(cells["y"]),
            "z": [compacted(row) for row in cells["z"]],
            "colorscale": "Viridis",
            "reversescale": facts.objective.direction == "min",
            "ncontours": 14,
            "line": {**cells["line"], "width": 0.5, "color": "--paper"},
            "colorbar": {
                "title": {"text": facts.metric, "side": "right"},
                "thickness": 12,
                "len": 0.9,
            },
            "hoverinfo": "skip",
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


def _shown(value: object) -> str:
    return number(value) if isinstance(value, float) else show(value)
