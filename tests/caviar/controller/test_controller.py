"""The controller without Ray: what runs next, what continues, what is kept, what a resume does."""

from __future__ import annotations

import copy
import dataclasses
import math
import shutil

import numpy as np
import pytest
from without_ray import (
    CHOICES,
    CONDITIONAL,
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
    steps,
)

from caviar.base.trial import Outcome, trial_seed
from caviar.controller.job import Decision
from caviar.schedulers import Asha, NoStopping
from caviar.schedulers.base import Action, Scheduler
from caviar.searchers import Grid, HyperOpt, Optuna, Random
from caviar.searchers.base import Searcher

NAN, INF = math.nan, math.inf
SEARCHERS = [Random(), Grid(points=2), Optuna(startup_trials=4), HyperOpt(startup_trials=4)]

every_searcher = pytest.mark.parametrize("searcher", SEARCHERS, ids=lambda s: type(s).__name__)


@pytest.fixture
def history():
    return InMemory()


class StopsAll(Scheduler):
    """Stops every trial at its first report; builds itself."""

    def build(self, *, max_epochs, seed):
        return self

    def report(self, trial, epoch, score):
        return Action.STOP

    def table(self, trials):
        return []


class Repeats(Searcher):
    """Proposes the default configuration only; builds itself."""

    def __init__(self):
        self.asked, self.restarted = [], []

    def build(self, space, *, mode, seed):
        super().__init__(space, mode=mode, seed=seed)
        return self

    def suggest(self, number, attempt=0):
        self.asked.append((number, attempt))
        return self.space.default()

    def register(self, number, config):
        self.restarted.append((number, dict(config)))


# What runs next.


@every_searcher
def test_trial_0_is_the_default_configuration_and_no_other_trial_is(searcher):
    sweep = controller(space=CONDITIONAL, searcher=searcher, trials=6, max_epochs=1)
    drive(sweep)
    assert list(sweep.trials) == list(range(6))
    assert [record.number for record in sweep.trials.values()] == list(range(6))
    assert sweep.trials[0].config == CONDITIONAL.default()
    keys = [CONDITIONAL.key(record.config) for record in sweep.trials.values()]
    assert len(set(keys)) == 6


def test_a_trials_seed_depends_on_the_sweeps_seed_and_its_number_alone():
    sweep = controller(trials=5, max_epochs=1, seed=3)
    drive(sweep)
    seeds = [record.seed for record in sweep.trials.values()]
    assert seeds == [trial_seed(3, number) for number in range(5)]
    many = {trial_seed(seed, number) for seed in range(30) for number in range(30)}
    assert len(many) == 900
    assert all(0 <= seed < 2**31 for seed in many)


@every_searcher
@pytest.mark.parametrize("seed", [0, 1])
def test_a_small_space_is_run_whole_and_nothing_twice(searcher, seed):
    def curve(config, epoch):  # one corner is far better: a model proposes it again and again
        return float(config["activation"] == "tanh") + float(config["units"] == 32)

    sweep = controller(space=CHOICES, searcher=searcher, trials=100, max_epochs=1, seed=seed)
    drive(sweep, curve=curve)
    assert len({CHOICES.key(r.config) for r in sweep.trials.values()}) == len(sweep.trials) == 12
    assert sweep.next() is None


def test_a_searcher_that_repeats_itself_gives_way_to_a_random_draw():
    searcher = Repeats()
    sweep = controller(space=CHOICES, searcher=searcher, trials=2, max_epochs=1)
    drive(sweep, curve=lambda config, epoch: 0.5)
    assert searcher.asked == [(1, attempt) for attempt in range(20)]
    assert sweep.trials[1].config != CHOICES.default()
    # and the searcher knows what runs instead of its proposal
    assert searcher.restarted == [(0, CHOICES.default()), (1, sweep.trials[1].config)]


def test_the_number_of_trials_is_what_was_asked():
    sweep = controller(trials=3)
    assert [sweep.next().record.number for _ in range(3)] == [0, 1, 2]
    assert sweep.next() is None
    assert sweep.stop_reason is None


def test_without_a_number_of_trials_the_time_ends_a_sweep():
    clock = Clock()
    sweep = controller(trials=None, time_budget=60.0, clock=clock)
    assert [sweep.next().record.number for _ in range(30)] == list(range(30))
    clock.now += 60
    assert sweep.next() is None
    assert sweep.stop_reason == "time budget"


