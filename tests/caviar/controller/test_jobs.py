"""Jobs of several trials: slots, GPU-hours and checkpoint folders are theirs."""

import math

import pytest
from without_ray import (
    LINE,
    METRIC,
    Clock,
    Found,
    InMemory,
    accuracy,
    controller,
    drive,
    plan,
    saved_as,
)

from caviar.base.trial import Outcome
from caviar.controller.controller import SweepController
from caviar.controller.job import Decision, EpochResult
from caviar.schedulers import Asha, NoStopping
from caviar.searchers import Random

CONTINUES = Decision(continues=True, save=False)
NOTHING_ON_TOP = {"scheduler": NoStopping(), "trials": 3, "members": 3, "max_epochs": 3}


def sweep(history=None, *, scheduler=None, clock=None, **changes):
    """A controller with jobs of several members."""
    asked = plan(**changes)
    history = history or InMemory()
    return SweepController(
        asked,
        space=LINE,
        searcher=Random().build(LINE, mode="max", seed=0),
        scheduler=(scheduler or Asha(min_epochs=1)).build(max_epochs=asked.max_epochs, seed=0),
        history=history,
        checkpoints=Found(saved_as(history)),
        clock=clock or Clock(),
    )


def report(which, job, epoch, values, **how):
    """One epoch of some trials of a job: their values by number; one that is NaN has diverged."""
    results = {
        number: EpochResult(
            epoch=epoch,
            metrics={METRIC: value},
            done=epoch >= which.plan.max_epochs,
            diverged=math.isnan(value),
            **how,
        )
        for number, value in values.items()
    }
    return which.report(job, results)


def test_of_three_members_one_stops_one_diverges_one_completes():
    clock, history = Clock(), InMemory()
    which = sweep(
        history,
        clock=clock,
        trials=3,
        members=3,
        max_epochs=3,
        gpus_per_trial=2,
        keep_checkpoints=1,
        checkpoint_seconds=99,
    )
    job = which.next_job()
    assert job.trials == (0, 1, 2)
    assert [member.record.config for member in job.members] == [
        which.trials[n].config for n in range(3)
    ]
    assert (len(which.jobs), which.live) == (1, {0, 1, 2})
    assert which.next_job() is None
    assert not which.finished
    clock.now += 10
    found = report(which, job, 1, {0: 0.5, 1: 0.1, 2: 0.6})
    assert found == {0: CONTINUES, 1: Decision(continues=False, save=True), 2: CONTINUES}
    which.end(job, members=[1])
    assert which.trials[1].outcome is history.record(1).outcome is Outcome.STOPPED_EARLY
    assert (len(which.jobs), which.live) == (1, {0, 2}), "the slot is the job's"
    clock.now += 10
    found = report(which, job, 2, {0: 0.7, 2: math.nan})
    assert found[0].continues
    assert found[2] == Decision(continues=False, save=False)
    which.end(job, members=[2])
    assert which.trials[2].outcome is Outcome.DIVERGED
    clock.now += 10
    found = report(which, job, 3, {0: 0.8})
    assert found == {0: Decision(continues=False, save=True)}
    which.keeping.saved.update(job.trials)
    assert which.end(job) == set(), "the folder is the job's, and one of them is the best"
    assert which.trials[0].outcome is history.record(0).outcome is Outcome.COMPLETED
    assert (which.jobs, which.live, which.meter.running) == ({}, set(), 0)
    assert which.meter.gpu_seconds == 2 * 30.0, "two GPUs of one job, not of three trials"
    assert which.next_job() is None
    assert which.finished
    assert which.trials.best().trial.number == 0
    assert [len(which.trials[n].reports) for n in range(3)] == [3, 1, 2]


def test_a_checkpoint_folder_is_kept_until_no_member_needs_it():
    which = sweep(scheduler=NoStopping(), trials=4, members=2, max_epochs=1, keep_checkpoints=1)
    first, second = which.next_job(), which.next_job()
    assert (first.lead.number, second.lead.number) == (0, 2)
    report(which, first, 1, {0: 0.1, 1: 0.5})
    which.keeping.saved.update(first.trials)
    assert which.end(first) == set()
    report(which, second, 1, {2: 0.9, 3: 0.2})
    which.keeping.saved.update(second.trials)
    assert which.end(second) == {0, 1}


