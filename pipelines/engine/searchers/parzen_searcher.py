"""The tree-structured Parzen estimator's question, put to a joint density at one epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.engine.records import Mode
from pipelines.engine.searchers.levels import Level
from pipelines.engine.searchers.model_searcher import ModelSearcher
from pipelines.engine.searchers.options import Parzen as Options
from pipelines.engine.searchers.parzen import Coordinates, Floats, Parzen
from search_spaces import SearchSpace

_MOST_GOOD = 25


class ParzenSearcher(ModelSearcher):
    """Proposes where good trials are dense and bad ones are not.

    The trials of the level are split into the best ``good_share`` and the rest, each gets a
    density, l and g, and of ``candidates`` drawn from l the one with the largest l/g is proposed:
    it has the largest expected improvement (Bergstra et al. 2011).
    """

    def __init__(self, space: SearchSpace, *, options: Options, mode: Mode, seed: int) -> None:
        super().__init__(space, options=options, mode=mode, seed=seed)
        self._options = options
        self._coordinates = Coordinates(space)
        self._rows: dict[int, Floats] = {}

    def restart(self, number: int, config: Mapping[str, Any]) -> None:
        super().restart(number, config)
        self._rows[number] = self._coordinates.of(config)

    def propose(self, level: Level, rng: np.random.Generator) -> dict[str, Any]:
        best_first = sorted(level.scores, key=lambda number: -level.scores[number])
        share = math.ceil(self._options.good_share * len(best_first))
        good = max(1, min(share, _MOST_GOOD, len(best_first) - 1))
        rows = np.array([self._rows[number] for number in best_first])
        width = self._options.width
        likely = Parzen(rows[:good], self._coordinates, width=width)
        unlikely = Parzen(rows[good:], self._coordinates, width=width)
        drawn = likely.draw(self._options.candidates, rng)
        asked = self._coordinates.masked(drawn)
        gain = likely.log_density(asked) - unlikely.log_density(asked)
        return self._coordinates.config(drawn[int(gain.argmax())])
