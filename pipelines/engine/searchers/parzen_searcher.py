"""The tree-structured Parzen estimator's question, put to a joint density at one epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.engine.records import Mode
from pipelines.engine.searchers.base import Searcher, Told
from pipelines.engine.searchers.levels import Levels
from pipelines.engine.searchers.options import Parzen as Options
from pipelines.engine.searchers.parzen import Coordinates, Floats, Parzen
from search_spaces import SearchSpace

_MOST_GOOD = 25


class ParzenSearcher(Searcher):
    """Proposes where good trials are dense and bad ones are not.

    The trials at the highest epoch that ``enough`` of them have reached are split into the best
    ``good_share`` and the rest, each gets a density, l and g, and of ``candidates`` drawn from l
    the one with the largest l/g is proposed: it has the largest expected improvement (Bergstra et
    al. 2011). Trials teach the model while they run, since the best of them end last.
    """

    def __init__(self, space: SearchSpace, *, options: Options, mode: Mode, seed: int) -> None:
        super().__init__(space, mode=mode, seed=seed)
        self._options = options
        self._coordinates = Coordinates(space)
        self._levels = Levels(mode)
        self._rows: dict[int, Floats] = {}

    def ask(self, number: int, attempt: int = 0) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, number, attempt])
        explores = rng.random() < self._options.random_share
        found = None if explores else self._levels.highest(self._options.enough)
        config = self.space.sample(rng) if found is None else self._model(found, rng)
        self.restart(number, config)
        return config

    def restart(self, number: int, config: Mapping[str, Any]) -> None:
        self._rows[number] = self._coordinates.of(config)

    def report(self, number: int, epoch: int, value: float) -> None:
        self._levels.report(number, epoch, value)

    def tell(self, number: int, told: Told) -> None:
        self.restart(number, told.config)
        self._levels.tell(number, told)

    def _model(self, found: list[tuple[int, float]], rng: np.random.Generator) -> dict[str, Any]:
        best_first = sorted(found, key=lambda item: -item[1])
        good = min(math.ceil(self._options.good_share * len(found)), _MOST_GOOD, len(found) - 1)
        rows = np.array([self._rows[number] for number, _ in best_first])
        width = self._options.width
        likely = Parzen(rows[: max(good, 1)], self._coordinates, width=width)
        unlikely = Parzen(rows[max(good, 1) :], self._coordinates, width=width)
        drawn = likely.draw(self._options.candidates, rng)
        asked = self._coordinates.masked(drawn)
        gain = likely.log_density(asked) - unlikely.log_density(asked)
        return self._coordinates.config(drawn[int(gain.argmax())])