def test_members_fail_with_the_worker_of_their_job_and_are_lost_with_its_machine():
    which = sweep(**NOTHING_ON_TOP)
    job = which.next_job()
    report(which, job, 1, {0: 0.5, 1: 0.1, 2: 0.6})
    which.end(job, error="its node has died", lost=True)
    assert which.jobs == {}
    assert which.trials.count(Outcome.RUNNING) == 3
    again = [which.next_job() for _ in range(3)]
    assert [one.trials for one in again] == [(0,), (1,), (2,)], "each is a job of its own"
    assert [one.members[0].restore_from for one in again] == ["1", "1", "1"]
    assert [one.lead.attempt for one in again] == [1, 1, 1]
    failed = sweep(**NOTHING_ON_TOP)
    job = failed.next_job()
    failed.end(job, error="RuntimeError: no")
    assert failed.trials.count(Outcome.FAILED) == 3
    assert {record.error for record in failed.trials.values()} == {"RuntimeError: no"}


def test_one_member_runs_out_of_memory():
    which = sweep(**NOTHING_ON_TOP)
    job = which.next_job()
    assert not report(which, job, 1, {1: 0.1}, error="out of memory: 7 GiB")[1].continues
    which.end(job, members=[1])
    assert which.trials[1].outcome is Outcome.FAILED
    assert report(which, job, 1, {0: 0.5, 2: 0.6}) == {0: CONTINUES, 2: CONTINUES}


def test_a_member_pauses_and_is_promoted_into_a_job_of_its_own():
    which = sweep(scheduler=Asha(promote=True), trials=4, members=3)
    job = which.next_job()
    found = report(which, job, 1, {0: 0.1, 1: 0.5, 2: 0.4})  # the default runs on
    paused = Decision(continues=False, save=True)
    assert found == {0: Decision(continues=True, save=True), 1: paused, 2: paused}
    which.end(job, members=[1, 2])
    assert which.trials.count(Outcome.PAUSED) == 2
    assert (len(which.jobs), which.live) == (1, {0})
    promoted = which.next_job()
    assert promoted.trials == (1,)
    assert (promoted.lead.attempt, promoted.members[0].restore_from) == (1, "1")


def test_of_a_killed_job_each_unfinished_member_becomes_a_job():
    history = InMemory()
    options = NOTHING_ON_TOP | {"trials": 6}
    which = sweep(history, **options)
    job = which.next_job()
    report(which, job, 1, {0: 0.5, 1: math.nan, 2: 0.6})
    which.end(job, members=[1])
    again = sweep(history, **options)
    again.replay(history.records())
    assert [again.next_job().trials for _ in range(3)] == [(0,), (2,), (3, 4, 5)]


@pytest.mark.parametrize("members", [1, 2, 3, 5])
def test_a_sweep_of_larger_jobs_trains_the_same_trials(members):
    alone = controller(trials=10, max_epochs=3)
    drive(alone)
    which = sweep(scheduler=NoStopping(), trials=10, max_epochs=3, members=members)
    while (job := which.next_job()) is not None:
        for epoch in (1, 2, 3):
            report(
                which, job, epoch, {n: accuracy(which.trials[n].config, epoch) for n in job.trials}
            )
        which.end(job)
    found = [
        [(r.config, r.outcome, r.curve(METRIC)) for r in s.trials.values()] for s in (alone, which)
    ]
    assert found[0] == found[1]


def test_a_budget_of_epochs_counts_the_trials_of_a_job():
    which = sweep(**NOTHING_ON_TOP, max_total_epochs=5)
    job = which.next_job()
    assert set(report(which, job, 1, {0: 0.5, 1: 0.1, 2: 0.6})) == {0, 1, 2}
    assert which.trials.epochs == 3
    running = [n for n in job.trials if n not in (2,)]
    assert which.stop_reason == "epoch budget"
    report(which, job, 2, dict.fromkeys(running, 0.5))
    assert which.trials.epochs == 5
