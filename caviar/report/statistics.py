"""The few statistics that the report and its advice need."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95
"""How sure a difference of means must be, on both sides."""


def ranks(values: Sequence[float]) -> np.ndarray:
    """The rank of each value, from 1 for the smallest; equals share the mean of theirs.

    >>> ranks([10.0, 30.0, 20.0, 20.0]).tolist()
    [1.0, 4.0, 2.5, 2.5]
    """
    array = np.asarray(values, dtype=float)
    below = (array[None, :] < array[:, None]).sum(axis=1)
    equal = (array[None, :] == array[:, None]).sum(axis=1)
    return np.asarray(below + (equal + 1) / 2)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's: 1 where both have the same order, -1 where one is the other backwards.

    None for fewer than three pairs, and where all of one side are equal.

    >>> rank_correlation([1, 2, 3, 4], [10, 20, 40, 30])
    0.8
    """
    if len(a) < 3:
        return None
    x, y = ranks(a), ranks(b)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return round(float(np.corrcoef(x, y)[0, 1]), 12)


def separation(among: Sequence[float], others: Sequence[float]) -> float:
    """The chance that a value of `among` is above one of `others`, equals counting half.

    The area under the ROC curve: 1 where all of `among` lie above, 0 where all lie below.

    >>> separation([3.0, 4.0], [1.0, 2.0, 3.0])
    0.9166666666666666
    """
    above = sum((x > y) + (x == y) / 2 for x in among for y in others)
    return above / (len(among) * len(others))


def chance(samples: Sequence[Sequence[float]], runs: int, others: int) -> float | None:
    """The difference of two means that chance alone exceeds once in twenty times.

    Student's t with the variance that all samples have in common:
    t(0.975, f) · s · sqrt(1/runs + 1/others), f the sum of n - 1 over the samples and s² the mean
    of their variances, weighted by n - 1.

    Args:
        samples: values of the same thing, one sample a configuration; they may differ in mean.
        runs: how many values the one mean is of.
        others: how many the other is of.

    Returns None where no sample has two values: then nothing is known about the noise.

    >>> round(chance([[0.89, 0.90, 0.91], [0.79, 0.80, 0.81]], 3, 3), 4)
    0.0227
    """
    known = [sample for sample in samples if len(sample) > 1]
    freedom = sum(len(sample) - 1 for sample in known)
    if freedom == 0:
        return None
    from scipy.stats import t  # a quarter of a second, for sweeps with finalists only

    squares = sum((len(sample) - 1) * statistics.variance(sample) for sample in known)
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, freedom))
    return quantile * math.sqrt(squares / freedom * (1 / runs + 1 / others))
