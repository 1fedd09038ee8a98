"""The statistics of the report, against answers worked by hand."""

from __future__ import annotations

import math

import pytest

from caviar.report import statistics
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


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], None),
        ([[0.5], [0.6]], None),  # one seed each says nothing of the noise
        # s = 0.1, f = 2: t = 4.302653; two runs against one
        ([[0.4, 0.5, 0.6]], 4.302653 * 0.1 * math.sqrt(1.5)),
        # the second has twice the spread: s² = (0.01 + 0.04) / 2, f = 4: t = 2.776445
        ([[0.4, 0.5, 0.6], [0.3, 0.5, 0.7]], 2.776445 * math.sqrt(0.025 * 1.5)),
        # (2 · 0.01 + 1 · 0.02) / 3, f = 3: t = 3.182446; a single one adds nothing
        ([[0.4, 0.5, 0.6], [0.4, 0.6], [9.0]], 3.182446 * math.sqrt(0.04 / 3 * 1.5)),
    ],
)
def test_what_chance_makes_of_a_difference(samples, expected):
    found = statistics.chance(samples, 2, 1)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))
