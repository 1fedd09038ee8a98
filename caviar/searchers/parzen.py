"""The tree-structured Parzen estimator's question, put to a joint density at one epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from caviar.base.errors import UsageError
from caviar.base.trial import Mode
from caviar.searchers.base import Searcher, share
from caviar.searchers.fidelity import FidelityLevel
from caviar.searchers.kernel_density import ParzenDensity
from caviar.searchers.model import ModelOptions, ModelSearcher
from search_spaces import SearchSpace

_MOST_GOOD = 25
_OUT_OF_THE_QUESTION = 1e6
"""Taken off the gain of candidates that are expected to break: above any difference in gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parzen(ModelOptions):
    """A Parzen model of whole configurations, at the highest epoch that enough trials reached.

    With `Asha` two fifths of the regret of random search with Ray's ASHA on recorded learning
    curves at the end where they are smooth, and half of it where they are noisy
    (benchmarks/results/search_quality.md). A model of our own because the bandwidth matters and
    Optuna's is fixed: too narrow for a joint density, see `parzen.py`.
    """

    good_share: float = 0.1
    """Of the trials at that epoch, those that count as good; 25 trials at most."""
    width: float = 0.3
    """Bandwidth of the kernel of a single trial, in units of a parameter's range."""

    def __post_init__(self) -> None:
        # By name: a dataclass with slots is another class than the one that super() knows.
        ModelOptions.__post_init__(self)
        share("good_share", self.good_share)
        if not 0 < self.width <= 1:
            raise UsageError(f"width must lie above 0 and at most at 1, and it is {self.width}.")

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        return ParzenSearcher(space, options=self, mode=mode, seed=seed)


class ParzenSearcher(ModelSearcher):
    """Proposes where good trials are dense and bad ones are not.

    The trials of the level are split into the best `good_share` and the rest, to which those that
    were stopped before it are added. Each gets a density, l and g, and of `candidates` drawn from
    l the one with the largest l/g is proposed: it has the largest expected improvement (Bergstra et
    al. 2011).
    """

    def __init__(self, space: SearchSpace, *, options: Parzen, mode: Mode, seed: int) -> None:
        super().__init__(space, options=options, mode=mode, seed=seed)
        self._options = options

    def propose(self, level: FidelityLevel, rng: np.random.Generator) -> dict[str, Any]:
        best_first = sorted(level.scores, key=lambda number: -level.scores[number])
        sound = sum(score > -math.inf for score in level.scores.values())
        share = math.ceil(self._options.good_share * len(best_first))
        good = max(1, min(share, _MOST_GOOD, sound, len(best_first) - 1))
        rows = np.array([self.rows[number] for number in (*best_first, *level.stopped)])
        width = self._options.width
        likely = ParzenDensity(rows[:good], self.coordinates.options, width=width)
        unlikely = ParzenDensity(rows[good:], self.coordinates.options, width=width)
        drawn = likely.draw(self._options.candidates, rng)
        asked = self.coordinates.masked(drawn)
        gain = likely.log_density(asked) - unlikely.log_density(asked)
        gain[self.feasibility.expected(asked)] -= _OUT_OF_THE_QUESTION
        return self.coordinates.config(drawn[int(gain.argmax())])
