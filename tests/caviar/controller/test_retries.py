"""A trial whose machine is lost goes on elsewhere; one that fails by itself, as often as asked."""

import pytest
from without_ray import InMemory, controller, drive, open_history, report, resumed

from caviar.base.trial import Outcome
from caviar.controller.retries import Failure, again


def lost(epoch=0):
    return Failure(epoch=epoch, words="its node has died", lost=True)


def own(words="ValueError: no", epoch=0):
    return Failure(epoch=epoch, words=words, lost=False)


@pytest.mark.parametrize(
    ("failures", "retries", "expected"),
    [
        ([own()], 0, False),
        ([own()], 1, True),
        ([own("a"), own("b")], 1, False),
        ([own("a"), own("b")], 2, True),
        ([own("a"), own("a")], 9, False),  # deterministic
        ([own("<A at 0x7f2c1d> is bad"), own("<A at 0x7f99AB> is bad")], 9, False),
        ([own("row 8 of 64"), own("row 11 of 64")], 9, False),  # of batches in another order
        ([own("a"), own("b"), own("a")], 3, True),
        ([lost()], 0, True),
        ([lost(), lost()], 0, True),
        ([lost(), lost(), lost()], 9, False),  # it may be what takes the machine down
        ([lost(1), lost(2), lost(3), lost(4)], 0, True),  # it gets on
        ([own("a"), lost(1), own("a")], 9, False),  # a lost machine in between changes nothing
        ([lost(), lost(), own("a")], 0, False),
        ([own("a"), lost()], 0, True),
    ],
)
def test_which_failure_is_worth_another_try(failures, retries, expected):
    assert again(failures, retries=retries) is expected


def checkpoints(at):
    """The newest checkpoint of each trial: number to epoch; its path is the epoch as text."""
    return lambda number: (str(at[number]), at[number]) if number in at else None


def test_a_trial_that_lost_its_machine_goes_on_from_its_newest_checkpoint():
    saved = {}
    history = InMemory()
    sweep = controller(history, trials=2, max_epochs=5, checkpoint=checkpoints(saved))
    first, second = sweep.next(), sweep.next()
    for epoch in (1, 2, 3):
        report(sweep, 0, epoch, epoch / 10)
    saved[0] = 2
    sweep.free(0, error="its node has died", lost=True)
    assert sweep.trials[0].outcome is Outcome.RUNNING
    assert sweep.live == {1}

    retried = sweep.next()
    assert (retried.record, retried.restore_from) == (first.record, "2")
    assert sweep.live == {0, 1}
    assert report(sweep, 0, 3, 0.99).continues
    assert sweep.trials[0].reports[2].metrics["val_accuracy"] == 0.3, "known already"
    for epoch in (4, 5):
        report(sweep, 0, epoch, epoch / 10)
    sweep.free(0)
    assert sweep.trials[0].outcome is Outcome.COMPLETED
    assert [r.epoch for r in history.records()[0].reports] == [1, 2, 3, 4, 5]
    assert sweep.trials[0].again == ["its node has died"]
    assert sweep.trials[0].error is None
    assert second.record.again == []
    assert sweep.next() is None, "no third trial, and none twice"


def test_a_trial_that_fails_by_itself_has_failed():
    sweep = controller(trials=1)
    sweep.next()
    sweep.free(0, error="ValueError: no")
    assert sweep.trials[0].outcome is Outcome.FAILED
    assert sweep.trials[0].error == "ValueError: no"
    assert sweep.next() is None


def test_retries_are_as_many_as_were_asked_for():
    sweep = controller(trials=1, retries=2)
    for words in ("a", "b", "c"):
        assert sweep.next().record.number == 0
        sweep.free(0, error=words)
    assert sweep.next() is None
    assert sweep.trials[0].outcome is Outcome.FAILED
    assert sweep.trials[0].again == ["a", "b"]


def test_a_machine_lost_while_the_sweep_stops_leaves_the_trial_to_the_next_session(tmp_path):
    history = open_history(tmp_path)
    sweep = controller(history, trials=1, max_epochs=3)
    sweep.next()
    report(sweep, 0, 1, 0.1)
    sweep.request_stop("interrupted")
    sweep.free(0, error="its node has died", lost=True)
    assert sweep.next() is None
    assert history.records()[0].outcome is Outcome.RUNNING
    other = resumed(history, trials=1, max_epochs=3)
    drive(other)
    assert other.trials[0].outcome is Outcome.COMPLETED
    history.close()


def test_why_a_trial_ran_again_is_in_the_history(tmp_path):
    history = open_history(tmp_path)
    sweep = controller(history, trials=1)
    sweep.next()
    sweep.free(0, error="its node has died", lost=True)
    sweep.next()
    assert history.records()[0].again == ["its node has died"]
    history.close()


@pytest.mark.parametrize(
    ("saved_at", "runs_again"),
    [(3, False), (2, True), (None, True)],
)
def test_a_winner_whose_machine_is_lost_at_its_last_save_is_saved_again(saved_at, runs_again):
    at = {} if saved_at is None else {0: saved_at}
    sweep = controller(trials=1, max_epochs=3, checkpoint=checkpoints(at))
    sweep.next()
    for epoch in (1, 2, 3):
        decision = report(sweep, 0, epoch, epoch / 10)
    assert (decision.continues, decision.save) == (False, True)
    sweep.free(0, error="its node has died", lost=True)
    if not runs_again:
        assert sweep.trials[0].outcome is Outcome.COMPLETED
        return
    assert sweep.next().restore_from == (None if saved_at is None else "2")
    decision = report(sweep, 0, 3, 0.3)
    assert (decision.continues, decision.save) == (False, True)
    sweep.free(0)
    assert sweep.trials[0].outcome is Outcome.COMPLETED
    assert len(sweep.trials[0].reports) == 3


def test_a_loser_whose_machine_is_lost_at_its_end_does_not_run_again():
    sweep = controller(trials=2, max_epochs=1, keep_checkpoints=1)
    for number, value in ((0, 0.9), (1, 0.1)):
        sweep.next()
        report(sweep, number, 1, value)
    sweep.free(0)
    sweep.free(1, error="its node has died", lost=True)
    assert sweep.trials[1].outcome is Outcome.COMPLETED
    assert sweep.next() is None


def test_trials_of_a_machine_that_is_about_to_go_are_saved_at_every_report():
    sweep = controller(trials=2, max_epochs=5)
    sweep.next(), sweep.next()
    assert not report(sweep, 0, 1, 0.1).save
    sweep.keeping.endangered = {0}
    assert report(sweep, 0, 2, 0.2).save
    assert report(sweep, 0, 3, 0.3).save
    assert not report(sweep, 1, 1, 0.1).save
    sweep.free(0, error="its node has died", lost=True)
    assert sweep.next().record.number == 0
    assert not report(sweep, 0, 4, 0.4).save, "another machine"
