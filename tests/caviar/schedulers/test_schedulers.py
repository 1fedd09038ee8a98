"""The contract of every scheduler: whatever happens to its trials, the sweep comes to its end."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import random

import pytest
from without_ray import CHOICES, LINE, InMemory, accuracy, controller, report, resumed, saved_as

from caviar.base.trial import Outcome
from caviar.controller.events import Kind
from caviar.schedulers import Asha, HyperBand, Median, NoStopping, Pbt
from caviar.schedulers.base import Action
from caviar.searchers import Grid, Random

SCHEDULERS = {
    "none": NoStopping(),
    "asha": Asha(),
    "asha by the quantile": Asha(quota=False),
    "asha with promotion": Asha(promote=True),
    "hyperband, asynchronous": HyperBand(),
    "hyperband": HyperBand(synchronous=True),
    "median": Median(grace_epochs=2, min_trials=3),
    "pbt": Pbt(interval=2, share=0.25),
}
SMALL = {"max_epochs": 9, "trials": 13}
MOST_STEPS = 2000
"""Far more than any of these sweeps takes: one that does not end is found, not waited for."""

every_scheduler = pytest.mark.parametrize("scheduler", SCHEDULERS.values(), ids=list(SCHEDULERS))


class Workers:
    """Some workers and the trials that run on them, a step at a time.

    Which trial reports next is a function of where all of them are, so that a sweep that is
    resumed goes on in the order in which it would have gone on.
    """

    def __init__(self, sweep, count=3, *, curve=accuracy, fails=None, out_of_memory=False):
        self.sweep, self.count, self.curve = sweep, count, curve
        self.fails, self.out_of_memory = fails, out_of_memory
        self.at = {}
        self.begun = []

    def steps(self):
        """Run the sweep; yields after all that a killed driver could have been killed after."""
        for _ in range(MOST_STEPS):
            while len(self.at) < self.count and (found := self.sweep.next()) is not None:
                self.at[found.record.number] = int(found.restore_from or 0)
                self.begun.append(found.record.number)
                yield
            if not self.at:
                assert self.sweep.finished
                return
            number = min(self.at, key=lambda n: random.Random(f"{n} {self.at[n]}").random())
            yield from self.step(number)
        pytest.fail(f"no end after {MOST_STEPS} steps")

    def step(self, number):
        """One more epoch of a trial, or its failure there."""
        self.at[number] += 1
        epoch = self.at[number]
        error = "RuntimeError: out of luck" if self.fails == (number, epoch) else None
        if error is not None and not self.out_of_memory:
            goes_on = False
        elif error is not None:
            decision = self.sweep.trained(
                number, epoch, {}, done=True, diverged=False, error="out of memory"
            )
            goes_on, error = decision.continues, None
        else:
            value = self.curve(self.sweep.trials[number].config, epoch)
            goes_on = report(self.sweep, number, epoch, value).continues
            yield
        if not goes_on:
            del self.at[number]
            self.sweep.free(number, error=error)
            yield

    def run(self):
        for _ in self.steps():
            pass
        return self.sweep


def check_ended(sweep, trials=SMALL["trials"]):
    """What holds of every finished sweep."""
    assert sum(record.parent is None for record in sweep.trials.values()) == trials
    for record in sweep.trials.values():
        assert not record.unfinished, record
        first = record.forked_at + 1
        assert [r.epoch for r in record.reports] == list(range(first, record.epoch + 1))
        assert (record.outcome is Outcome.COMPLETED) == (
            record.epoch == sweep.plan.max_epochs and record.error is None
        )


def comparable(sweep):
    """The records of a sweep, less the sessions that ran them and when."""
    return [
        dataclasses.replace(record, session=0, attempt=0, started=record.started[:1])
        for record in sweep.trials.values()
    ]


def saved(lag):
    """The newest checkpoint lies `lag` epochs before the last report; a fork's no earlier than
    where it began."""

    def of(record):
        epoch = max(record.epoch - lag, record.forked_at)
        return (str(epoch), epoch) if epoch > 0 else None

    return of


def behind(before, lag):
    """Checkpoints as `saved(lag)` of what a killed session left; later ones are whole."""

    def of(record):
        left = before.get(record.number)
        return saved(lag if left is not None and left.epoch == record.epoch else 0)(record)

    return of


def fresh(scheduler, history=None, **changes):
    history = history or InMemory()
    options = {**SMALL, **changes}
    checkpoint = saved_as(history, saved(0))
    return controller(history, scheduler=scheduler, checkpoint=checkpoint, **options)


@every_scheduler
@pytest.mark.parametrize("workers", [1, 3, 20])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_sweep_ends_and_the_default_runs_to_the_end(scheduler, workers, mode):
    sweep = Workers(fresh(scheduler, mode=mode), workers).run()
    check_ended(sweep)
    assert sweep.trials[0].outcome is Outcome.COMPLETED
    assert sweep.trials[0].config == LINE.default()
    assert sweep.stop_reason is None


@every_scheduler
def test_a_sweep_is_a_function_of_its_seed(scheduler):
    one, again, other = (Workers(fresh(scheduler, seed=seed)).run() for seed in (0, 0, 1))
    assert comparable(one) == comparable(again)
    assert comparable(one) != comparable(other)


@every_scheduler
def test_killed_anywhere_it_goes_on_as_if_nothing_had_happened(scheduler):
    history = InMemory()
    workers = Workers(fresh(scheduler, history))
    killed = [copy.deepcopy(history) for _ in workers.steps()]
    expected = comparable(workers.sweep)
    for left in killed:
        again = resumed(left, scheduler=scheduler, checkpoint=saved(0), **SMALL)
        assert comparable(Workers(again).run()) == expected
        assert left.records() == again.trials


@every_scheduler
@pytest.mark.parametrize("lag", [1, 99])
def test_killed_anywhere_without_the_newest_checkpoints_it_comes_to_its_end(scheduler, lag):
    history = InMemory()
    killed = [copy.deepcopy(history) for _ in Workers(fresh(scheduler, history)).steps()]
    for left in killed:
        before = left.records()
        again = resumed(left, scheduler=scheduler, checkpoint=behind(before, lag), **SMALL)
        check_ended(Workers(again).run())
        for number, record in before.items():  # nothing is measured twice
            assert again.trials[number].reports[: len(record.reports)] == record.reports


@every_scheduler
def test_stopped_anywhere_it_can_be_resumed(scheduler):
    points = sum(1 for _ in Workers(fresh(scheduler)).steps())
    for point in range(points):
        history = InMemory()
        workers = Workers(fresh(scheduler, history))
        steps = workers.steps()
        for _ in itertools.islice(steps, point + 1):
            pass
        workers.sweep.request_stop("interrupted")
        for _ in steps:
            pass
        assert not workers.at
        again = resumed(history, scheduler=scheduler, checkpoint=saved(0), **SMALL)
        check_ended(Workers(again).run())
        assert again.stop_reason is None


@every_scheduler
@pytest.mark.parametrize("out_of_memory", [False, True])
def test_a_failure_anywhere_ends_that_trial_alone(scheduler, out_of_memory):
    whole = Workers(fresh(scheduler)).run()
    points = [(n, r.epoch) for n, record in whole.trials.items() for r in record.reports]
    for number, epoch in points:
        options = {"fails": (number, epoch), "out_of_memory": out_of_memory}
        sweep = Workers(fresh(scheduler), **options).run()
        check_ended(sweep)
        failed = sweep.trials[number]
        assert (failed.outcome, len(failed.reports)) == (
            Outcome.FAILED,
            epoch - 1 - failed.forked_at,
        )
        assert sweep.trials.count(Outcome.FAILED) == 1


@every_scheduler
@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_the_worst(scheduler, mode, broken):
    def curve(config, epoch):
        value = accuracy(config, epoch)
        bad = 0.001 < config["learning_rate"] < 0.1 and config != LINE.default()
        return broken if bad and epoch >= 2 else value

    sweep = Workers(fresh(scheduler, mode=mode), curve=curve).run()
    check_ended(sweep)
    # A late fork may have too few epochs left to be compared with others.
    ended = [r for r in sweep.trials.values() if r.epoch == 9 and r.number and len(r.reports) > 2]
    bad = [r for r in ended if not math.isfinite(r.reports[-1].metrics["val_accuracy"])]
    assert bool(bad) == isinstance(scheduler, NoStopping)
    _, best = sweep.trials.best()
    assert math.isfinite(best.metrics["val_accuracy"])


@every_scheduler
def test_nothing_but_nan_ends_too(scheduler):
    sweep = Workers(fresh(scheduler), curve=lambda config, epoch: math.nan).run()
    check_ended(sweep)
    assert sweep.trials.best() is None


@every_scheduler
def test_trials_that_diverge_end_there(scheduler):
    sweep = fresh(scheduler)
    workers = Workers(sweep)
    steps = workers.steps()
    for _ in itertools.islice(steps, 9):
        pass
    number = max(workers.at)
    workers.at[number] += 1
    assert not report(sweep, number, workers.at[number], math.nan, diverged=True).continues
    del workers.at[number]
    sweep.free(number)
    for _ in steps:
        pass
    assert sweep.trials[number].outcome is Outcome.DIVERGED
    assert all(not record.unfinished for record in sweep.trials.values())


@every_scheduler
@pytest.mark.parametrize("workers", [1, 3, 20])
def test_a_space_that_is_exhausted_in_the_middle_ends_the_sweep(scheduler, workers):
    def curve(config, epoch):
        return config["units"] * epoch + (config["activation"] == "tanh")

    options = {"space": CHOICES, "searcher": Grid(), "trials": 100}
    sweep = Workers(fresh(scheduler, **options), workers, curve=curve).run()
    check_ended(sweep, trials=12)


@every_scheduler
def test_the_table_is_printed_before_the_start(scheduler):
    built = scheduler.build(max_epochs=9, seed=0)
    for trials in (1, 13, None):
        rows = built.table(trials)
        assert rows
        assert all(what and how_much for what, how_much in rows)


@every_scheduler
def test_a_sweep_of_a_single_epoch_ends(scheduler):
    sweep = Workers(fresh(scheduler, max_epochs=1, searcher=Random())).run()
    check_ended(sweep)
    assert sweep.trials.count(Outcome.COMPLETED) == 13


# Why a trial does not go on: see test_progress.py for how it is shown.


def explained(scheduler, *moves):
    """The reasons after each report of (trial, epoch, score) that does not let its trial go on."""
    for trial in sorted({move[0] for move in moves}):
        scheduler.start(trial, None)
    found = []
    for trial, epoch, score in moves:
        if scheduler.report(trial, epoch, score) is not Action.CONTINUE:
            found.append(scheduler.why(trial).words("max"))
    return found


@pytest.mark.parametrize(
    ("options", "moves", "reasons"),
    [
        (
            Asha(quota=False),
            [(0, 1, 0.5), (1, 1, 0.25), (2, 1, math.nan)],
            ["0.25 is below the rung's cut 0.5", "its value is not finite"],
        ),
        (
            Asha(quota=False),
            [(0, 1, 0.500003), (1, 1, 0.500001)],  # the same in four digits
            ["0.500001 is below the rung's cut 0.500003"],
        ),
        (
            Asha(),
            # each of the first two beats all before it; the third is second of three
            [(0, 1, 0.5), (1, 1, 0.6), (2, 1, 0.55), (3, 1, 0.58), (4, 1, 0.1)],
            [
                "0.55 is number 2 of 3 there, and only the best 1 may go on",
                "0.58 is number 2 of 4 there, and 2 went on before it, where 1 in 3 may",
                "0.1 is number 5 of 5 there, and only the best 2 may go on",
            ],
        ),
        (
            Asha(promote=True),
            [(0, 1, 0.5), (1, 1, 0.4), (2, 1, 0.3), (3, 1, math.inf)],
            [
                "0.5 is number 1 of 1 there, and 1 in 3 may go on",
                "0.4 is number 2 of 2 there, and 1 in 3 may go on",
                "0.3 is number 3 of 3 there, and the best 1 may go on",
                "its value is not finite",
            ],
        ),
        (
            HyperBand(synchronous=True),  # three start, and the best one of them goes on
            [(0, 1, 0.5), (1, 1, 0.4), (2, 1, 0.6)],
            [
                "it has 0.5, and waits for 2 more of its bracket",
                "it has 0.4, and waits for 1 more of its bracket",
            ],
        ),
    ],
)
def test_a_scheduler_says_why_a_trial_does_not_go_on(options, moves, reasons):
    assert explained(options.build(max_epochs=3, seed=0), *moves) == reasons


def test_population_based_training_says_who_gives_way_and_not_who_waits_for_a_turn():
    scheduler = Pbt(interval=2, share=0.25).build(max_epochs=9, seed=0)
    moves = [(n, 2, score) for n, score in enumerate((0.1, 0.5, 0.4, 0.3))]
    for trial, epoch, score in moves:
        scheduler.start(trial, None)
        assert scheduler.report(trial, epoch, score) is Action.PAUSE
    assert [scheduler.why(n) for n in (1, 2, 3)] == [None] * 3
    assert scheduler.why(0).words("max") == (
        "0.1 is number 4 of 4 there, and the last 1 give way to changed copies of the first"
    )


def test_the_median_says_what_it_compared():
    # running means of the others at epoch 2: 0.5, 0.6, 0.7
    scheduler = Median(grace_epochs=2, min_trials=3).build(max_epochs=9, seed=0)
    moves = [(n, e, score) for n, score in enumerate((0.5, 0.6, 0.7)) for e in (1, 2)]
    assert explained(scheduler, *moves, (3, 1, 0.2), (3, 2, 0.55)) == [
        "its best 0.55 is below the median of the others' means 0.6"
    ]
    last = Median(grace_epochs=1, min_trials=1).build(max_epochs=9, seed=0)
    assert explained(last, (0, 1, 0.5), (1, 1, math.nan)) == ["its value is not finite"]


def test_who_waited_in_vain_is_told_its_place():
    scheduler = HyperBand(synchronous=True).build(max_epochs=3, seed=0)
    explained(scheduler, (0, 1, 0.5), (1, 1, 0.4), (2, 1, 0.6))
    assert sorted(scheduler.dropped({0, 1})) == [0, 1]
    assert scheduler.why(1).words("max") == (
        "0.4 is number 3 of 3 there, and the best 1 of its bracket go on"
    )


@every_scheduler
@pytest.mark.parametrize("mode", ["max", "min"])
def test_whatever_is_stopped_or_paused_has_a_reason(scheduler, mode):
    history = InMemory()
    sweep = controller(history, scheduler=scheduler, mode=mode, **SMALL)
    for _ in Workers(sweep).steps():
        pass
    stopped = {n for n, r in history.records().items() if r.outcome is Outcome.STOPPED_EARLY}
    noted = {event.trial for event in history.decisions if event.kind is Kind.STOPPED}
    assert noted == stopped
    # Without checkpoints there are no forks, and so nobody gives way to one.
    assert stopped or isinstance(scheduler, NoStopping | Pbt)
    assert all(sweep.decision_log.reason(sweep.trials[n]) for n in stopped)
