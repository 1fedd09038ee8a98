"""Who is compared with whom: the levels of a model, and the quota of a rung."""

import math

import pytest

from caviar.base.trial import Outcome
from caviar.schedulers import Asha
from caviar.schedulers.asha import AsyncHalving
from caviar.schedulers.base import Action
from caviar.searchers.base import Observation
from caviar.searchers.fidelity import FidelityLevel, FidelityLevels


def goes_on(scheduler, trial, epoch, score):
    return scheduler.report(trial, epoch, score) is Action.CONTINUE


def observation(curve, outcome=Outcome.STOPPED_EARLY):
    return Observation(config={}, outcome=outcome, curve=curve, max_epochs=9)


def test_the_highest_epoch_with_enough_trials_is_compared():
    levels = FidelityLevels("max")
    for number, values in enumerate([[0.5, 0.4, 0.6], [0.3, 0.7], [0.9]]):
        for epoch, value in enumerate(values, start=1):
            levels.report(number, epoch, value)
    assert levels.highest(1) == FidelityLevel(3, {0: 0.6})
    # the best so far: trial 0 had 0.5 before the 0.4 of epoch 2
    assert levels.highest(2) == FidelityLevel(2, {0: 0.5, 1: 0.7})
    assert levels.highest(3) == FidelityLevel(1, {0: 0.5, 1: 0.3, 2: 0.9})
    assert levels.highest(4) is None


def test_a_loss_becomes_a_score():
    levels = FidelityLevels("min")
    levels.report(0, 1, 0.5)
    levels.report(0, 2, 0.6)
    assert levels.highest(1) == FidelityLevel(2, {0: -0.5})


@pytest.mark.parametrize("outcome", [Outcome.DIVERGED, Outcome.FAILED])
def test_what_broke_is_the_worst_everywhere_and_counts_for_no_level(outcome):
    levels = FidelityLevels("max")
    levels.observe(0, observation({1: 0.9, 2: math.nan}, outcome))
    levels.observe(1, observation({1: 0.2, 2: 0.3}))
    levels.observe(2, observation({}, outcome))
    levels.observe(3, observation({1: 0.1}))
    assert levels.highest(2) == FidelityLevel(1, {0: -math.inf, 1: 0.2, 2: -math.inf, 3: 0.1})
    assert levels.highest(1) == FidelityLevel(2, {0: -math.inf, 1: 0.3, 2: -math.inf}, stopped=(3,))


def test_what_was_stopped_before_a_level_is_not_forgotten():
    levels = FidelityLevels("max")
    levels.observe(4, observation({1: 0.9}, Outcome.COMPLETED))  # of a sweep with fewer epochs, say
    levels.observe(3, observation({1: 0.2}))
    levels.report(2, 1, 0.1)  # still running, it may get there
    levels.observe(1, observation({1: 0.1, 2: math.nan}, Outcome.DIVERGED))
    levels.observe(0, observation({1: 0.3, 2: 0.4}))
    levels.observe(5, observation({1: 0.3, 2: 0.4, 3: 0.5}, Outcome.COMPLETED))
    assert levels.highest(4).stopped == (), "all are at epoch 1"
    assert levels.highest(2) == FidelityLevel(2, {0: 0.4, 1: -math.inf, 5: 0.4}, stopped=(3,))
    assert levels.highest(1).stopped == (0, 3)
    assert levels.highest(2).in_order() == [(0, 0.4), (1, -math.inf), (3, None), (5, 0.4)]
    levels.observe(3, observation({1: 0.2, 2: 0.3}, Outcome.FAILED))  # told again, otherwise
    assert levels.highest(2).stopped == ()


def test_where_most_break_the_first_epoch_is_compared():
    levels = FidelityLevels("max")
    for number in range(3):
        levels.observe(number, observation({}, Outcome.FAILED))
    levels.observe(3, observation({1: 0.2, 2: 0.3}))
    assert levels.highest(4) is None, "a single sound one"
    levels.observe(4, observation({1: 0.1}))
    assert levels.highest(6) is None, "5 of the 6"
    every = {**dict.fromkeys(range(3), -math.inf), 3: 0.2, 4: 0.1}
    assert levels.highest(5) == FidelityLevel(1, every)


