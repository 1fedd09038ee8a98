"""ASHA's promotions, with values worked by hand."""

import math

import pytest
from without_ray import Clock, InMemory, controller, report, saved_as

from caviar.base.trial import Outcome
from caviar.schedulers import Asha
from caviar.schedulers.base import Action, Promote, Start
from caviar.schedulers.promotion import PromotedHalving

CONTINUE, STOP, PAUSE = Action.CONTINUE, Action.STOP, Action.PAUSE


def halving(**changes):
    return PromotedHalving(**{"min_epochs": 1, "max_epochs": 9, "factor": 3, **changes})


def test_promotions_by_hand():
    scheduler = halving()
    paused = set()

    def arrives(trial, epoch, score):
        verdict = scheduler.report(trial, epoch, score)
        if verdict is PAUSE:
            paused.add(trial)
        return verdict

    def moves():
        return scheduler.next(new=True, paused=paused)

    # Rung 1, of two trials none may be promoted: 2 // 3 = 0.
    assert arrives(0, 1, 0.5) is PAUSE
    assert arrives(1, 1, 0.4) is PAUSE
    assert moves() == Start()
    # The third makes room for one, and that is trial 0.
    assert arrives(2, 1, 0.3) is PAUSE
    assert moves() == Promote(0)
    paused.discard(0)
    scheduler.promote(0)
    assert moves() == Start()
    # Three more: room for one more, taken by the best of those that wait.
    assert [arrives(n, 1, s) for n, s in ((3, 0.45), (4, 0.2))] == [PAUSE, PAUSE]
    assert arrives(5, 1, 0.6) is CONTINUE, "it is the next to be promoted: no need to pause"
    assert moves() == Start()
    # No trial is promoted between the rungs.
    assert arrives(0, 2, 0.7) is CONTINUE
    # Rung 3 has 0 and 5, later 6; the higher rung goes first.
    assert arrives(0, 3, 0.7) is PAUSE
    assert arrives(5, 3, 0.8) is PAUSE
    for trial, score in ((6, 0.9), (7, 0.1)):
        arrives(trial, 1, score)
    # Rung 1: 0.9 0.6 0.5 0.45 ...: 8 // 3 = 2 are promoted already, so 6 waits.
    assert moves() == Start()
    assert arrives(8, 1, 0.1) is PAUSE  # 9 // 3 = 3
    assert moves() == Promote(6)
    paused.discard(6)
    scheduler.promote(6)
    assert arrives(6, 3, 0.2) is PAUSE  # rung 3: 0.8 0.7 0.2, room for one
    assert moves() == Promote(5)
    assert scheduler.next(new=False, paused=set()) is None


def test_no_more_than_one_in_three_is_promoted_even_when_ranks_shift():
    scheduler = halving()
    promoted = sum(scheduler.report(n, 1, float(n)) is CONTINUE for n in range(90))
    # Each is the best of all before it, so each would go on by the algorithm alone.
    assert promoted == 30


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_counts_and_is_stopped(score):
    scheduler = halving()
    assert scheduler.report(0, 1, 0.1) is PAUSE
    assert [scheduler.report(n, 1, score) for n in (1, 2)] == [STOP, STOP]
    assert scheduler.next(new=True, paused={0}) == Promote(0)
    assert scheduler.report(3, 2, score) is STOP  # between the rungs too


def test_a_trial_that_has_ended_is_not_promoted():
    scheduler = halving()
    for trial, score in enumerate([0.5, 0.4, 0.3]):
        scheduler.report(trial, 1, score)
    scheduler.end(0)
    assert scheduler.next(new=True, paused={1, 2}) == Start()
    for trial, score in ((3, 0.1), (4, 0.1), (5, 0.1)):
        scheduler.report(trial, 1, score)
    # 0.5 0.4 0.3 …: room for two, and the second is free to go.
    assert scheduler.next(new=True, paused={1, 2}) == Promote(1)


def test_the_best_hundred_of_a_rung_wait():
    scheduler = halving()
    verdicts = [scheduler.report(n, 1, -float(n)) for n in range(150)]
    assert verdicts.count(CONTINUE) == 0
    paused = set(range(150))
    assert sorted(scheduler.dropped(paused)) == list(range(100, 150))
    assert list(scheduler.dropped({5, 120})) == [120]


def test_the_table_counts_who_gets_where_at_most():
    assert halving().table(28) == [
        ("rung at epoch 1", "28 trials at most"),
        ("rung at epoch 3", "9 trials at most"),
        ("end at epoch 9", "3 trials at most"),
    ]


def test_a_promoted_trial_goes_on_from_its_checkpoint_before_a_new_one_starts():
    history = InMemory()
    sweep = controller(
        history, scheduler=Asha(promote=True), max_epochs=9, checkpoint=saved_as(history)
    )
    sweep.next()
    report(sweep, 0, 1, 0.1)  # the default runs on, and is one of the rung
    for number, value in ((1, 0.5), (2, 0.4)):
        assert sweep.next().record.number == number
        decision = report(sweep, number, 1, value)
        assert (decision.continues, decision.save) == (False, True)
        sweep.keeping.saved.add(number)
        assert sweep.free(number) == set(), "a paused trial keeps its checkpoint"
        assert sweep.trials[number].outcome is Outcome.PAUSED
        assert history.records()[number].outcome is Outcome.PAUSED
    assert sweep.trials.count(Outcome.PAUSED) == 2
    member = sweep.next()
    assert (member.record.number, member.restore_from, member.forked) == (1, "1", False)
    assert (member.record.attempt, member.record.outcome) == (1, Outcome.RUNNING)
    assert history.records()[1].attempt == 1
    assert sweep.next().record.number == 3


def test_a_paused_trial_holds_no_worker_until_it_is_dropped():
    clock = Clock()
    options = {"scheduler": Asha(promote=True), "max_epochs": 2, "trials": 2}
    sweep = controller(clock=clock, **options)
    for number, value in ((0, 0.5), (1, 0.4)):
        sweep.next()
        clock.now += 1
        report(sweep, number, 1, value)
    sweep.free(1)
    sweep.next()
    clock.now += 10
    report(sweep, 0, 2, 0.6)
    sweep.free(0)
    sweep.next()
    dropped = sweep.trials[1]
    assert dropped.outcome is Outcome.STOPPED_EARLY
    assert dropped.ended == dropped.reports[-1].at < sweep.trials[0].ended


def test_paused_trials_end_with_the_sweep_and_not_when_it_is_interrupted():
    for interrupted in (False, True):
        history = InMemory()
        options = {"scheduler": Asha(promote=True), "max_epochs": 2, "trials": 2}
        sweep = controller(history, checkpoint=saved_as(history), keep_checkpoints=1, **options)
        for number, value in ((0, 0.5), (1, 0.4)):
            sweep.next()
            report(sweep, number, 1, value)
        sweep.keeping.saved |= {0, 1}
        sweep.free(1)
        assert sweep.next() is None
        assert not sweep.finished, "trial 0 may lead to a promotion"
        if interrupted:
            sweep.request_stop("interrupted")
        report(sweep, 0, 2, 0.6)
        sweep.free(0)
        assert sweep.next() is None
        assert sweep.finished
        expected = Outcome.PAUSED if interrupted else Outcome.STOPPED_EARLY
        assert sweep.trials[1].outcome is history.records()[1].outcome is expected
        assert sweep.keeping.useless() == (set() if interrupted else {1})