# The best.


@pytest.mark.parametrize(
    ("mode", "curves", "trial", "epoch"),
    [
        pytest.param("max", [[0.5, 0.9, 0.6], [0.7, 0.8, 0.8]], 0, 2, id="best epoch, not last"),
        pytest.param("max", [[0.5, 0.6, 0.7], [0.1, 0.7, 0.7]], 0, 3, id="tie: the first trial"),
        pytest.param("max", [[0.1, 0.2, 0.2], [0.7, 0.9, 0.9]], 1, 2, id="tie: the first epoch"),
        pytest.param("max", [[NAN, INF, 0.3], [-INF, 0.4, NAN]], 1, 2, id="NaN and inf never win"),
        pytest.param("max", [[-3.0, -2.0, -4.0], [-5.0, -1.0, NAN]], 1, 2, id="below zero"),
        pytest.param("min", [[0.5, 0.2, 0.9], [0.3, 0.1, 0.4]], 1, 2, id="min"),
        pytest.param("min", [[0.5, 0.2, 0.9], [0.3, 0.2, 0.4]], 0, 2, id="min, tie"),
        pytest.param("min", [[-INF, 0.2, NAN], [0.3, 0.1, -INF]], 1, 2, id="min, -inf never wins"),
    ],
)
def test_the_best_trial_is_the_one_with_the_best_epoch(mode, curves, trial, epoch):
    sweep = controller(mode=mode, max_epochs=3)
    for curve in curves:
        run_trial(sweep, curve)
    record, best = sweep.trials.best()
    assert (record.number, best.epoch) == (trial, epoch)
    assert best.metrics[METRIC] == curves[trial][epoch - 1]
    assert sweep.trials.best_report(trial) == best


def test_nothing_finite_no_best():
    sweep = controller(max_epochs=2)
    run_trial(sweep, [NAN, INF])
    sweep.trained(sweep.next().record.number, 1, {"other": 1.0}, done=False, diverged=False)
    assert sweep.trials.best() is None
    assert sweep.trials.best_report(0) is None
    assert sweep.trials.best_report(1) is None


@pytest.mark.parametrize(
    ("how", "outcome"),
    [({"error": "ValueError: no"}, Outcome.FAILED), ({"diverged": True}, Outcome.DIVERGED)],
)
def test_failed_and_diverged_trials_cannot_win(how, outcome):
    sweep = controller(max_epochs=3)
    run_trial(sweep, [0.1, 0.2, 0.3])
    number = sweep.next().record.number
    report(sweep, number, 1, 0.9)
    assert sweep.trials.best()[0].number == 1, "while it runs it leads"
    report(sweep, number, 2, 0.95, diverged="diverged" in how)
    sweep.free(number, error=how.get("error"))
    assert sweep.trials[1].outcome is outcome
    assert sweep.trials.best()[0].number == 0
    assert sweep.trials.best_report(1).epoch == 2, "its curve is known all the same"


# What goes on, and how a trial ends.


@pytest.mark.parametrize(
    ("values", "options", "outcome", "epochs"),
    [
        ([0.1, 0.2, 0.3], {}, Outcome.COMPLETED, 3),
        ([0.1, 0.2], {"diverged": True}, Outcome.DIVERGED, 2),
        ([0.1, NAN, 0.3], {}, Outcome.COMPLETED, 3),
        ([0.1], {"error": "RuntimeError: out of luck"}, Outcome.FAILED, 1),
        ([], {"error": "RuntimeError: at once"}, Outcome.FAILED, 0),
        ([], {}, Outcome.RUNNING, 0),  # cut off by Ray: to be resumed
    ],
)
def test_how_a_trial_ends(values, options, outcome, epochs, history):
    sweep = controller(history, max_epochs=3)
    record = run_trial(sweep, values, **options)
    assert (record.outcome, record.epoch) == (outcome, epochs)
    assert record.error == options.get("error")
    assert sweep.trials.count(outcome) == 1
    assert sweep.trials.epochs == epochs
    assert history.records()[0].outcome is outcome


def test_the_default_configuration_is_never_stopped_early():
    sweep = controller(scheduler=StopsAll(), max_epochs=3)
    assert run_trial(sweep, [0.1, 0.2, 0.3]).outcome is Outcome.COMPLETED
    record = run_trial(sweep, [0.9, 0.9, 0.9])
    assert (record.outcome, record.epoch) == (Outcome.STOPPED_EARLY, 1)


