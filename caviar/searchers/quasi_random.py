"""Quasi-random search: trial n is the n-th point of a scrambled Sobol sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import qmc

from caviar.base.trial import Mode
from caviar.searchers.base import Searcher
from caviar.searchers.coordinates import Coordinates, Floats
from search_spaces import SearchSpace

_BLOCK = 64


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
        count = max(_BLOCK, 2 ** (least - 1).bit_length())
        rng = np.random.default_rng([self.seed, 0])
        sobol = qmc.Sobol(len(self.space.searched), scramble=True, rng=rng)
        return np.asarray(sobol.random(count), dtype=np.float64)
