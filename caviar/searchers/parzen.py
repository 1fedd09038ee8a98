"""The tree-structured Parzen estimator's question, put to a joint density at one epoch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from caviar.base.trial import Mode
from caviar.searchers.fidelity import FidelityLevel
from caviar.searchers.kernel_density import Parzen
from caviar.searchers.model import ModelSearcher
from caviar.searchers.options import Parzen as Options
from search_spaces import SearchSpace

_MOST_GOOD = 25
_OUT_OF_THE_QUESTION = 1e6
"""Taken off the gain of candidates that are expected to break: above any difference in gain."""


class ParzenSearcher(ModelSearcher):
    """Proposes where good trials are dense and bad ones are not.

    The trials of the level are split into the best `good_share` and the rest, to which those that
    were stopped before it are added. Each gets a density, l and g, and of `candidates` drawn from
    l the one with the largest l/g is proposed: it has the largest expected improvement (Bergstra et
    al. 2011).
    """

    def __init__(self, space: SearchSpace, *, options: Options, mode: Mode, seed: int) -> None:
        super().__init__(space, options=options, mode=mode, seed=seed)
        self._options = options

    def propose(self, level: FidelityLevel, rng: np.random.Generator) -> dict[str, Any]:
        best_first = sorted(level.scores, key=lambda number: -level.scores[number])
        sound = sum(score > -math.inf for score in level.scores.values())
        share = math.ceil(self._options.good_share * len(best_first))
        good = max(1, min(share, _MOST_GOOD, sound, len(best_first) - 1))
        rows = np.array([self.rows[number] for number in (*best_first, *level.stopped)])
        width = self._options.width
        likely = Parzen(rows[:good], self.coordinates.options, width=width)
        unlikely = Parzen(rows[good:], self.coordinates.options, width=width)
        drawn = likely.draw(self._options.candidates, rng)
        asked = self.coordinates.masked(drawn)
        gain = likely.log_density(asked) - unlikely.log_density(asked)
        gain[self.feasibility.expected(asked)] -= _OUT_OF_THE_QUESTION
        return self.coordinates.config(drawn[int(gain.argmax())])
