"""A Parzen estimator over whole configurations: a density of configurations, with conditions.

Each observed configuration is the centre of a kernel; the uniform density over the space is one
more. A kernel is a product over the parameters that take part in the configuration it is asked
about: a normal distribution cut at 0 and 1 for a number in its scale's coordinates, for a choice
its own option with weight 1 - λ and all options with λ shared among them, and the uniform
distribution where the kernel's own configuration lacks the parameter. Drawn parents first, each
factor sums to one, so the product does too, whatever takes part.

The bandwidth is the same for every parameter, h = width · n^(-1/(d + 4)) (Scott's rule) for n
configurations of d parameters, and λ = h. Optuna and HyperOpt take the distance to the neighbour
in each coordinate instead, which suits the density of a single parameter: in a joint density of
seven parameters, kernels that narrow in each of them cover next to nothing together.
Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"; the joint density as
in Falkner et al. 2018, "BOHB".
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from caviar.searchers.coordinates import Floats, Integers

_LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)


class ParzenDensity:
    """The density around `rows` (configurations, at least one).

    `options` has how many a column's choice has, 0 for a number between 0 and 1.
    """

    def __init__(self, rows: Floats, options: Integers, *, width: float) -> None:
        count, columns = rows.shape
        self._at = rows
        self._options = options
        self._number = self._options == 0
        self._h = min(1.0, width * count ** (-1 / (columns + 4)))
        # The mass that a kernel has inside 0 … 1.
        centre = np.where(np.isnan(rows) | ~self._number, 0.5, rows)
        self._low, self._high = _cdf(-centre / self._h), _cdf((1 - centre) / self._h)
        self._lacks = np.isnan(rows)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """`count` rows in which every parameter has a value, taking part or not."""
        columns = len(self._options)
        uniform = rng.random((count, columns))
        place = rng.random((count, columns))
        kernels = rng.integers(len(self._at) + 1, size=count)  # the last one is the uniform density
        own = np.minimum(kernels, len(self._at) - 1)
        centre = self._at[own]
        blank = (kernels == len(self._at))[:, None] | np.isnan(centre)
        low, high = self._low[own], self._high[own]
        numbers = centre + self._h * _quantile(low + place * (high - low))
        anywhere = np.where(self._number, uniform, np.floor(uniform * self._options))
        moved = blank | (~self._number & (place < self._h))
        drawn = np.where(self._number, np.clip(numbers, 0.0, 1.0), centre)
        return np.where(moved, anywhere, drawn)

    def log_density(self, rows: Floats) -> Floats:
        """[rows] of them; a NaN column, which takes no part, is passed over."""
        asked = rows[:, None, :]
        number, choice = self._number, ~self._number
        factor = np.empty((len(rows), *self._at.shape))
        z = (asked[..., number] - self._at[:, number]) / self._h
        mass = self._high[:, number] - self._low[:, number]
        factor[..., number] = -0.5 * z**2 - _LOG_ROOT_TWO_PI - np.log(self._h * mass)
        shares = np.log(1.0 / np.maximum(self._options, 1))
        blank = np.where(number, 0.0, shares)
        if choice.any():
            same = np.log(1 - self._h + self._h * np.exp(shares))
            other = math.log(self._h) + shares
            alike = asked[..., choice] == self._at[:, choice]
            factor[..., choice] = np.where(alike, same[choice], other[choice])
        if self._lacks.any():
            factor = np.where(self._lacks, blank, factor)
        taking_part = ~np.isnan(asked)
        if not taking_part.all():
            factor = np.where(taking_part, factor, 0.0)
        kernels = factor.sum(axis=2)
        prior = np.where(taking_part, blank, 0.0).sum(axis=2)
        every = np.concatenate([kernels, prior], axis=1)
        top = every.max(axis=1, keepdims=True)
        summed = np.log(np.exp(every - top).sum(axis=1)) + top[:, 0]
        return np.asarray(summed - math.log(every.shape[1]))


_NORMAL = NormalDist()
_GRID = np.linspace(-11.0, 11.0, 4001)
_CDF = np.array([_NORMAL.cdf(x) for x in _GRID])


def _cdf(x: Floats) -> Floats:
    """The standard normal distribution function, to 1e-5 (numpy has none)."""
    return np.asarray(np.interp(x, _GRID, _CDF))


def _quantile(p: Floats) -> Floats:
    """Its inverse."""
    return np.asarray(np.interp(p, _CDF, _GRID))
