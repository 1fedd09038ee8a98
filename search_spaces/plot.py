"""A picture of what each scale samples: one panel a parameter, drawn by the reference sampler.

A number's axis is its own scale with natural values on it, so that what the scale spreads evenly
looks even. On a log scale a dotted line shows what a linear scale would have sampled instead:
nearly all of it in the top decade (A. Ng, "Tuning Process").
"""

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces.numeric import Float, Int
from search_spaces.parameters import Choice, Searched
from search_spaces.scales import Scale
from search_spaces.space import SearchSpace
from search_spaces.text import show

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLUMNS = 3
BINS = 30
MOST_BARS = 24  # beyond that many values a histogram reads better
TICKS = 5


def figure(space: SearchSpace, *, draws: int = 5_000, seed: int = 0) -> "go.Figure":
    """A plotly figure with one panel a searched parameter; heights are percent of its draws.

    The title of a parameter with a condition says how many of all draws it takes part in.

    Raises ValueError for a space without anything to draw.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    if not space.searched:
        raise ValueError(f"space {space.name!r} has nothing to draw: all of it is fixed")
    rng = np.random.default_rng(seed)
    configs = [space.sample(rng) for _ in range(draws)]
    drawn = {
        p.name: [config[p.name] for config in configs if p.name in config] for p in space.searched
    }
    columns = min(COLUMNS, len(space.searched))
    rows = -(-len(space.searched) // columns)
    picture = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[_title(p, len(drawn[p.name]) / draws) for p in space.searched],
        vertical_spacing=0.34 / rows,
    )
    for number, parameter in enumerate(space.searched):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        values = drawn[parameter.name]
        if isinstance(parameter, Choice) or _few(parameter):
            labels = [show(value) for value in parameter.grid(MOST_BARS)]
            found = Counter(show(value) for value in values)
            heights = [_percent(found[label], len(values)) for label in labels]
            picture.add_trace(_bars(go, labels, heights, labels), **place)
            picture.update_xaxes(type="category", **place)
            continue
        places, heights, ranges, linear = _histogram(parameter, values, rng)
        picture.add_trace(_bars(go, places, heights, ranges), **place)
        if parameter.scale != "linear":
            picture.add_trace(_line(go, places, linear), **place)
            # the line leaves at the top: the bars are the subject
            picture.update_yaxes(range=[0, 4 * max(heights)], **place)
        ticks = _ticks(parameter)
        picture.update_xaxes(
            range=[0, 1],
            tickvals=[_scale(parameter).unit(tick) for tick in ticks],
            ticktext=[show(tick) for tick in ticks],
            **place,
        )
    picture.update_yaxes(ticksuffix=" %", rangemode="tozero", nticks=4)
    picture.update_layout(
        title=f"space {space.name}: {draws:,} draws of every parameter, on its own scale; "
        "dotted: what a linear scale would draw",
        template="plotly_white",
        showlegend=False,
        bargap=0.05,
        height=120 + 240 * rows,
        margin={"t": 110},
    )
    return picture


def write(space: SearchSpace, path: str | Path, *, draws: int = 5_000, seed: int = 0) -> None:
    """Write the picture as one self-contained HTML file; raises ValueError for another ending."""
    path = Path(path)
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"a picture is written as HTML, got {str(path)!r}: end it in .html")
    html = figure(space, draws=draws, seed=seed).to_html(include_plotlyjs=True, full_html=True)
    path.write_text(html, encoding="utf-8")


def _title(parameter: Searched, share: float) -> str:
    scale = parameter.describe()[1]
    when = f"<br>{parameter.when}: {share:.0%}" if parameter.when else ""
    return f"{parameter.name}, {scale}{when}"


def _few(parameter: Float | Int) -> bool:
    return parameter.cells is not None and parameter.cells.count <= MOST_BARS


def _percent(count: float, total: int) -> float:
    return 100 * count / max(total, 1)


def _bars(go: Any, places: list[Any], heights: list[float], hover: list[str]) -> Any:
    return go.Bar(
        x=places, y=heights, hovertext=hover, hoverinfo="text+y", marker={"color": "#4c78a8"}
    )


def _line(go: Any, places: list[float], heights: list[float]) -> Any:
    return go.Scatter(
        x=places,
        y=heights,
        mode="lines",
        line={"color": "#e45756", "dash": "dot", "width": 1.5},
        hoverinfo="y",
    )


def _scale(parameter: Float | Int) -> Scale:
    return parameter.span if parameter.cells is None else parameter.cells.scale


def _histogram(
    parameter: Float | Int, values: list[float], rng: np.random.Generator
) -> tuple[list[float], list[float], list[str], list[float]]:
    """Bins of equal width on the scale: their middles, percents, natural ranges, and the percents
    that draws from a linear scale would have there."""
    units = [_unit(parameter, value, rng) for value in values]
    counts, edges = np.histogram(units, bins=BINS, range=(0, 1))
    ends = [_scale(parameter).value(edge) for edge in edges]
    heights = [_percent(int(count), len(values)) for count in counts]
    ranges = [f"{show(a)} … {show(b)}" for a, b in itertools.pairwise(ends)]
    linear = 100 * np.diff(ends) / (ends[-1] - ends[0])
    return ((edges[:-1] + edges[1:]) / 2).tolist(), heights, ranges, linear.tolist()


def _unit(parameter: Float | Int, value: float, rng: np.random.Generator) -> float:
    """The coordinate of a draw; a value in steps counts for the whole stretch that it owns.

    On a point each, 91 whole numbers in 30 bins would make a comb.
    """
    if parameter.cells is None:
        return parameter.span.unit(value)
    return float(rng.uniform(*parameter.cells.edges(parameter.position(value))))


def _ticks(parameter: Float | Int) -> list[float]:
    """Natural values for the axis: powers of ten, or of 1 - β, where there are enough of them."""
    low, high = parameter.low, parameter.high
    if parameter.scale == "log":
        powers = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
        decades = [10.0**power for power in powers]
    elif parameter.scale == "log1m":
        powers = range(
            math.ceil(-math.log10(1 - low) - 1e-9), math.floor(-math.log10(1 - high) + 1e-9) + 1
        )
        decades = [1 - 10.0**-power for power in powers]
    else:
        decades = []
    return decades if len(decades) >= 3 else [float(f"{v:.3g}") for v in parameter.grid(TICKS)]