def test_a_trial_that_is_stopped_in_its_last_epoch_has_completed():
    sweep = controller(scheduler=StopsAll(), max_epochs=1)
    assert [run_trial(sweep, [0.1]).outcome for _ in range(2)] == [Outcome.COMPLETED] * 2


@pytest.mark.parametrize(("mode", "stopped"), [("max", [1]), ("min", [2])])
def test_the_scheduler_is_told_what_is_better(mode, stopped):
    # ASHA's rung at epoch 1. max: trial 1 lies below 0.5, trial 2 above both before it.
    # min: trial 1 beats 0.5, trial 2 is worse than both.
    sweep = controller(scheduler=Asha(), mode=mode, max_epochs=2)
    for value in (0.5, 0.4, 0.6):
        run_trial(sweep, [value, value])
    assert [n for n, r in sweep.trials.items() if r.outcome is Outcome.STOPPED_EARLY] == stopped


# Checkpoints: saving and keeping.


def test_a_running_trial_is_saved_once_in_checkpoint_seconds():
    clock = Clock()
    sweep = controller(clock=clock, checkpoint_seconds=10.0)
    sweep.next()
    saves = []
    for epoch, seconds in enumerate([4, 5, 1, 9, 1, 30, 1], start=1):
        clock.now += seconds
        saves.append(report(sweep, 0, epoch, 0.5))
    # 4, 9, 10 s after the start; 9, 10 after that; 30; 1
    assert [decision.save for decision in saves] == [False, False, True, False, True, True, False]
    assert all(decision.continues for decision in saves)


def test_an_ended_trial_is_saved_when_it_is_one_of_the_best():
    sweep = controller(max_epochs=1, keep_checkpoints=2)
    saved = []
    for value in (0.5, 0.4, 0.3, 0.6, NAN):
        number = sweep.next().record.number
        decision = report(sweep, number, 1, value)
        assert not decision.continues
        saved.append(decision.save)
        sweep.free(number)
    assert saved == [True, True, False, True, False]


@pytest.mark.parametrize("mode", ["max", "min"])
def test_checkpoints_of_all_but_the_best_are_removed(mode):
    sweep = controller(max_epochs=1, keep_checkpoints=2, mode=mode)
    removed = []
    for value in (0.1, 0.2, 0.3, 0.25):
        number = sweep.next().record.number
        report(sweep, number, 1, value if mode == "max" else -value)
        sweep.keeping.saved.add(number)
        useless = sweep.free(number)
        sweep.keeping.saved -= useless
        removed.append(useless)
    assert removed == [set(), set(), {0}, {1}]


def test_checkpoints_of_running_trials_stay_and_of_failed_and_diverged_ones_go():
    sweep = controller(max_epochs=3, keep_checkpoints=5)
    for number in range(4):
        sweep.next()
        report(sweep, number, 1, 0.9 - number / 10)
        sweep.keeping.saved.add(number)
    assert sweep.free(0, error="RuntimeError") == {0}
    sweep.keeping.saved.discard(0)
    assert not report(sweep, 1, 2, NAN, diverged=True).save
    assert sweep.free(1) == {1}
    sweep.keeping.saved.discard(1)
    report(sweep, 2, 2, 0.2)
    report(sweep, 2, 3, 0.2)
    assert sweep.free(2) == set()


def test_a_leader_that_diverges_leaves_a_winner_with_a_checkpoint():
    sweep = controller(max_epochs=2, keep_checkpoints=1)
    for _ in range(3):
        sweep.next()
    report(sweep, 0, 1, 0.9)
    for number, value in ((1, 0.5), (2, 0.4)):
        report(sweep, number, 1, value)
        assert report(sweep, number, 2, value).save == (number == 1)
        if number == 1:
            sweep.keeping.saved.add(number)
        assert sweep.free(number) == set()
    report(sweep, 0, 2, NAN, diverged=True)
    sweep.free(0)
    assert sweep.trials.best()[0].number == 1
    assert sweep.keeping.saved == {1}


# Stopping.


