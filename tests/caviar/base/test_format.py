"""Outcomes, numbers, configurations and durations in words."""

from __future__ import annotations

import math

import pytest

from caviar.base.format import configuration, duration, how_it_ended, number
from caviar.base.trial import Outcome


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.RUNNING, "running"),
        (Outcome.COMPLETED, "completed"),
        (Outcome.STOPPED_EARLY, "stopped early"),
        (Outcome.FAILED, "failed"),
        (Outcome.DIVERGED, "diverged"),
    ],
)
def test_outcomes(outcome, words):
    assert how_it_ended(outcome) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (1e-05, "1e-05"),
        (1234567.0, "1.235e+06"),
        (0.5, "0.5"),
        (128, "128"),
        (1234567, "1234567"),
        (True, "True"),
        ("relu", "relu"),
        ([64, 32], "[64, 32]"),
        (math.nan, "nan"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_a_configuration_in_one_line():
    config = {"learning_rate": 0.012345, "units": 64, "activation": "relu", "widths": [8, 8]}
    assert configuration(config) == "learning_rate=0.01235 units=64 activation=relu widths=[8, 8]"
    assert configuration({}) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (135, "2 min 15 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (7325, "2 h 2 min"),
        (100_000, "27 h 46 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
