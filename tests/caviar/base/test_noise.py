"""The noise of the seeds, against values worked by hand."""

from __future__ import annotations

import math

import pytest

from caviar.base.noise import Spread, noise


def test_two_samples():
    # t(0.975, 4) = 2.776445; pooled variance (2·0.01² + 2·0.02²) / 4 = 0.00025
    expected = 2.776445 * math.sqrt(0.00025 * 2 / 3)
    found = noise([Spread(0.01, 3), Spread(0.02, 3)], 3, 3)
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_single_score_adds_nothing_to_the_spread():
    # t(0.975, 2) = 4.302653, of the first sample alone
    expected = 4.302653 * 0.01 * math.sqrt(1 / 3 + 1)
    assert noise([Spread(0.01, 3), Spread(0.0, 1)], 3, 1) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("spreads", [[], [Spread(0.0, 1)], [Spread(0.0, 1), Spread(0.0, 1)]])
def test_without_two_seeds_nothing_is_known(spreads):
    assert noise(spreads, 1, 1) is None


def test_the_spread_of_scores():
    assert Spread.of([0.5, 0.7]) == (pytest.approx(0.1 * math.sqrt(2)), 2)
    assert Spread.of([0.5]) == (0.0, 1)


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
    found = noise([Spread.of(sample) for sample in samples], 2, 1)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))
