"""Rungs and brackets, with values worked by hand."""

import math

import pytest

from caviar import UsageError
from caviar.schedulers.asha import AsyncHalving
from caviar.schedulers.base import Action
from caviar.schedulers.rungs import Rung, rungs


def goes_on(scheduler, trial, epoch, score):
    return scheduler.report(trial, epoch, score) is Action.CONTINUE


@pytest.mark.parametrize(
    ("least", "most", "factor", "expected"),
    [
        (1, 9, 3, (1, 3)),
        (1, 243, 3, (1, 3, 9, 27, 81)),
        (1, 81, 3, (1, 3, 9, 27)),
        (2, 20, 2, (2, 4, 8, 16)),
        (1, 100, 4, (1, 4, 16, 64)),
        (5, 5, 3, ()),
        (1, 1, 3, ()),
    ],
)
def test_rungs_are_integer_powers_below_the_last_epoch(least, most, factor, expected):
    assert rungs(least, most, factor) == expected


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((1, 9, 1), "reduction factor must be at least 2, and it is 1"),
        ((0, 9, 3), "min_epochs is 0"),
        ((1, 0, 3), "max_epochs is 0"),
    ],
)
def test_impossible_rungs_are_refused(args, message):
    with pytest.raises(UsageError, match=message):
        rungs(*args)


def test_the_cut_is_the_upper_third_of_those_who_came_before():
    rung = Rung(1)
    assert rung.cut(3) is None
    for trial, score in enumerate([0.4, 0.1, 0.3, 0.2]):
        rung.record(trial, score)
    # position 3 · 2/3 = 2 in 0.1 0.2 0.3 0.4
    assert rung.cut(3) == pytest.approx(0.3)
    rung.record(4, 0.5)
    # position 4 · 2/3 = 2.667: 0.3 + 0.667 · 0.1
    assert rung.cut(3) == pytest.approx(0.3 + 2 / 3 * 0.1)


def test_infinities_do_not_poison_the_cut():
    rung = Rung(1)
    for trial, score in enumerate([math.nan, -math.inf, math.inf, 0.5]):
        rung.record(trial, score)
    assert rung.cut(3) == -math.inf
    rung.record(4, 0.7)
    # position 4 · 2/3 = 2.667 lies between -inf and 0.5: the finite neighbour is the cut
    assert rung.cut(3) == 0.5


def asha(**changes):
    options = {"min_epochs": 1, "max_epochs": 9, "factor": 3, "brackets": 1, "seed": 0}
    return AsyncHalving(**{**options, **changes})


def test_asha_by_hand():
    scheduler = asha()
    assert goes_on(scheduler, 0, 1, 0.50)  # nobody to compare with
    assert goes_on(scheduler, 0, 2, 0.10)  # no rung at epoch 2
    assert not goes_on(scheduler, 1, 1, 0.40)  # below the cut 0.50
    assert not goes_on(scheduler, 2, 1, 0.45)  # 0.40 0.50: cut 0.4667
    assert goes_on(scheduler, 3, 1, 0.48)  # 0.40 0.45 0.50: position 1.333, cut 0.4667
    assert goes_on(scheduler, 0, 3, 0.20)
    assert not goes_on(scheduler, 3, 3, 0.10)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_report_that_is_not_finite_never_goes_on(score):
    assert not goes_on(asha(), 0, 1, score)


def test_a_trial_that_skips_a_rung_is_judged_at_the_highest_it_has_passed():
    scheduler = asha()
    assert goes_on(scheduler, 0, 3, 0.5)
    assert not goes_on(scheduler, 1, 4, 0.4)
    # and only once at each rung
    assert goes_on(scheduler, 0, 4, 0.0)


def test_hyperband_deals_trials_as_algorithm_1_starts_them():
    # R = 81, η = 3: 81, 34, 15, 8, 5 starts, by the ceiling of algorithm 1.
    scheduler = asha(max_epochs=81, brackets=5)
    assert scheduler._weights == [81, 34, 15, 8, 5]
    drawn = [scheduler.bracket(trial) for trial in range(14_300)]
    for bracket, weight in enumerate([81, 34, 15, 8, 5]):
        expected = 14_300 * weight / 143
        assert abs(drawn.count(bracket) - expected) < 4 * math.sqrt(expected)


def test_brackets_depend_on_seed_and_trial_alone():
    one, other = asha(brackets=3), asha(brackets=3, seed=1)
    assert [one.bracket(n) for n in range(50)] == [asha(brackets=3).bracket(n) for n in range(50)]
    assert [one.bracket(n) for n in range(50)] != [other.bracket(n) for n in range(50)]


def test_the_table_counts_who_gets_where():
    assert asha().table(27) == [
        ("rung at epoch 1", "about 27 of the trials"),
        ("rung at epoch 3", "about 9 of the trials"),
        ("end at epoch 9", "about 3 of the trials"),
    ]
