"""Grid search: every combination of values at even distances on each parameter's scale.

>>> from search_spaces import Choice, Float, Is, SearchSpace
>>> space = SearchSpace("tiny", [
...     Choice(name="optimizer", options=["sgd", "adam"]),
...     Float(name="momentum", low=0.8, high=0.9, when=Is("optimizer", "sgd")),
... ])
>>> for config in grid(space, points=2):
...     print(config)
{'optimizer': 'sgd', 'momentum': 0.8}
{'optimizer': 'sgd', 'momentum': 0.9}
{'optimizer': 'adam'}
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from search_spaces.checks import parents
from search_spaces.collection import Config
from search_spaces.parameters import Parameter
from search_spaces.space import SearchSpace
from search_spaces.text import is_count

LIMIT = 10_000


def grid(space: SearchSpace, points: int, *, limit: int = LIMIT) -> Iterator[Config]:
    """All configurations, the last parameter changing fastest; none twice.

    points: values of a number on its scale, ends included; a number with fewer values gives all of
    them, a choice all its options. A parameter whose condition does not hold adds no combinations.
    Raises ValueError at once, not at the first configuration, when there are more than `limit`.
    """
    count = size(space, points)
    if count > limit:
        raise ValueError(
            f"a grid of {points} points an axis over space {space.name!r} has {count:,} "
            f"configurations, more than the limit of {limit:,}: take fewer points, fix or drop "
            "parameters (tiers(1) keeps the most important), or use random search"
        )
    return _combinations(space, points)


def size(space: SearchSpace, points: int) -> int:
    """How many configurations that grid has, without making them.

    >>> from search_spaces import get
    >>> size(get("ng").tiers(1), points=5)
    5
    """
    if not is_count(points):
        raise ValueError(
            f"points an axis must be a whole number, 1 or more, got {points!r}: 2 takes the ends "
            "of every range"
        )
    return math.prod(_count(group, points) for group in _connected(space))


def _combinations(space: SearchSpace, points: int) -> Iterator[Config]:
    axes = {p.name: p.grid(points) for p in space.parameters}

    def rest(found: Config, waiting: Sequence[Parameter]) -> Iterator[Config]:
        if not waiting:
            # through the space, as every configuration: fresh copies, in the space's order
            yield space.fill(found)
            return
        first, *others = waiting
        if first.when is None or first.when.holds(found):
            for value in axes[first.name]:
                yield from rest({**found, first.name: value}, others)
        else:
            yield from rest(found, others)

    return rest({}, space.order)


def _connected(space: SearchSpace) -> list[list[Parameter]]:
    """The parameters in groups without a condition between groups: their counts multiply."""
    groups: list[list[Parameter]] = []
    for parameter in space.order:
        names = parents(parameter)
        joined = [g for g in groups if any(p.name in names for p in g)]
        groups = [g for g in groups if g not in joined]
        groups.append([*(p for g in joined for p in g), parameter])
    return groups


def _count(group: Sequence[Parameter], points: int) -> int:
    """The combinations of one group: only the values of parents have to be looked at."""
    looked_at = {name for parameter in group for name in parents(parameter)}
    axes = {p.name: p.grid(points) for p in group}

    def rest(found: dict[str, Any], at: int) -> int:
        if at == len(group):
            return 1
        parameter = group[at]
        if parameter.when is not None and not parameter.when.holds(found):
            return rest(found, at + 1)
        values = axes[parameter.name]
        if parameter.name not in looked_at:
            return len(values) * rest(found, at + 1)
        return sum(rest({**found, parameter.name: value}, at + 1) for value in values)

    return rest({}, 0)
