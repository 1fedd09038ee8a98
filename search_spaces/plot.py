"""A picture of what each scale samples: a histogram a parameter, from the reference sampler.

A condition thins a parameter out (momentum only with SGD), which its title says.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces.parameters import Choice, Searched
from search_spaces.space import SearchSpace
from search_spaces.text import show

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLUMNS = 3
BINS = 40
MOST_BARS = 24  # beyond that many values a histogram reads better


def figure(space: SearchSpace, *, draws: int = 5_000, seed: int = 0) -> "go.Figure":
    """A plotly figure with one panel a searched parameter, each over natural values.

    Raises ImportError, with the command that helps, where plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots
    except ModuleNotFoundError as error:
        raise ImportError(
            "pictures of a search space need plotly: pip install 'caviar-tune[plot]'"
        ) from error
    if not space.searched:
        raise ValueError(f"space {space.name!r} has nothing to draw: all of it is fixed")
    rng = np.random.default_rng(seed)
    configs = [space.sample(rng) for _ in range(draws)]
    drawn = {
        p.name: [config[p.name] for config in configs if p.name in config] for p in space.searched
    }
    columns = min(COLUMNS, len(space.searched))
    picture = make_subplots(
        rows=-(-len(space.searched) // columns),
        cols=columns,
        subplot_titles=[_title(p, len(drawn[p.name]) / draws) for p in space.searched],
    )
    for number, parameter in enumerate(space.searched):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        labels, counts, widths = _bars(parameter, drawn[parameter.name])
        picture.add_trace(go.Bar(x=labels, y=counts, width=widths), **place)
        if isinstance(labels[0], str):
            picture.update_xaxes(type="category", **place)
    rows = -(-len(space.searched) // columns)
    picture.update_layout(
        title=f"space {space.name}: {draws:,} draws",
        showlegend=False,
        bargap=0.05,
        height=120 + 230 * rows,
        width=380 * columns,
    )
    return picture


def write(space: SearchSpace, path: str | Path, *, draws: int = 5_000, seed: int = 0) -> None:
    """Write the picture as one self-contained HTML file."""
    html = figure(space, draws=draws, seed=seed).to_html(include_plotlyjs=True, full_html=True)
    Path(path).write_text(html, encoding="utf-8")


def _title(parameter: Searched, share: float) -> str:
    _, scale = parameter.describe()
    when = f"<br>{parameter.when} ({share:.0%})" if parameter.when else ""
    return f"{parameter.name} ({scale}){when}"


def _bars(
    parameter: Searched, values: list[Any]
) -> tuple[list[Any], list[int], list[float] | None]:
    """Where the bars stand, how high they are and how wide."""
    texts = Counter(show(value) for value in values)
    if isinstance(parameter, Choice) or (
        parameter.cells is not None and parameter.cells.count <= MOST_BARS
    ):
        labels = [show(value) for value in parameter.grid(MOST_BARS)]
        return labels, [texts[label] for label in labels], None
    counts, edges = np.histogram(values, bins=BINS, range=(parameter.low, parameter.high))
    return (
        ((edges[:-1] + edges[1:]) / 2).tolist(),
        counts.tolist(),
        np.diff(edges).tolist(),
    )
