"""The set of trials: the best, the leaders, who is kept, how many; by cases worked by hand."""

from __future__ import annotations

import math

import pytest

from caviar.base.objective import Objective
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.base.trials import Trials

UP, DOWN = Objective("acc", "max"), Objective("acc", "min")


def record(number, values, outcome=Outcome.COMPLETED, **fields):
    reports = [Report(epoch, {"acc": v}, epoch, 0.0) for epoch, v in enumerate(values, 1)]
    return TrialRecord(number, {}, 0, outcome=outcome, reports=reports, **fields)


def trials(objective=UP, **outcomes):
    """Curves that differ in what makes them win or not."""
    records = [
        record(0, [0.5, 0.6]),
        record(1, [0.9, 0.7]),
        record(2, [0.95], Outcome.DIVERGED),
        record(3, [0.99], Outcome.FAILED),
        record(4, [math.nan], Outcome.STOPPED_EARLY),
        record(5, [0.2, 0.9], Outcome.RUNNING),
        record(6, [0.1], Outcome.PAUSED, parent=1),
    ]
    return Trials(objective, {one.number: one for one in records})


def test_who_leads():
    found = trials()
    assert found.leaders(3) == [1, 5, 0]
    assert found.leaders() == [1, 5, 0, 6]
    assert found.leaders(2, among=[0, 4, 6]) == [0, 6]
    best = found.best()
    assert best is not None
    assert (best.trial.number, best.report.epoch) == (1, 1)
    assert trials(DOWN).leaders(2) == [6, 5]
    assert Trials(UP).best() is None


def test_the_best_epoch_of_a_trial():
    found = trials()
    assert found.best_value(0) == 0.6
    assert found.best_value(4) is None
    assert found.best_report(3).epoch == 1  # it cannot win, and has one
    assert found.best_report(99) is None
    assert found.baseline().epoch == 2


def test_a_running_leader_takes_no_place_among_those_that_are_kept():
    found = trials()
    assert found.keepers(2) == {0, 1}
    assert found.keepers(2, ending=5) == {1, 5}


def test_reports_as_they_come():
    found = Trials(UP)
    found.add(TrialRecord(0, {}, 0))
    for epoch, value in enumerate([0.5, math.nan, 0.7, 0.7, 0.6], 1):
        found.report(0, Report(epoch, {"acc": value}, epoch, 0.0))
    assert found.best_report(0).epoch == 3
    assert found.epochs == 5
    assert found.best_value(0) == Trials(UP, {0: found[0]}).best_value(0) == 0.7


def test_how_many():
    found = trials()
    assert found.count(Outcome.COMPLETED) == 2
    assert found.counts()[Outcome.RUNNING] == 1
    assert sum(found.counts().values()) == len(found) == 7
    assert found.epochs == 10
    assert found.forks() == 1
    assert [one.number for one in found.ended()] == [0, 1, 2, 3, 4]
    assert [one.number for one in found.reached(2)] == [0, 1, 5]
    with pytest.raises(KeyError, match="99"):
        found[99]
