"""The median rule and population based training, worked by hand; pairings that are refused."""

import dataclasses
import math

import pytest

from caviar import UsageError
from caviar.driver import preparing
from caviar.schedulers import Asha, HyperBand, Median, Panda, Pbt
from caviar.schedulers.base import Action, Fork, Promote, Start
from caviar.schedulers.median import MedianStopping
from caviar.searchers import Grid, Optuna, Parzen, Random
from caviar.sweep import compatibility
from caviar.sweep.sweep import Sweep
from search_spaces import Choice, SearchSpace, get
from trainables import EstimatorTrainable, GeneratorTrainable, TorchTrainable

CONTINUE, STOP, PAUSE = Action.CONTINUE, Action.STOP, Action.PAUSE


def test_the_median_of_running_means_by_hand():
    scheduler = MedianStopping(grace=2, least=3, max_epochs=9)
    curves = {0: [0.25, 0.75], 1: [0.5, 0.5], 2: [0.75, 1.0]}  # running means 0.5, 0.5, 0.875
    for trial, curve in curves.items():
        for epoch, score in enumerate(curve, start=1):
            assert scheduler.report(trial, epoch, score) is CONTINUE, "fewer than three others"
    assert scheduler.report(3, 1, 0.0) is CONTINUE, "within the grace"
    assert scheduler.report(3, 2, 0.49) is STOP  # below the median, 0.5
    # Now 0.245, 0.5, 0.5, 0.875: the median of four is 0.5, and 0.5 is not below it.
    assert scheduler.report(4, 1, 0.5) is CONTINUE
    assert scheduler.report(4, 2, 0.0) is CONTINUE, "its best counts, not its last"


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_the_median_rule_stops_what_is_not_finite_and_counts_it_as_the_worst(score):
    scheduler = MedianStopping(grace=1, least=3, max_epochs=9)
    assert [scheduler.report(n, 1, score) for n in range(2)] == [STOP, STOP]
    assert scheduler.report(2, 1, 0.5) is CONTINUE
    # The others' means are -inf, -inf and 0.5.
    assert scheduler.report(3, 1, 0.1) is CONTINUE


def population(**changes):
    return Pbt(**{"interval": 2, "share": 0.25, **changes}).build(max_epochs=9, seed=0)


def reached(scheduler, scores, epoch=2):
    """Trials 0, 1, … with these scores at an epoch; those that pause."""
    paused = set()
    for trial, score in enumerate(scores):
        if epoch == 2:
            scheduler.start(trial, None)
        if scheduler.report(trial, epoch, score) is PAUSE:
            paused.add(trial)
    return paused


def test_the_weakest_member_is_replaced_by_a_fork_of_the_strongest():
    scheduler = population()
    assert scheduler.next(new=True, paused=set()) == Start()
    scheduler.start(0, None)
    assert scheduler.report(0, 1, 0.9) is CONTINUE, "no interval ends there"
    paused = reached(several := population(), [0.5, 0.1, 0.9, 0.4])
    assert paused == {0, 1, 2, 3}
    moves = []
    while paused:
        move = several.next(new=False, paused=paused)
        moves.append(move)
        gone = move.trial if isinstance(move, Promote) else move.replaces
        paused.discard(gone)
        if isinstance(move, Promote):
            several.promote(gone)
        else:
            several.end(gone)
            several.start(4, move.parent)
    # A quarter of four is one: the worst is trial 1, the best trial 2.
    assert [m.trial for m in moves if isinstance(m, Promote)] == [0, 2, 3]
    (fork,) = [m for m in moves if isinstance(m, Fork)]
    assert (fork.parent, fork.replaces) == (2, 1)
    assert several.next(new=False, paused=set()) is None


def test_who_has_trained_least_goes_on_first():
    scheduler = population()
    paused = reached(scheduler, [0.5, 0.4, 0.3, 0.2])
    scheduler.promote(0)
    scheduler.report(0, 4, 0.6)
    assert scheduler.next(new=True, paused=paused) == Start(), "who has not begun goes first of all"
    assert scheduler.next(new=False, paused=paused) == Promote(1)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_member_without_a_finite_score_is_replaced(score):
    scheduler = population(share=0.5)
    paused = reached(scheduler, [score, 0.2, 0.1])
    move = scheduler.next(new=False, paused=paused)
    assert isinstance(move, Fork)
    assert (move.replaces, move.parent) == (0, 1)


def test_a_member_that_failed_leaves_a_vacancy_and_one_that_finished_does_not():
    scheduler = population()
    paused = reached(scheduler, [0.5, 0.1, 0.9, 0.4])
    scheduler.end(3)
    paused.discard(3)
    move = scheduler.next(new=False, paused=paused)
    assert (move.parent, move.replaces) == (2, None)
    scheduler.start(4, 2)
    scheduler.promote(2)
    scheduler.report(2, 9, 0.9)
    scheduler.end(2)
    assert not isinstance(scheduler.next(new=False, paused={0}), Fork)
    # A fork that fails before its first value is not forked again.
    scheduler.end(4)
    assert not isinstance(scheduler.next(new=False, paused={0}), Fork)


