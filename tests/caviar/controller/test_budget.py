"""Where a sweep stops, besides its number of trials and its time."""

from __future__ import annotations

import math

import pytest
from without_ray import (
    CHOICES,
    METRIC,
    Clock,
    InMemory,
    accuracy,
    controller,
    drive,
    open_history,
    report,
    resumed,
    run_trial,
)

from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.controller.budget import HOPELESS, Meter, without_improvement
from caviar.controller.job import Decision
from caviar.schedulers import Asha
from caviar.searchers import Grid, Random
from caviar.sweep.limits import Stop

NAN = math.nan


def saved_at_its_last_report(record):
    return (str(record.epoch), record.epoch) if record.epoch else None


# Epochs over all trials.


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("workers", [1, 3])
def test_not_an_epoch_more_than_asked_for_is_trained(limit, workers):
    sweep = controller(max_epochs=4, trials=100, max_total_epochs=limit)
    running = []
    while True:
        while len(running) < workers and (member := sweep.next()) is not None:
            running.append(member.record)
        if not running:
            break
        record = running.pop(0)
        if report(sweep, record.number, record.epoch + 1, 0.5).continues:
            running.append(record)
        else:
            sweep.free(record.number)
    assert sweep.trials.epochs == limit
    assert sweep.stop_reason == Stop.EPOCHS == "epoch budget"


def test_a_trial_that_waits_for_its_last_checkpoint_trains_no_epoch():
    sweep = controller(max_epochs=3, trials=2, max_total_epochs=6)
    for _ in range(2):
        sweep.next()
    for number, epoch, goes_on in ((0, 1, True), (1, 1, True), (0, 2, True), (0, 3, False)):
        assert report(sweep, number, epoch, 0.5).continues == goes_on
    assert report(sweep, 1, 2, 0.5).continues, "the sixth epoch is nobody else's"
    assert not report(sweep, 1, 3, 0.5).continues
    assert sweep.trials.epochs == 6


def test_trials_that_the_epochs_cut_off_are_saved_and_go_on_with_a_larger_budget():
    history = InMemory()
    sweep = controller(history, max_epochs=3, trials=2, max_total_epochs=3)
    for _ in range(2):
        sweep.next()
    assert report(sweep, 0, 1, 0.5).continues
    # two are trained, and trial 0 is training the third
    assert report(sweep, 1, 1, 0.5) == Decision(continues=False, save=True)
    assert report(sweep, 0, 2, 0.5) == Decision(continues=False, save=True)
    for number in (0, 1):
        sweep.free(number)
    assert sweep.trials.count(Outcome.RUNNING) == 2
    again = resumed(
        history, max_epochs=3, trials=2, max_total_epochs=100, checkpoint=saved_at_its_last_report
    )
    drive(again)
    assert (again.trials.epochs, again.trials.count(Outcome.COMPLETED), again.stop_reason) == (
        6,
        2,
        None,
    )


def test_epochs_that_are_enough_for_all_trials_stop_nothing():
    sweep = controller(max_epochs=3, trials=4, max_total_epochs=12)
    drive(sweep)
    assert (sweep.trials.epochs, sweep.stop_reason) == (12, None)


# GPU-hours.


def test_gpu_hours_are_those_of_running_trials():
    clock = Clock()
    sweep = controller(clock=clock, max_epochs=9, gpus_per_trial=0.5, gpu_hours=2.0)
    clock.now += 36000  # nobody runs
    for _ in range(2):
        sweep.next()
    clock.now += 3600  # two trials with half a GPU each: one GPU-hour
    assert report(sweep, 0, 1, 0.5).continues
    report(sweep, 1, 9, 0.5)
    sweep.free(1)
    assert sweep.meter.gpu_hours == pytest.approx(1.0)
    clock.now += 7000  # one trial: just less than another hour
    assert report(sweep, 0, 2, 0.5).continues
    clock.now += 200
    assert report(sweep, 0, 3, 0.5) == Decision(continues=False, save=True)
    assert sweep.stop_reason == Stop.GPU_HOURS == "GPU-hours"
    assert sweep.next() is None


def test_gpu_hours_are_looked_at_between_reports():
    clock = Clock()
    sweep = controller(clock=clock, gpus_per_trial=2, gpu_hours=1.0)
    sweep.next()
    clock.now += 1800
    sweep.check_time()
    assert sweep.stop_reason == Stop.GPU_HOURS