def test_a_spent_budget_saves_running_trials_and_puts_them_aside():
    clock = Clock()
    sweep = controller(clock=clock, max_epochs=3, time_budget=100.0, spent=40.0)
    for _ in range(3):
        sweep.next()
    assert report(sweep, 0, 1, 0.5).continues
    assert report(sweep, 2, 1, 0.5).continues
    assert report(sweep, 2, 2, 0.5).continues
    clock.now += 60  # and 40 in sessions before
    assert sweep.elapsed == 100.0
    assert report(sweep, 0, 2, 0.6) == Decision(continues=False, save=True)
    assert sweep.stop_reason == "time budget"
    assert sweep.free(0) == set()
    assert report(sweep, 1, 1, NAN) == Decision(continues=False, save=True)
    sweep.free(1)
    report(sweep, 2, 3, 0.7)  # its last epoch: nothing to put aside
    sweep.free(2)
    outcomes = [record.outcome for record in sweep.trials.values()]
    assert outcomes == [Outcome.RUNNING, Outcome.RUNNING, Outcome.COMPLETED]
    assert sweep.next() is None


def test_a_budget_that_is_spent_already_starts_nothing():
    sweep = controller(time_budget=10.0, spent=10.0)
    assert sweep.next() is None
    assert sweep.trials == {}


def test_the_first_reason_to_stop_stays():
    clock = Clock()
    sweep = controller(clock=clock, time_budget=5.0)
    sweep.next()
    sweep.request_stop("interrupted")
    clock.now += 10
    assert sweep.next() is None
    assert report(sweep, 0, 1, 0.5) == Decision(continues=False, save=True)
    assert sweep.stop_reason == "interrupted"


def test_a_trial_that_is_stopped_early_after_the_budget_has_ended():
    clock = Clock()
    sweep = controller(clock=clock, scheduler=StopsAll(), time_budget=5.0, keep_checkpoints=1)
    run_trial(sweep, [0.9] * 9)
    number = sweep.next().record.number
    clock.now += 10
    assert report(sweep, number, 1, 0.1) == Decision(continues=False, save=False)
    sweep.free(number)
    assert sweep.trials[number].outcome is Outcome.STOPPED_EARLY


# Going on: a fresh controller, searcher and scheduler over the same history.

SMALL = {"space": CONDITIONAL, "scheduler": Asha(), "max_epochs": 3}


def comparable(sweep):
    """The records of a sweep, less the sessions that ran them and when."""
    return [
        dataclasses.replace(record, session=0, attempt=0, started=record.started[:1])
        for record in sweep.trials.values()
    ]


def newest(lag):
    """The newest checkpoint of a trial lies `lag` epochs before its last report."""

    def of(record):
        epoch = record.epoch - lag
        return (str(epoch), epoch) if epoch > 0 else None

    return of


killed_anywhere = pytest.mark.parametrize(
    ("searcher", "lag"),
    [*((searcher, 0) for searcher in SEARCHERS), (Random(), 1), (Random(), 99)],
    ids=lambda value: type(value).__name__ if value in SEARCHERS else f"lag {value}",
)


@killed_anywhere
def test_a_driver_killed_anywhere_goes_on_as_if_nothing_had_happened(searcher, lag, history):
    options = {**SMALL, "searcher": searcher, "trials": 7}
    sweep = controller(history, **options)
    killed = [copy.deepcopy(history) for _ in steps(sweep)]
    expected = comparable(sweep)
    assert {record.outcome for record in expected} == {Outcome.COMPLETED, Outcome.STOPPED_EARLY}
    assert len(killed) == 2 * len(expected) + sum(len(r.reports) for r in expected)
    for left in killed:
        again = resumed(left, checkpoint=newest(lag), **options)
        drive(again)
        assert comparable(again) == expected
        assert again.trials.epochs == sweep.trials.epochs
        assert left.records() == again.trials


def test_a_driver_killed_anywhere_goes_on_from_the_file_of_its_history(tmp_path):
    options = {**SMALL, "searcher": Optuna(startup_trials=3), "trials": 5}
    sweep = controller(open_history(tmp_path), **options)
    for number, _ in enumerate(steps(sweep)):
        files = [path for path in tmp_path.iterdir() if path.is_file()]
        (tmp_path / str(number)).mkdir()
        for path in files:
            shutil.copy(path, tmp_path / str(number))
    for left in range(0, number + 1, 3):
        history = open_history(tmp_path / str(left))
        again = resumed(history, checkpoint=newest(0), **options)
        drive(again)
        assert comparable(again) == comparable(sweep)
        history.close()
        assert open_history(tmp_path / str(left)).records() == again.trials