def test_the_default_configuration_which_runs_on_counts_for_no_weak_member():
    scheduler = population()
    paused = reached(scheduler, [0.1, 0.2, 0.9, 0.4])
    scheduler.report(0, 3, 0.1)  # it ran on when it was to pause
    move = scheduler.next(new=False, paused=paused - {0})
    assert (move.parent, move.replaces) == (2, 1)


def test_the_best_of_those_that_still_train_is_forked_when_the_best_of_all_has_finished():
    scheduler = population()
    paused = reached(scheduler, [0.9, 0.1, 0.5, 0.4])
    for epoch in range(3, 10):
        scheduler.report(0, epoch, 0.9)
    scheduler.end(0)
    move = scheduler.next(new=False, paused=paused - {0})
    assert (move.parent, move.replaces) == (2, 1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Pbt(interval=0), "interval must be at least 1, and it is 0"),
        (lambda: Pbt(share=0.6), "share must lie above 0 and at most at 0.5, and it is 0.6"),
        (lambda: Pbt(resample=-0.1), "resample must lie in 0 … 1, and it is -0.1"),
        (lambda: Pbt(interval=9).build(max_epochs=9, seed=0), "nobody would be replaced"),
        (lambda: Median(grace_epochs=0), "grace-epochs must be at least 1, and it is 0"),
        (lambda: Median(min_trials=0), "min-trials must be at least 1, and it is 0"),
        (lambda: Median(grace_epochs=4).build(max_epochs=4, seed=0), "would stop nothing"),
    ],
)
def test_options_that_cannot_work_are_refused(build, message):
    with pytest.raises(UsageError, match=message):
        build()


ARCHITECTURE = SearchSpace("architecture", [Choice(name="activation", options=["relu", "tanh"])])
POPULATION = Sweep(searcher=Random(), scheduler=Pbt(), trials=10)


@pytest.mark.parametrize(
    ("changes", "space", "message"),
    [
        ({"searcher": Parzen()}, get("mlp"), "Parzen learns from results, and population based"),
        ({"searcher": Optuna()}, get("mlp"), "Optuna learns from results"),
        ({"trials": None, "time_budget": 60.0}, get("mlp"), "needs the size of its population"),
        ({"trials": 4}, get("mlp"), r"worst 0.2 are none.*ask for 5 --trials"),
        ({}, ARCHITECTURE, "'architecture' searches none of them"),
    ],
)
def test_senseless_pairings_are_refused_with_the_reason(changes, space, message):
    with pytest.raises(UsageError, match=message):
        compatibility.check(dataclasses.replace(POPULATION, **changes), space)


class Estimator(EstimatorTrainable):
    """Its checkpoints hold no estimator."""

    def build_estimator(self, config, epoch):
        return None


class OwnLoop(Estimator):
    """Its checkpoints hold what its loop says."""

    def build_loop(self, config, data):
        return None


@pytest.mark.parametrize("scheduler", [Pbt(), Panda()])
def test_forks_of_estimators_are_refused_before_the_first_trial(scheduler):
    observation = (
        f"With {type(scheduler).__name__} trials go on from checkpoints of others, and those of "
        "Estimator do not hold what was trained: choose another scheduler."
    )
    sweep = Sweep(dataset="digits", trainable=Estimator, scheduler=scheduler, trials=5)
    with pytest.raises(UsageError, match=f"^{observation}$"):
        preparing.prepare(sweep, ARCHITECTURE, None)


@pytest.mark.parametrize(
    ("scheduler", "trainable"),
    [
        (Pbt(), GeneratorTrainable),
        (Panda(), TorchTrainable),
        (Pbt(), OwnLoop),
        (Pbt(), object),
        (Asha(), Estimator),
    ],
)
def test_other_trials_may_fork_and_estimators_be_stopped(scheduler, trainable):
    compatibility.check_trainable(Sweep(scheduler=scheduler), trainable)


@pytest.mark.parametrize(
    "sweep",
    [
        POPULATION,
        dataclasses.replace(POPULATION, searcher=Grid()),
        Sweep(searcher=Grid(), scheduler=HyperBand(synchronous=True)),
        Sweep(searcher=Parzen(), scheduler=Median()),
        Sweep(searcher=Random(), scheduler=Asha(promote=True), max_epochs=1),
    ],
)
def test_the_merely_unusual_is_not_refused(sweep):
    compatibility.check(sweep, get("mlp"))
