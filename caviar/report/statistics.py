"""The few statistics that the report and its advice need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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

    The area under the ROC curve: 1 where all of `among` are above, 0 where all are below.

    >>> separation([3.0, 4.0], [1.0, 2.0, 3.0])
    0.9166666666666666
    """
    above = sum((x > y) + (x == y) / 2 for x in among for y in others)
    return above / (len(among) * len(others))
