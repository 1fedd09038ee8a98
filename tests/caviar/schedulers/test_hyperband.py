"""Synchronous HyperBand, with brackets and promotions worked by hand."""

import math

import pytest

from caviar import UsageError
from caviar.schedulers import HyperBand
from caviar.schedulers.base import Action, Promote, Start
from caviar.schedulers.hyperband import SynchronousHyperBand, brackets
from caviar.schedulers.rungs import rungs

CONTINUE, STOP, PAUSE = Action.CONTINUE, Action.STOP, Action.PAUSE


def test_the_brackets_of_81_epochs_by_algorithm_1():
    # n = ceil(5 · 3^s / (s + 1)), and floor(n / 3^i) at the rungs.
    assert brackets((1, 3, 9, 27, 81), 3) == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


def test_243_epochs_keep_their_top_rung():
    found = brackets((*rungs(1, 243, 3), 243), 3)
    assert [bracket[0] for bracket in found] == [
        (243, 1), (98, 3), (41, 9), (18, 27), (9, 81), (6, 243),
    ]  # fmt: skip
    assert found[0] == [(243, 1), (81, 3), (27, 9), (9, 27), (3, 81), (1, 243)]


def small():
    """Brackets of 9, 5 and 3 trials."""
    return SynchronousHyperBand(min_epochs=1, max_epochs=9, factor=3)


class Trials:
    """Trials of a scheduler, moved by hand."""

    def __init__(self, scheduler):
        self.scheduler = scheduler
        self.paused = set()
        self.started = 0

    def start(self, count):
        for _ in range(count):
            assert self.scheduler.next(new=True, paused=self.paused) == Start()
            self.scheduler.start(self.started, None)
            self.started += 1

    def report(self, trial, epoch, score):
        verdict = self.scheduler.report(trial, epoch, score)
        if verdict is PAUSE:
            self.paused.add(trial)
        elif verdict is STOP:
            self.scheduler.end(trial)
        return verdict

    def drop(self):
        """The paused trials that have lost, which end."""
        found = sorted(self.scheduler.dropped(self.paused))
        for trial in found:
            self.paused.discard(trial)
            self.scheduler.end(trial)
        return found

    def promoted(self, new=False):
        """Who is promoted now, all of them."""
        found = []
        while isinstance(move := self.scheduler.next(new=new, paused=self.paused), Promote):
            self.paused.discard(move.trial)
            self.scheduler.promote(move.trial)
            found.append(move.trial)
        return found


def test_a_bracket_by_hand():
    trials = Trials(small())
    trials.start(9)
    for trial, score in enumerate([0.1, 0.9, 0.2, 0.8, 0.3, 0.4, 0.5, 0.6]):
        assert trials.report(trial, 1, score) is PAUSE
        assert trials.promoted(new=True) == [], "the ninth is not there yet"
    # 9 // 3 = 3 go on: 0.95, 0.9, 0.8. The last one need not pause.
    assert trials.report(8, 1, 0.95) is CONTINUE
    assert trials.drop() == [0, 2, 4, 5, 6, 7]
    assert trials.promoted() == [1, 3]
    assert trials.report(8, 2, 0.95) is CONTINUE
    assert trials.report(8, 3, 0.5) is PAUSE
    assert trials.report(1, 3, 0.6) is PAUSE
    # One of three goes on, and the last is not it.
    assert trials.report(3, 3, 0.4) is STOP
    assert trials.drop() == [8]
    assert trials.promoted() == [1]
    assert trials.report(1, 9, 0.1) is CONTINUE


def test_free_workers_fill_the_next_brackets():
    trials = Trials(small())
    trials.start(9 + 5 + 3 + 1)
    for trial in range(9, 14):
        # The second bracket's first rung is epoch 3.
        assert trials.report(trial, 1, 0.0) is CONTINUE
    verdicts = [trials.report(trial, 3, trial / 100) for trial in range(9, 14)]
    # 5 // 3 = 1, the best of them: 13, the last. The other bracket is not asked.
    assert verdicts == [PAUSE] * 4 + [CONTINUE]
    assert trials.report(14, 3, 0.0) is CONTINUE, "bracket 2 stops nothing"
    assert trials.report(17, 1, 0.0) is PAUSE, "and the first kind comes again"


def test_a_bracket_goes_on_without_a_trial_that_failed():
    trials = Trials(small())
    trials.start(9)
    for trial in range(8):
        trials.report(trial, 1, trial / 10)
    trials.scheduler.end(8)  # failed before its first report
    assert trials.promoted(new=True) == [7, 6, 5]
    trials.report(7, 3, 0.7)
    trials.scheduler.end(6)
    assert trials.promoted(new=True) == [], "5 is still on its way"
    trials.scheduler.end(5)
    assert trials.promoted(new=True) == [7]


def test_a_bracket_that_is_not_filled_goes_on_when_nothing_is_left_to_try():
    trials = Trials(small())
    trials.start(5)
    for trial in range(4):
        trials.report(trial, 1, trial / 10)
    assert trials.promoted() == [], "the fifth is still on its way"
    assert trials.report(4, 1, 0.1) is PAUSE
    assert trials.scheduler.next(new=True, paused=trials.paused) == Start()
    # 5 // 3 = 1
    assert trials.promoted() == [3]
    assert trials.drop() == [0, 1, 2, 4]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_stopped_and_never_promoted(score):
    trials = Trials(small())
    trials.start(9)
    verdicts = [trials.report(n, 1, score) for n in range(7)]
    assert verdicts == [STOP] * 7
    assert trials.report(7, 1, 0.1) is PAUSE
    assert trials.report(8, 1, score) is STOP
    assert trials.promoted() == [7]
    assert trials.report(7, 2, score) is STOP


def test_the_table_names_every_bracket():
    built = HyperBand(synchronous=True).build(max_epochs=81, seed=0)
    assert built.table(None) == [
        ("bracket 0", "81 to epoch 1, 27 to epoch 3, 9 to epoch 9, 3 to epoch 27, 1 to epoch 81"),
        ("bracket 1", "34 to epoch 3, 11 to epoch 9, 3 to epoch 27, 1 to epoch 81"),
        ("bracket 2", "15 to epoch 9, 5 to epoch 27, 1 to epoch 81"),
        ("bracket 3", "8 to epoch 27, 2 to epoch 81"),
        ("bracket 4", "5 to epoch 81"),
        ("after 143 trials", "again from bracket 0"),
    ]
    assert built.table(90)[1:3] == [
        ("bracket 1", "9 to epoch 3, 3 to epoch 9, 1 to epoch 27, 1 to epoch 81"),
        ("bracket 2", "not reached"),
    ]
    assert len(built.table(90)) == 5


def test_a_first_rung_beyond_the_end_is_refused():
    with pytest.raises(UsageError, match="min_epochs must not exceed max_epochs"):
        HyperBand(synchronous=True, min_epochs=10).build(max_epochs=9, seed=0)