def test_gpu_hours_of_earlier_sessions_count():
    sweep = controller(gpus_per_trial=1, gpu_hours=1.0, gpu_seconds=3600.0)
    assert sweep.next() is None
    assert (sweep.trials, sweep.stop_reason) == ({}, Stop.GPU_HOURS)


def test_the_history_on_disk_keeps_the_gpu_seconds(tmp_path):
    clock = Clock()
    history = open_history(tmp_path)
    sweep = controller(history, clock=clock, gpus_per_trial=2)
    sweep.next()
    clock.now += 1.5
    report(sweep, 0, 1, 0.5)
    assert history.records()[0].reports[0].gpu_seconds == 3.0
    history.close()


def test_a_meter_runs_for_those_who_started_and_have_not_stopped():
    clock = Clock()
    meter = Meter(clock, gpus=1, spent=10.0)
    meter.start(3)
    meter.start(3)  # again, from a checkpoint: it has one GPU, not two
    clock.now += 5
    meter.start(4)
    meter.stop(7)  # never started
    clock.now += 5
    assert (meter.running, meter.gpu_seconds) == (2, 10.0 + 5 + 2 * 5)
    meter.stop(3)
    meter.stop(3)
    meter.stop(4)
    clock.now += 100
    assert (meter.running, meter.gpu_seconds) == (0, 25.0)


# No improvement.


def record(number, orders, *, outcome=Outcome.COMPLETED):
    reports = [Report(epoch, {METRIC: 0.5}, order, 0.0) for epoch, order in enumerate(orders, 1)]
    return TrialRecord(number, {}, 0, outcome=outcome, reports=reports)


LEADER = record(2, [3, 6])
REPORT = LEADER.reports[0]  # order 3


@pytest.mark.parametrize(
    ("other", "best", "count"),
    [
        pytest.param(record(1, [1, 2]), REPORT, 0, id="ended before"),
        pytest.param(record(1, [1, 5]), REPORT, 1, id="began before, ended after"),
        pytest.param(record(3, [7, 8]), REPORT, 1, id="after"),
        pytest.param(record(3, [7], outcome=Outcome.RUNNING), REPORT, 0, id="running"),
        pytest.param(record(3, [], outcome=Outcome.FAILED), REPORT, 1, id="failed at once, after"),
        pytest.param(record(1, [], outcome=Outcome.FAILED), REPORT, 0, id="failed at once, before"),
        pytest.param(record(3, [7], outcome=Outcome.DIVERGED), REPORT, 1, id="diverged"),
    ],
)
def test_trials_without_improvement_are_those_that_ended_since(other, best, count):
    # The leader's own second epoch, which was no better, is no other trial.
    records = {LEADER.number: LEADER, other.number: other}
    assert without_improvement(records, (LEADER, best)) == count


def test_without_a_value_every_trial_that_ended_counts():
    records = {n: record(n, [], outcome=Outcome.FAILED) for n in range(3)}
    assert without_improvement(records, None) == 3


def test_patience_ends_a_sweep_that_gets_no_better():
    sweep = controller(max_epochs=1, trials=100, patience=3)
    for value in (0.5, 0.4, 0.5, 0.6, 0.1, 0.6):
        run_trial(sweep, [value])
        assert sweep.stop_reason is None
    sweep.next()
    run_trial(sweep, [0.2])
    assert sweep.stop_reason == Stop.PATIENCE == "no improvement"
    assert report(sweep, 6, 1, 0.9).continues is False
    assert sweep.next() is None


def test_a_trial_that_fails_uses_up_patience_and_a_leader_that_diverges_gives_none():
    sweep = controller(max_epochs=2, trials=100, patience=3)
    run_trial(sweep, [0.5, 0.5])
    run_trial(sweep, [], error="RuntimeError")
    sweep.next()
    report(sweep, 2, 1, 0.9)  # leads
    run_trial(sweep, [0.2, 0.2])
    assert sweep.stop_reason is None
    report(sweep, 2, 2, NAN, diverged=True)
    sweep.free(2)  # trials 1, 2 and 3 have ended since trial 0, which leads again
    assert sweep.stop_reason == Stop.PATIENCE


