"""Quasi-random search: trial n is the n-th point of a scrambled Sobol sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from caviar.base.errors import UsageError
from caviar.base.trial import Mode
from caviar.searchers.base import Searcher, SearcherOptions
from caviar.searchers.coordinates import Coordinates, Floats
from search_spaces import SearchSpace

_BLOCK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class QuasiRandom(SearcherOptions):
    """Quasi-random search: scrambled Sobol points, which leave no part of the space out.

    Random draws fall together here and leave gaps there; these fill the space evenly, so that a
    few dozen trials cover each parameter's range. Trial n is the n-th point of the sequence that
    belongs to the seed. Any space will do: a choice takes an even share of an axis for each option,
    and a parameter that takes no part is left out.
    """

    def check(self, space: SearchSpace) -> None:
        """The sequence has an axis for every parameter."""
        most = 21_201  # what the direction numbers of Joe and Kuo (2008) are known for
        if len(space.searched) > most:
            raise UsageError(
                f"A Sobol sequence has {most:,} axes at most, and {space.name!r} searches "
                f"{len(space.searched):,} parameters: use random search."
            )

    def build(self, space: SearchSpace, *, mode: Mode, seed: int) -> Searcher:
        """The searcher."""
        self.check(space)
        return QuasiRandomSearcher(space, mode=mode, seed=seed)


class QuasiRandomSearcher(Searcher):
    """Trial n depends on the seed and n alone, so a resumed sweep goes on in the sequence.

    Any 2^k consecutive points from a multiple of 2^k on have one in each of 2^k equal parts of
    every axis. The scrambling (Matousek 1998, a random linear one with a digital shift) is what the
    seed chooses; without it the first point would be a corner.
    """

    def __init__(self, space: SearchSpace, *, mode: Mode, seed: int) -> None:
        super().__init__(space, mode=mode, seed=seed)
        self._coordinates = Coordinates(space)
        self._points: Floats = np.empty((0, len(space.searched)))

    def suggest(self, number: int, attempt: int = 0) -> dict[str, Any]:
        if attempt > 0:  # the point has run already, as may happen where there are few values
            return self.space.sample(np.random.default_rng([self.seed, number, attempt]))
        if number >= len(self._points):
            self._points = self._sequence(number + 1)
        point = self._points[number]
        options = self._coordinates.options
        return self._coordinates.config(np.where(options > 0, np.floor(point * options), point))

    def _sequence(self, least: int) -> Floats:
        """[2^k ≥ least, parameters] the first points: a longer call begins with a shorter one's."""
        from scipy.stats import qmc  # a second; only who takes points needs it

        count = max(_BLOCK, 2 ** (least - 1).bit_length())
        rng = np.random.default_rng([self.seed, 0])
        sobol = qmc.Sobol(len(self.space.searched), scramble=True, rng=rng)
        return np.asarray(sobol.random(count), dtype=np.float64)
