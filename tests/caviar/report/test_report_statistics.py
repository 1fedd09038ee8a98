"""The statistics of the report, against answers worked by hand."""

from __future__ import annotations

import math

import pytest

from caviar.report.statistics import rank_correlation, ranks, separation


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 2, 3], [10, 20, 30], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 3, 4, 5], [1, 2, 3, 5, 4], 0.9),  # 1 - 6 · 2 / (5 · 24)
        ([1, 1, 2], [1, 2, 3], round(math.sqrt(3) / 2, 12)),  # ranks 1.5, 1.5, 3
        ([1, 2], [1, 2], None),
        ([1, 1, 1], [1, 2, 3], None),
        ([1, 2, 3], [7, 7, 7], None),
    ],
)
def test_rank_correlation(a, b, expected):
    assert rank_correlation(a, b) == expected


def test_ranks_share_the_mean_of_equals():
    assert ranks([5.0, 1.0, 5.0, 5.0, 9.0]).tolist() == [3.0, 1.0, 3.0, 3.0, 5.0]


@pytest.mark.parametrize(
    ("among", "others", "expected"),
    [([3, 4], [1, 2], 1.0), ([1, 2], [3, 4], 0.0), ([1], [1], 0.5), ([1, 3], [2, 2], 0.5)],
)
def test_separation(among, others, expected):
    assert separation(among, others) == expected
