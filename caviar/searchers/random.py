"""Random search: every trial is an independent draw from the space."""

from __future__ import annotations

from typing import Any

import numpy as np

from caviar.searchers.base import Searcher


class RandomSearcher(Searcher):
    """Trial n depends on the seed and n alone, so a resumed sweep draws what it would have."""

    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any]:
        return self.space.sample(np.random.default_rng([self.seed, number, attempt]))