def interleaved(sweep, running, rng):
    """Three trials side by side, a random one of them reports; yields the generator before each."""
    while True:
        while len(running) < 3 and (member := sweep.next()) is not None:
            running.append(member.record.number)
        if not running:
            return
        yield copy.deepcopy(rng)
        number = running[rng.integers(len(running))]
        record = sweep.trials[number]
        epoch = record.epoch + 1
        if not report(sweep, number, epoch, accuracy(record.config, epoch)).continues:
            sweep.free(number)
            running.remove(number)


@every_searcher
def test_trials_side_by_side_go_on_as_if_nothing_had_happened(searcher, history):
    options = {**SMALL, "searcher": searcher, "trials": 12}
    sweep = controller(history, **options)
    run = interleaved(sweep, [], np.random.default_rng(0))
    killed = [(copy.deepcopy(history), rng) for rng in run]
    expected = comparable(sweep)
    assert len(expected) == 12
    for left, rng in killed:
        again = resumed(left, checkpoint=newest(0), **options)
        for _ in interleaved(again, [], rng):
            pass
        assert comparable(again) == expected


def test_epochs_after_an_older_checkpoint_are_not_recorded_twice(history):
    sweep = controller(history, max_epochs=5)
    sweep.next()
    for epoch in (1, 2, 3):
        report(sweep, 0, epoch, epoch / 10)
    again = resumed(history, max_epochs=5, checkpoint=lambda record: ("folder", 1))
    member = again.next()
    assert member.record.number == 0
    assert member.restore_from == "folder"
    assert report(again, 0, 2, 0.77) == Decision(continues=True, save=False)  # measured before: 0.2
    assert report(again, 0, 3, 0.3).continues
    assert again.trials.epochs == 3
    assert report(again, 0, 4, 0.4).continues
    report(again, 0, 5, 0.5)
    again.free(0)
    curve = {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.5}
    assert again.trials[0].curve(METRIC) == pytest.approx(curve)
    assert history.records()[0].curve(METRIC) == pytest.approx(curve)
    assert again.trials[0].session == 1
    assert again.trials.epochs == 5


@pytest.mark.parametrize(
    ("checkpoint", "again"),
    [
        pytest.param(1, False, id="saved where it was stopped"),
        pytest.param(None, True, id="one of the best without its checkpoint"),
    ],
)
def test_a_trial_that_was_stopped_when_the_driver_died(checkpoint, again, history):
    options = {"scheduler": Asha(), "max_epochs": 3, "keep_checkpoints": 2}
    sweep = controller(history, **options)
    run_trial(sweep, [0.5, 0.5, 0.5])
    assert not report(sweep, sweep.next().record.number, 1, 0.1).continues  # and killed here

    found = None if checkpoint is None else ("folder", checkpoint)
    later = resumed(history, checkpoint=lambda record: found if record.number else None, **options)
    if again:
        assert later.next().record.number == 1
        assert report(later, 1, 1, 0.1) == Decision(continues=False, save=True)
        later.free(1)
    assert later.trials[1].outcome is Outcome.STOPPED_EARLY
    assert later.trials.epochs == 4
    assert later.next().record.number == 2


def test_a_trial_that_is_not_one_of_the_best_is_not_trained_again_for_its_checkpoint(history):
    options = {"max_epochs": 2, "keep_checkpoints": 1}
    sweep = controller(history, **options)
    run_trial(sweep, [0.5, 0.5])
    number = sweep.next().record.number
    report(sweep, number, 1, 0.1)
    report(sweep, number, 2, 0.1)  # killed before it was told to have ended
    later = resumed(history, **options)
    assert later.trials[1].outcome is Outcome.COMPLETED
    assert later.next().record.number == 2


def test_a_resumed_sweep_runs_nothing_twice(history):
    options = {"space": CHOICES, "searcher": Repeats(), "max_epochs": 1}
    drive(controller(history, trials=8, **options), curve=lambda config, epoch: 0.5)
    later = resumed(history, trials=100, **options)
    drive(later, curve=lambda config, epoch: 0.5)
    assert len({CHOICES.key(r.config) for r in later.trials.values()}) == len(later.trials) == 12


