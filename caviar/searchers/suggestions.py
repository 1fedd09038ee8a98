"""Which configuration runs next, and none twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from caviar.searchers.base import Searcher
from search_spaces import SearchSpace

_SEARCHER_TRIES = 20
"""How often a searcher may propose what has run already; then a random draw takes its place."""
_RANDOM_TRIES = 1000
"""How many random draws may have run already before the space counts as exhausted."""


class Suggestions:
    """The configurations in `first`, one a trial from trial 0, then what the searcher proposes.

    A model over few choices proposes its favourite again and again: then any new one will do.
    """

    def __init__(
        self,
        searcher: Searcher,
        space: SearchSpace,
        *,
        seed: int,
        first: Sequence[Mapping[str, Any]],
    ) -> None:
        self._searcher = searcher
        self._space = space
        self._seed = seed
        self._first = first
        self._keys: set[Any] = set()

    def runs(self, config: Mapping[str, Any]) -> None:
        """A trial has this configuration: it is not proposed again."""
        self._keys.add(self._space.key(config))

    def next(self, number: int) -> dict[str, Any] | None:
        """The configuration of a new trial; None when there is nothing left."""
        if number < len(self._first):
            return self._instead(number, self._first[number])
        for attempt in range(_SEARCHER_TRIES):
            config = self._searcher.suggest(number, attempt)
            if config is None or self._is_new(config):
                return config
        rng = np.random.default_rng([self._seed, number, _SEARCHER_TRIES])
        for _ in range(_RANDOM_TRIES):
            config = self._space.sample(rng)
            if self._is_new(config):
                return self._instead(number, config)
        return None

    def _is_new(self, config: Mapping[str, Any]) -> bool:
        return self._space.key(config) not in self._keys

    def _instead(self, number: int, config: Mapping[str, Any]) -> dict[str, Any]:
        """The searcher knows what runs instead of a proposal of its own."""
        self._searcher.register(number, config)
        return dict(config)
