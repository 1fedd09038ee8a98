"""Where in the space the good trials are: slices, the contour of two parameters, range edges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from caviar.report.facts import Facts
from search_spaces import Choice, Float, Int, Searched
from search_spaces.text import show

BEST_SHARE = 0.1
BEST_LEAST = 5
"""The best trials are a tenth of those that have a score, five at least."""
_EDGE = 0.1
"""How near to the end of a range counts as its edge, as a share of the scale."""
_WIDER = 0.25
"""How much of the scale is suggested beyond an edge."""
_SMOOTH = 0.12
"""The standard deviation of the contour's kernel, as a share of the scale."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The best trial and most of the good ones are at one end of a parameter's range."""

    name: str
    is_upper: bool
    """Whether it is the upper end."""
    bound: float
    suggested: float
    """A bound a quarter of the scale further out."""
    at_edge: int
    of: int
    """So many of the best trials are there."""

    @property
    def what(self) -> str:
        """What to do, without a full stop."""
        direction = "upwards" if self.is_upper else "downwards"
        return (
            f"Widen {self.name} {direction} (beyond {show(self.bound)}, to "
            f"{show(self.suggested)} say)"
        )

    @property
    def why(self) -> str:
        """The evidence, as the end of a sentence."""
        return (
            f"the best trial and {self.at_edge} of the best {self.of} lie at that end of its range"
        )


def position(parameter: Searched, value: Any) -> float:
    """Where a value is on the axis of its parameter, 0 … 1, on the parameter's own scale.

    Options and steps have places at even distances, whatever their scale: few values crowd nowhere.
    """
    if isinstance(parameter, Choice):
        return _place(parameter.encode(value), len(parameter.options))
    if parameter.cells is not None and parameter.scale == "linear":
        return _place(parameter.position(value), parameter.cells.count)
    return min(max(parameter.span.unit(value), 0.0), 1.0)


def _place(index: int, count: int) -> float:
    return index / (count - 1) if count > 1 else 0.5


def ticks(parameter: Searched, most: int = 6) -> list[tuple[float, str]]:
    """Positions and texts for an axis: all options, decades, or even steps."""
    if isinstance(parameter, Choice):
        return [(position(parameter, option), show(option)) for option in parameter.options]
    decades = _decades(parameter)
    values = decades if len(decades) >= 3 else parameter.grid(5)
    values = list(dict.fromkeys(float(f"{value:.3g}") for value in values))
    values = [value for value in values if parameter.low <= value <= parameter.high]
    stride = math.ceil(len(values) / most)
    return [(position_of_number(parameter, value), show(value)) for value in values[::stride]]


def position_of_number(parameter: Float | Int, value: float) -> float:
    """As `position`, for a number between two steps too."""
    return min(max(parameter.span.unit(value), 0.0), 1.0)


def _decades(parameter: Float | Int) -> list[float]:
    low, high = parameter.low, parameter.high
    if parameter.scale == "log":
        exponents = range(
            math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1
        )
        return [10.0**e for e in exponents]
    if parameter.scale == "log1m":
        low, high = -math.log10(1 - low), -math.log10(1 - high)
        return [1 - 10.0**-e for e in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    return []


def best_trials(facts: Facts) -> list[int]:
    """The numbers of the good trials, the best first; as many as BEST_SHARE and BEST_LEAST say."""
    ranking = facts.trials.leaders()
    return ranking[: max(BEST_LEAST, math.ceil(BEST_SHARE * len(ranking)))]


def edges(facts: Facts) -> list[Edge]:
    """The ranges that the good trials press against, the clearest first."""
    winner = facts.winner
    found = []
    for parameter in facts.space.searched:
        if winner is None or isinstance(parameter, Choice) or parameter.name not in winner.config:
            continue
        name = parameter.name
        good = [facts.trials[n].config.get(name) for n in best_trials(facts)]
        places = [position(parameter, value) for value in good if value is not None]
        best = position(parameter, winner.config[name])
        for is_upper, places_in, best_in in (
            (False, places, best),
            (True, [1 - place for place in places], 1 - best),
        ):
            near = _near(parameter)
            at_edge = sum(place <= near for place in places_in)
            presses = len(places) >= BEST_LEAST and at_edge > _crowded(parameter) * len(places)
            if best_in <= near and presses and not _natural_end(parameter, upper=is_upper):
                bound = parameter.high if is_upper else parameter.low
                wider = _beyond(parameter, up=is_upper)
                found.append(Edge(name, is_upper, bound, wider, at_edge, len(places)))
    return sorted(found, key=lambda edge: -edge.at_edge / edge.of)


def _near(parameter: Float | Int) -> float:
    """The end of a range: a tenth of it, less where that would hold more than the last step."""
    count = parameter.cells.count if parameter.cells is not None else 1000
    return _EDGE if count > 10 else 0.0


def _crowded(parameter: Float | Int) -> float:
    """The share of the good trials at an edge from which they press against it.

    Half of them, and half as many again as would be there by chance where the steps are few.
    """
    return max(0.5, 1.5 / parameter.cells.count if parameter.cells is not None else 0.0)


def _natural_end(parameter: Float | Int, *, upper: bool) -> bool:
    """Whether a range ends where the parameter does: a share at 0 or 1, a single layer."""
    if not upper:
        return parameter.low == 0 or (isinstance(parameter, Int) and parameter.low <= 1)
    return parameter.high == 1 and parameter.low == 0


def _beyond(parameter: Float | Int, *, up: bool) -> float:
    low, high = parameter.low, parameter.high
    if parameter.scale == "log":
        value = high * (high / low) ** _WIDER if up else low / (high / low) ** _WIDER
    elif parameter.scale == "log1m":
        ratio = ((1 - low) / (1 - high)) ** _WIDER
        value = 1 - (1 - high) / ratio if up else 1 - (1 - low) * ratio
        return float(f"{1 - float(f'{1 - value:.2g}'):.9g}") if 0 < value < 1 else value
    else:
        value = high + _WIDER * (high - low) if up else low - _WIDER * (high - low)
        value = max(value, 0.0) if low >= 0 else value
    rounded = float(f"{value:.2g}")
    if isinstance(parameter, Int):
        step = parameter.step or 1
        steps = max(1, round(abs(rounded - (high if up else low)) / step)) * step
        return high + steps if up else max(1, low - steps)
    return rounded


def smoothed(x: Sequence[float], y: Sequence[float], z: Sequence[float]) -> list[float]:
    """The mean of `z` around each point of the unit square, by a Gaussian kernel.

    Nadaraya-Watson: single trials are noisy, and their landscape would be all peaks.
    """
    points = np.column_stack([x, y])
    apart = ((points[:, None, :] - points[None, :, :]) ** 2).sum(2)
    weights = np.exp(-apart / (2 * _SMOOTH**2))
    return [float(mean) for mean in weights @ np.asarray(z) / weights.sum(1)]


def slice_points(facts: Facts, parameter: Searched) -> Mapping[int, float]:
    """Where each trial that has a score is on a parameter's axis, by trial number."""
    return {
        number: position(parameter, facts.trials[number].config[parameter.name])
        for number in facts.scores()
        if parameter.name in facts.trials[number].config
    }