def test_patience_counts_over_sessions_and_may_grow():
    history = InMemory()
    options = {"max_epochs": 1, "trials": 9}
    sweep = controller(history, patience=4, **options)
    for value in (0.5, 0.4, 0.3):
        run_trial(sweep, [value])
    again = resumed(history, patience=4, **options)
    for value in (0.2, 0.1):
        assert again.stop_reason is None
        run_trial(again, [value])
    assert again.stop_reason == Stop.PATIENCE
    still = resumed(history, patience=4, **options)
    assert (still.next(), still.stop_reason) == (None, Stop.PATIENCE)
    more = resumed(history, patience=8, **options)
    drive(more, curve=lambda config, epoch: 0.0)
    assert (len(more.trials), more.stop_reason) == (9, None)


def test_there_is_nothing_to_stop_after_the_last_trial():
    clock = Clock()
    sweep = controller(max_epochs=1, trials=3, patience=2, time_budget=10.0, clock=clock)
    for value in (0.5, 0.4, 0.3):
        run_trial(sweep, [value])
    clock.now += 100
    sweep.check_time()
    assert (sweep.next(), sweep.ended_because) == (None, None)


# A value that is good enough.


@pytest.mark.parametrize(
    ("mode", "values", "reached"),
    [
        ("max", [0.5, 0.79], False),
        ("max", [0.5, 0.8], True),
        ("max", [0.9, 0.1], True),
        ("min", [0.9, 0.81], False),
        ("min", [0.9, 0.8], True),
        ("min", [NAN, 0.7], True),
        ("max", [NAN, math.inf], False),
    ],
)
def test_a_sweep_stops_at_the_value_that_is_good_enough(mode, values, reached):
    sweep = controller(mode=mode, max_epochs=9, stop_at=0.8)
    for _ in range(2):
        sweep.next()
    decisions = [report(sweep, 0, epoch, value) for epoch, value in enumerate(values, 1)]
    assert decisions[-1].continues is not reached
    assert sweep.stop_reason == (Stop.VALUE if reached else None)
    if reached:
        assert decisions[-1].save, "the trial that has it is saved and put aside"
        assert report(sweep, 1, 1, NAN) == Decision(continues=False, save=True)
        sweep.free(0)
        assert sweep.trials.best()[0].number == 0


def test_a_value_that_was_reached_before_stops_a_resumed_sweep_at_once():
    history = InMemory()
    options = {"max_epochs": 3, "trials": 4, "checkpoint": saved_at_its_last_report}
    sweep = controller(history, max_epochs=3, trials=4, stop_at=0.5)
    drive(sweep, curve=lambda config, epoch: epoch / 4)
    assert (sweep.trials.epochs, sweep.stop_reason) == (2, Stop.VALUE)
    again = resumed(history, stop_at=0.5, **options)
    assert (again.next(), again.stop_reason) == (None, Stop.VALUE)
    more = resumed(history, stop_at=0.9, **options)
    drive(more, curve=lambda config, epoch: epoch / 4)
    assert (more.trials.epochs, more.stop_reason) == (12, None)


# Nothing but failures.


def begun(sweep, count):
    """So many trials that start at once."""
    return [sweep.next().record.number for _ in range(count)]


def test_ten_trials_that_all_fail_without_an_epoch_end_a_sweep():
    sweep = controller(trials=64)
    for _ in range(HOPELESS - 1):
        run_trial(sweep, [], error="ValueError: no such file")
    assert sweep.stop_reason is None
    run_trial(sweep, [], error="ValueError: no such file")
    assert sweep.stop_reason == Stop.FAILURES == "every trial fails"
    assert sweep.next() is None
    assert sweep.finished


@pytest.mark.parametrize("values", [[0.5], [NAN]], ids=["finite", "diverged"])
def test_one_epoch_of_any_trial_is_hope(values):
    sweep = controller(trials=64)
    run_trial(sweep, values, diverged=values[0] != 0.5, error=None)
    for _ in range(30):
        run_trial(sweep, [], error="ValueError: no such file")
    assert sweep.stop_reason is None


def test_a_trial_that_trains_when_others_fail_at_once_may_be_the_first_to_finish_an_epoch():
    # 32 workers, an epoch takes long, and a third of the space does not fit into memory.
    sweep = controller(trials=64)
    running = begun(sweep, 32)
    for number in running[1:]:
        sweep.free(number, error="OutOfMemoryError: 7 GiB")
    assert sweep.stop_reason is None
    sweep.free(0, error="OutOfMemoryError: 7 GiB")
    assert sweep.stop_reason == Stop.FAILURES


