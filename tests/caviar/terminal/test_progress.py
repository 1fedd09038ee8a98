"""Progress where the output is not a terminal: one line a finished trial, and nothing else."""

from __future__ import annotations

import math

import pyte
import pytest
from terminals import STOPPING, console, judged, said
from without_ray import InMemory, controller, report, resumed, run_trial

from caviar.base.format import configuration
from caviar.searchers import CoarseToFine
from caviar.terminal.progress import Progress


def test_one_line_for_each_finished_trial():
    sweep, out = controller(max_epochs=3), console(width=40)
    with Progress(sweep, out) as progress:
        sweep.next()
        progress.changed(None)
        for epoch, value in ((1, 0.5), (2, 0.75), (3, 0.25)):
            report(sweep, 0, epoch, value)
            progress.changed(None)
        assert said(out) == "", "nothing while it runs"
        sweep.free(0)
        progress.changed(0)
        run_trial(sweep, [], error="RuntimeError: [bold]out of luck[/bold]")
        progress.changed(1)
        run_trial(sweep, [0.1, math.nan], diverged=True)
        progress.changed(2)
        sweep.next()
        report(sweep, 3, 1, 0.5)
        sweep.free(3)  # put aside: to be resumed
        progress.changed(3)
    lines = said(out).splitlines()
    assert lines == [
        "trial    0  completed        3 epochs  val_accuracy 0.7500 at epoch 2  learning_rate=0.01",
        "trial    1  failed           0 epochs  RuntimeError: [bold]out of luck[/bold]",
        "trial    2  diverged         2 epochs  val_accuracy 0.1000 at epoch 1  "
        + configuration(sweep.trials[2].config),
    ]


def test_many_reports_print_nothing():
    sweep, out = controller(max_epochs=100), console()
    with Progress(sweep, out) as progress:
        sweep.next()
        for epoch in range(1, 51):
            report(sweep, 0, epoch, epoch / 100)
            progress.changed(None)
    assert said(out) == ""


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_decided_is_said_above_what_runs(terminal):
    options = CoarseToFine(stages=2, stage_trials=2, fine="random")
    sweep, out = controller(searcher=options, trials=3), console(terminal=terminal)
    with Progress(sweep, out) as progress:
        for number in range(3):
            run_trial(sweep, [0.5] * 9)
            progress.changed(number)
    screen = pyte.Screen(100, 40)
    pyte.Stream(screen).feed(said(out).replace("\n", "\r\n"))
    lines = [line.rstrip() for line in screen.display]
    stage = lines.index("stage 2 of 2: random search, closer")
    # the best of two equals is the first, with the default rate 0.01; 0.1 of four decades around it
    assert lines[stage + 1 : stage + 3] == [
        "  the best so far is trial 0 with 0.5",
        "  learning_rate 0.0001 … 1 -> 0.003981 … 0.02512",
    ]
    assert sum(line.startswith("stage ") for line in lines) == 2
    assert sweep.decision_log.messages() == []


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        # cut of 0.5 alone
        ("max", "stopped trial 1 at epoch 1: 0.25 is below the rung's cut 0.5"),
        ("min", "stopped trial 1 at epoch 1: -0.25 is above the rung's cut -0.5"),
    ],
)
def test_a_stop_is_explained_with_its_numbers(mode, line):
    history = InMemory()
    sweep = judged(0.25, 0.75, history=history, mode=mode)
    (event,) = sweep.decision_log.latest
    assert event.words(mode) == line
    assert history.decisions == [event]
    assert sweep.decision_log.messages() == [], "it is not printed by itself"
    assert sweep.decision_log.reason(sweep.trials[1]) == line.partition(": ")[2]
    assert sweep.decision_log.reason(sweep.trials[2]) is None


def test_without_a_terminal_the_reason_is_in_the_line_of_the_trial():
    sweep, out = controller(scheduler=STOPPING, max_epochs=3), console()
    with Progress(sweep, out) as progress:
        for number, values in enumerate(([0.5, 0.5, 0.5], [0.25], [0.75, 0.5, 0.5])):
            run_trial(sweep, values)
            progress.changed(number)
    lines = [line.partition("learning_rate")[0].rstrip() for line in said(out).splitlines()]
    assert lines == [
        "trial    0  completed        3 epochs  val_accuracy 0.5000 at epoch 1",
        "trial    1  stopped early    1 epoch   val_accuracy 0.2500 at epoch 1  "
        "(0.25 is below the rung's cut 0.5)",
        "trial    2  completed        3 epochs  val_accuracy 0.7500 at epoch 1",
    ]


def test_the_default_is_measured_to_the_end_and_nobody_says_that_it_is_stopped():
    sweep = controller(scheduler=STOPPING, max_epochs=3, trials=3)
    first, second = sweep.next().record.number, sweep.next().record.number
    report(sweep, second, 1, 0.75)
    assert report(sweep, first, 1, 0.25).continues
    assert list(sweep.decision_log.latest) == []


def test_a_decision_that_is_told_again_is_noted_once():
    history = InMemory()
    sweep = controller(history, scheduler=STOPPING, max_epochs=3, trials=2)
    run_trial(sweep, [0.5, 0.6, 0.7])
    sweep.next()
    report(sweep, 1, 1, 0.25)
    sweep.free(1, error="its machine is gone", lost=True)
    sweep.next()
    report(sweep, 1, 1, 0.25)
    assert len(history.decisions) == 1


def test_a_resumed_sweep_does_not_say_its_decisions_again():
    history = InMemory()
    judged(0.25, history=history, trials=9)
    again = resumed(history, scheduler=STOPPING, max_epochs=3, trials=9)
    assert list(again.decision_log.latest) == []
    assert len(history.decisions) == 1
    run_trial(again, [0.3])  # the cut of 0.25 and 0.5, two thirds of the way between them
    assert [event.words("max") for event in again.decision_log.latest] == [
        "stopped trial 2 at epoch 1: 0.3 is below the rung's cut 0.4167"
    ]
