"""The noise of the seeds: how far two means differ by chance."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

CONFIDENCE = 0.95
"""How sure a difference of means must be, on both sides."""


class Spread(NamedTuple):
    """The spread of one configuration's scores over its seeds."""

    std: float
    """Standard deviation, with n - 1; 0 or more."""
    seeds: int
    """How many, 1 or more; a single one says nothing about the noise."""

    @classmethod
    def of(cls, scores: Sequence[float]) -> Spread:
        """That of one or more scores.

        >>> Spread.of([0.25, 0.5, 0.75])
        Spread(std=0.25, seeds=3)
        """
        return cls(statistics.stdev(scores) if len(scores) > 1 else 0.0, len(scores))


def noise(spreads: Iterable[Spread], runs: int, others: int) -> float | None:
    """The difference of two means that chance alone exceeds once in twenty times.

    Student's t with the variance that all spreads have in common:
    t(0.975, f) · s · sqrt(1/runs + 1/others), with f the sum of seeds - 1 over the spreads and s²
    the mean of their variances, weighted by seeds - 1.

    Args:
        spreads: of configurations that were trained under the same conditions; their means may
            differ.
        runs: how many scores the one mean is of.
        others: how many the other is of.

    Returns:
        The difference, in units of the score; None where no spread is of two seeds: then nothing is
        known about the noise.

    >>> round(noise([Spread(0.01, 3), Spread(0.01, 3)], 3, 3), 4)
    0.0227
    """
    known = [spread for spread in spreads if spread.seeds > 1]
    freedom = sum(spread.seeds - 1 for spread in known)
    if freedom == 0:
        return None
    from scipy.stats import t  # a quarter of a second, for sweeps with finalists only

    variance = sum((spread.seeds - 1) * spread.std**2 for spread in known) / freedom
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, freedom))
    return quantile * math.sqrt(variance * (1 / runs + 1 / others))