def test_a_divergence_that_the_scheduler_judged_is_not_taken_for_an_early_stop(history):
    options = {"max_epochs": 3, "scheduler": Asha(), "keep_checkpoints": 1}
    sweep = controller(history, **options)
    run_trial(sweep, [0.5, 0.5, 0.5])
    number = sweep.next().record.number
    report(sweep, number, 1, NAN, diverged=True)  # killed before it was told to have ended
    later = resumed(history, **options)
    assert later.next().record.number == number
    report(later, number, 1, NAN, diverged=True)
    later.free(number)
    assert later.trials[number].outcome is Outcome.DIVERGED


def test_a_divergence_that_was_not_told_is_found_again(history):
    sweep = controller(history, max_epochs=3)
    sweep.next()
    report(sweep, 0, 1, 0.5)
    report(sweep, 0, 2, NAN, diverged=True)  # killed before it was told to have ended
    later = resumed(history, max_epochs=3)
    assert later.trials[0].outcome is Outcome.RUNNING
    assert later.next().record.number == 0
    assert report(later, 0, 1, 0.5).continues
    assert report(later, 0, 2, NAN, diverged=True) == Decision(continues=False, save=False)
    later.free(0)
    assert later.trials[0].outcome is Outcome.DIVERGED
    assert len(later.trials[0].reports) == 2


def test_failed_and_diverged_trials_stay_as_they_were(history):
    sweep = controller(history, max_epochs=2)
    run_trial(sweep, [0.1], error="RuntimeError: out of luck")
    run_trial(sweep, [0.9], diverged=True)
    run_trial(sweep, [0.2, 0.3])
    later = resumed(history, max_epochs=2)
    assert comparable(later) == comparable(sweep)
    assert later.trials[0].error == "RuntimeError: out of luck"
    assert later.trials.best()[0].number == 2
    assert later.next().record.number == 3


def test_checkpoints_of_earlier_sessions_are_known(history):
    sweep = controller(history, max_epochs=1, keep_checkpoints=1)
    run_trial(sweep, [0.1])
    later = resumed(
        history, max_epochs=1, keep_checkpoints=1, checkpoint=lambda record: ("folder", 1)
    )
    assert later.keeping.saved == {0}
    number = later.next().record.number
    report(later, number, 1, 0.2)
    later.keeping.saved.add(number)
    assert later.free(number) == {0}


def test_a_finished_sweep_grows(history):
    options = {"searcher": Optuna(startup_trials=3), "scheduler": Asha(), "max_epochs": 3}
    sweep = controller(history, trials=5, **options)
    drive(sweep)
    assert sweep.next() is None
    grown = resumed(history, trials=9, **options)
    drive(grown)
    at_once = controller(trials=9, **options)
    drive(at_once)
    assert comparable(grown) == comparable(at_once)
    assert [record.session for record in grown.trials.values()] == [0] * 5 + [1] * 4


def test_a_time_budget_grows(history):
    clock = Clock()
    sweep = controller(history, trials=4, max_epochs=3, time_budget=10.0, clock=clock)

    def slow(config, epoch):
        clock.now += 4
        return accuracy(config, epoch)

    drive(sweep, curve=slow)
    assert sweep.stop_reason == "time budget"
    assert sweep.trials.epochs == 3  # the report after 12 seconds is the last
    more = {"trials": 4, "max_epochs": 3, "time_budget": 1000.0}
    grown = resumed(history, clock=clock, spent=12.0, checkpoint=newest(0), **more)
    drive(grown, curve=slow)
    assert grown.stop_reason is None
    assert grown.trials.epochs == 12
    assert grown.elapsed == 12 + 9 * 4
    at = [r.at for record in grown.trials.values() for r in record.reports]
    assert at == [4.0 * n for n in range(1, 13)]


def test_unfinished_trials_come_before_new_ones(history):
    sweep = controller(history, max_epochs=2)
    for _ in range(3):
        sweep.next()
    for epoch in (1, 2):
        report(sweep, 1, epoch, 0.5)
    sweep.free(1)
    later = resumed(history, max_epochs=2)
    assert [later.next().record.number for _ in range(4)] == [0, 2, 3, 4]


def test_nothing_is_stopped_by_no_stopping():
    sweep = controller(scheduler=NoStopping(), max_epochs=4, trials=5)
    drive(sweep, curve=lambda config, epoch: -config["learning_rate"] * epoch)
    assert sweep.trials.count(Outcome.COMPLETED) == 5