def test_a_trial_that_is_tried_again_has_not_failed_yet():
    sweep = controller(trials=64, retries=1)
    for number in begun(sweep, HOPELESS):
        sweep.free(number, error=f"OSError: try {number}")
    assert sweep.stop_reason is None
    for number in begun(sweep, HOPELESS):  # the same ten
        sweep.free(number, error=f"OSError: another try {number}")
    assert sweep.stop_reason == Stop.FAILURES
    assert len(sweep.trials) == HOPELESS


def test_a_sweep_that_only_failed_goes_on_and_ends_again_after_ten_more():
    history = InMemory()
    sweep = controller(history, trials=64)
    for _ in range(HOPELESS):
        run_trial(sweep, [], error="ValueError: no such file")
    again = resumed(history, trials=64)
    for _ in range(HOPELESS):
        assert again.stop_reason is None
        run_trial(again, [], error="ValueError: no such file")
    assert (again.stop_reason, len(again.trials)) == (Stop.FAILURES, 2 * HOPELESS)
    mended = resumed(history, trials=64)
    drive(mended)
    assert (mended.stop_reason, mended.trials.count(Outcome.COMPLETED)) == (None, 44)


def test_a_machine_that_broke_between_two_sessions_ends_the_second():
    history = InMemory()
    sweep = controller(history, trials=64)
    run_trial(sweep, [0.5] * 9)
    again = resumed(history, trials=64)
    for _ in range(HOPELESS):
        run_trial(again, [], error="RuntimeError: no CUDA device")
    assert again.stop_reason == Stop.FAILURES


def test_there_is_nothing_to_give_up_after_the_last_trial():
    sweep = controller(trials=HOPELESS)
    for _ in range(HOPELESS):
        run_trial(sweep, [], error="ValueError: no such file")
    assert sweep.next() is None
    assert (sweep.finished, sweep.stop_reason) == (True, None)


# Whatever comes first.


def test_the_first_limit_is_the_reason():
    clock = Clock()
    sweep = controller(clock=clock, max_epochs=5, time_budget=9.0, max_total_epochs=2, stop_at=0.9)
    sweep.next()
    assert report(sweep, 0, 1, 0.5).continues
    clock.now += 20
    assert not report(sweep, 0, 2, 0.95).continues
    assert sweep.stop_reason == Stop.TIME


@pytest.mark.parametrize("searcher", [Random(), Grid(points=2)], ids=["random", "grid"])
def test_a_space_without_anything_left_says_so_and_lets_its_trials_end(searcher):
    sweep = controller(space=CHOICES, searcher=searcher, trials=100, max_epochs=2)
    running = []
    while (member := sweep.next()) is not None:
        running.append(member.record.number)
    assert len(running) == 12
    assert sweep.stop_reason is None, "those that run go on"
    assert sweep.ended_because == Stop.EXHAUSTED == "nothing left to try"
    for number in running:
        assert report(sweep, number, 1, 0.5).continues
        assert not report(sweep, number, 2, 0.5).continues
        sweep.free(number)
    assert sweep.trials.count(Outcome.COMPLETED) == 12


def test_as_many_trials_as_there_are_is_no_exhaustion():
    sweep = controller(space=CHOICES, trials=12, max_epochs=1)
    drive(sweep, curve=lambda config, epoch: 0.5)
    assert (len(sweep.trials), sweep.ended_because) == (12, None)


@pytest.mark.parametrize(
    "limits",
    [{"max_total_epochs": 9}, {"patience": 2}, {"stop_at": 0.8}, {"gpu_hours": 1.0}],
    ids=lambda limits: next(iter(limits)),
)
def test_a_sweep_cut_by_any_limit_ends_as_if_it_had_not_been(limits):
    clock = Clock()

    def curve(config, epoch):
        clock.now += 600
        return accuracy(config, epoch)

    options = {"scheduler": Asha(), "max_epochs": 9, "trials": 8, "gpus_per_trial": 0.5}
    whole = controller(clock=clock, **options)
    drive(whole, curve=curve)
    history = InMemory()
    sweep = controller(history, clock=clock, **options, **limits)
    drive(sweep, curve=curve)
    assert sweep.stop_reason is not None
    assert sweep.trials.epochs < whole.trials.epochs
    again = resumed(history, clock=clock, **options, checkpoint=saved_at_its_last_report)
    drive(again, curve=curve)
    ends = [
        [(r.config, r.outcome, r.curve(METRIC)) for r in s.trials.values()] for s in (whole, again)
    ]
    assert ends[0] == ends[1]