def test_a_trial_that_broke_and_was_tried_again_is_sound():
    levels = FidelityLevels("max")
    levels.observe(0, observation({1: 0.9}, Outcome.FAILED))
    levels.observe(0, observation({1: 0.4, 2: 0.2}))
    assert levels.highest(1) == FidelityLevel(2, {0: 0.4})
    levels.observe(0, observation({1: 0.4, 2: math.nan}, Outcome.DIVERGED))
    assert levels.highest(1) is None


def test_a_trial_that_is_told_twice_counts_once():
    levels = FidelityLevels("max")
    levels.report(0, 1, 0.4)
    levels.observe(0, observation({1: 0.4, 2: 0.2}))
    levels.observe(0, observation({1: 0.4, 2: 0.2}))
    assert levels.highest(1) == FidelityLevel(2, {0: 0.4})
    assert levels.highest(2) is None


def test_a_large_level_is_thinned_by_number_and_keeps_the_best():
    level = FidelityLevel(1, {n: float(n) for n in range(1000)})
    assert level.thinned(1000) == level
    thin = level.thinned(300)
    # 1000 / 300 = 3.3: every fourth, 250 of them, and the best 25, 6 of which are among those
    assert len(thin.scores) == 250 + 25 - 6
    assert set(range(975, 1000)) <= set(thin.scores)
    # what is there stays there while the stride does
    more = FidelityLevel(1, {n: float(n) for n in range(1100)}).thinned(300)
    assert {n for n in thin.scores if n % 4 == 0} <= set(more.scores)


def test_no_more_stopped_trials_are_shown_than_others():
    level = FidelityLevel(3, dict.fromkeys(range(0, 40, 2), 0.5), stopped=tuple(range(1, 81)))
    # 80 / 20: every fourth
    assert level.thinned(100).stopped == tuple(range(4, 81, 4))
    assert level.thinned(100).scores == level.scores
    few = FidelityLevel(3, level.scores, stopped=(1, 3, 5))
    assert few.thinned(100) == few


def asha(**changes):
    options = {"min_epochs": 1, "max_epochs": 9, "factor": 3, "brackets": 1, "seed": 0}
    return AsyncHalving(**{**options, "quota": True, **changes})


def test_the_quota_by_hand():
    scheduler = asha()
    answers = [
        (0.50, True),  # the first beats all before it
        (0.40, False),  # 1 of 2 goes on: the quota 2/3 is used up
        (0.60, True),  # beats all before it, whatever the quota says
        (0.55, False),  # second best, but 2 of 4 went on
        (0.60, False),  # of equals the earlier is ahead
        (0.10, False),
        (0.58, False),  # 7/3: third best of seven is not among the best 2.33
        (0.58, False),
        (0.59, True),  # 9/3: third best of nine, and the third to go on
        (0.70, True),
    ]
    assert [goes_on(scheduler, n, 1, score) for n, (score, _) in enumerate(answers)] == [
        goes_on for _, goes_on in answers
    ]


def passed(scheduler, scores):
    return sum(goes_on(scheduler, n, 1, score) for n, score in enumerate(scores))


def test_steadily_improving_trials_fill_the_quota_and_no_more():
    # Pairs of a record and one just below it: the upper third by the quantile is nearly all of
    # them, by the quota the records alone go on.
    scores = [value for n in range(50) for value in (n, n - 0.5)]
    assert passed(asha(quota=False), scores) >= 98
    assert passed(asha(), scores) == 50
    # From the best to the worst, 48.5 49 47.5 48 …: only the first two beat all before them.
    assert passed(asha(), scores[::-1]) == 2


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_report_that_is_not_finite_uses_no_quota(score):
    scheduler = asha()
    assert not goes_on(scheduler, 0, 1, score)
    assert goes_on(scheduler, 1, 1, 0.1)
    assert goes_on(scheduler, 2, 1, 0.2)


def test_the_quota_is_the_default_and_can_be_left_out():
    strict, loose = (Asha(quota=q).build(max_epochs=9, seed=0) for q in (True, False))
    for scheduler in (strict, loose):
        assert goes_on(scheduler, 0, 1, 0.1)
        assert goes_on(scheduler, 1, 1, 0.5)
        assert not goes_on(scheduler, 2, 1, 0.2)
    # 0.1 0.2 0.5: position 2·2/3 = 1.33, cut 0.3
    assert not goes_on(strict, 3, 1, 0.4)
    assert goes_on(loose, 3, 1, 0.4)
