"""Grid search: every combination, in the order of the space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from caviar.base.trial import Mode
from caviar.searchers.base import Observation, Searcher
from search_spaces import SearchSpace


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
