"""Random search: every trial is an independent draw from the space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from caviar.base.trial import Mode
from caviar.searchers.base import Searcher, SearcherOptions
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Random(SearcherOptions):
    """Random search: independent draws, trial n from the seed of the sweep and n alone."""

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        return RandomSearcher(space, mode=mode, seed=seed)


class RandomSearcher(Searcher):
    """Trial n depends on the seed and n alone, so a resumed sweep draws what it would have."""

    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any]:
        return self.space.sample(np.random.default_rng([self.seed, number, attempt]))
