"""The objective: every comparison of values, by cases worked by hand."""

from __future__ import annotations

import math

import pytest

from caviar.base.objective import Objective, direction_of
from caviar.base.trial import Report

UP, DOWN = Objective("acc", "max"), Objective("loss", "min")
NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("val_accuracy", "max"),
        ("val_f1", "max"),
        ("auroc", "max"),
        ("lossless_share", "max"),
        ("val_loss", "min"),
        ("epoch_seconds", "min"),
        ("test_error", "min"),
        ("RMSE", "min"),
        ("val_mae", "min"),
        ("perplexity", "min"),
    ],
)
def test_the_direction_follows_from_the_name(metric, direction):
    assert direction_of(metric) == direction


def test_another_direction_is_refused():
    with pytest.raises(ValueError, match="max or min, got 'up'"):
        Objective("acc", "up")


@pytest.mark.parametrize(
    ("objective", "value", "than", "better"),
    [
        (UP, 0.9, 0.8, True),
        (UP, 0.8, 0.9, False),
        (UP, 0.8, 0.8, False),
        (DOWN, 0.8, 0.9, True),
        (DOWN, 0.9, 0.8, False),
        (DOWN, 0.8, 0.8, False),
        (UP, 0.1, None, True),
        (UP, 0.1, NAN, True),
        (DOWN, 0.1, -INF, True),
        (UP, NAN, 0.1, False),
        (UP, INF, 0.1, False),
        (DOWN, -INF, 0.1, False),
        (UP, NAN, None, False),
    ],
)
def test_better(objective, value, than, better):
    assert objective.better(value, than) is better


def test_scores_and_gains_are_higher_where_better():
    assert UP.score(0.25) == 0.25
    assert DOWN.score(0.25) == -0.25
    assert DOWN.value(DOWN.score(0.25)) == 0.25
    assert UP.gain(0.75, over=0.5) == 0.25
    assert DOWN.gain(0.75, over=0.5) == -0.25
    assert math.isnan(DOWN.score(NAN))


def test_the_best_of_values():
    assert UP.best([0.1, NAN, 0.3, INF, 0.2]) == 0.3
    assert DOWN.best([0.1, NAN, 0.3, -INF]) == 0.1
    assert UP.best([NAN, -INF]) is None
    assert UP.best([]) is None


def test_ranked_puts_the_best_first_and_what_is_not_finite_last():
    values = {1: 0.5, 2: NAN, 3: 0.9, 4: 0.5, 5: INF}
    assert UP.ranked(values) == [3, 1, 4, 2, 5]
    assert DOWN.ranked(values) == [1, 4, 3, 2, 5]


def test_the_best_epoch_is_the_earliest_of_equals():
    curve = [NAN, 0.5, 0.7, 0.7, 0.6]
    reports = [Report(epoch, {"acc": v}, epoch, 0.0) for epoch, v in enumerate(curve, 1)]
    best = UP.best_epoch(reports)
    assert best is not None
    assert best.epoch == 3
    assert UP.best_epoch([Report(1, {"other": 1.0}, 0, 0.0)]) is None
    assert UP.best_epoch([]) is None
