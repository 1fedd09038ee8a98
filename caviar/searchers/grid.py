"""Grid search: every combination, in the order of the space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from caviar.base.errors import UsageError
from caviar.base.options import Options
from caviar.base.trial import Mode
from caviar.searchers.base import Observation, Searcher, SearcherOptions, at_least_one
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid(SearcherOptions):
    """Grid search: every combination of evenly spaced values, in the order of the space."""

    points: int = 2
    """Values for each numeric parameter, on its scale; a choice contributes all its options."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        at_least_one("points", self.points)

    def check(self, space: SearchSpace) -> None:
        """The grid has a size that can be searched."""
        from search_spaces.encoders.grid import grid

        try:
            grid(space, self.points)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        self.check(space)
        return GridSearcher(space, points=self.points, mode=mode, seed=seed)


class GridSearcher(Searcher):
    """Walks the grid once. What has been proposed or told before is skipped."""

    def __init__(self, space: SearchSpace, *, points: int, mode: Mode, seed: int) -> None:
        super().__init__(space, mode=mode, seed=seed)
        from search_spaces.encoders.grid import grid

        self._seen: set[Any] = set()
        self._left: Iterator[dict[str, Any]] = iter(grid(space, points))

    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any] | None:
        for config in self._left:
            if self.space.key(config) not in self._seen:
                self._seen.add(self.space.key(config))
                return config
        return None

    def register(self, number: int, config: Mapping[str, Any]) -> None:
        self._seen.add(self.space.key(config))

    def observe(self, number: int, observation: Observation) -> None:
        self._seen.add(self.space.key(observation.config))
