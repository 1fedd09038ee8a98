"""What a sweep prints before its first trial and after its last."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from terminals import console, said
from without_ray import LINE, METRIC, Clock, controller, report, run_trial, summary_of

from caviar import Sweep
from caviar.base.format import number
from caviar.store.finals import Finalist, Finals
from caviar.store.location import Location
from caviar.terminal import screens


def ended(sweep, folder, *, width=100, **found):
    out = console(width=width)
    told = {**summary_of(sweep, folder, name="x", recipe="r"), **found}
    screens.end(told, sweep, folder=Location.of(folder), console=out)
    return said(out)


def test_the_end_sets_the_best_beside_the_default():
    clock = Clock()
    sweep = controller(max_epochs=2, clock=clock)
    number = sweep.next().record.number
    report(sweep, number, 1, 0.5, val_loss=2.0)
    report(sweep, number, 2, 0.25, val_loss=1.0)
    sweep.free(number)
    number = sweep.next().record.number
    report(sweep, number, 1, 0.75, val_loss=math.nan)
    report(sweep, number, 2, 0.5, val_loss=1.0)
    sweep.free(number)
    run_trial(sweep, [], error="RuntimeError")
    sweep.next()
    clock.now += 75
    text = ended(sweep, Path("/some/[where]"))
    assert "4 trials (2 completed, 1 failed, 1 unfinished), 4 epochs in 1 min 15 s" in text
    assert "best: trial 1, epoch 1" in text
    cells = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    assert ["val_accuracy", "0.75", "0.5", "+0.25"] in cells
    assert ["val_loss", "None", "2"] in cells  # not measured: no difference
    rate = number_of(sweep, 1)
    assert ["learning_rate", rate, "0.01"] in cells
    assert "summary    /some/[where]/summary.json\n" in text
    assert "errors     /some/[where]/errors\n" in text
    assert "curves     optuna-dashboard sqlite:////some/[where]/history.db\n" in text
    assert "checkpoint" not in text  # nothing was saved


def number_of(sweep, trial):
    return number(sweep.trials[trial].config["learning_rate"])


def test_the_end_without_anything_finite():
    sweep = controller(max_epochs=1)
    run_trial(sweep, [math.nan])
    text = ended(sweep, Path("/x"))
    assert "1 trials (1 completed), 1 epochs in 0 s" in text
    assert "No trial reported a finite value: there is no best one." in text
    assert "errors" not in text


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        ([{"error": "OSError: [no] disk"}], "1 failed, most often with OSError: [no] disk."),
        (
            [{"error": f"ValueError: {n} is no size"} for n in range(2)] + [{"diverged": True}],
            "2 failed, most often with ValueError: 0 is no size.",
        ),
        (
            [{"diverged": True}, {"error": "OSError: no disk"}],
            "1 diverged: lower the upper bounds, the learning rate's first.",
        ),
    ],
)
def test_the_end_without_a_best_says_why(ends, why):
    sweep = controller()
    for end in ends:
        run_trial(sweep, [math.nan] if "diverged" in end else [], **end)
    text = ended(sweep, Path("/x"))
    assert f"No trial reported a finite value: there is no best one. {why}\n" in text


def test_the_finals_with_one_seed_have_no_spread():
    several = Finalist(trial=3, config={}, scores={11: 0.5, 12: 0.75}, asked=2)
    one_seed = Finalist(trial=4, config={}, scores={11: 0.25}, asked=1)
    out = console(width=100)
    screens.finals(Finals(finalists=[several, one_seed], epochs=3), METRIC, out)
    rows = [line.split() for line in said(out).splitlines()]
    assert ["3", "0.625", "0.1768", "0.5", "0.75"] in rows
    assert ["4", "0.25", "–", "0.25"] in rows


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({"test": {"accuracy": 0.5}, "checkpoint": "there"}, "accuracy 0.5 (looked at once)"),
        ({"checkpoint": "there"}, "this trainable has no score for them"),
        ({}, "the checkpoint of the winner's best training is gone"),
    ],
)
def test_the_finals_say_what_the_test_rows_are_by(found, line):
    one = Finalist(trial=3, config={}, scores={11: 0.5}, asked=1, best=0)
    out = console(width=100)
    screens.finals(Finals(finalists=[one], epochs=3, **found), METRIC, out)
    assert f"test rows  {line}\n" in said(out)


def test_the_end_before_the_first_trial():
    text = ended(controller(), Path("/x"))
    assert "0 trials (none ended), 0 epochs in 0 s" in text


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"trials": None, "time_budget": 5400}, "1 h 30 min"),
        ({"max_total_epochs": 500, "patience": 20}, "64 trials or 500 epochs or 20 trials without"),
        ({"gpus_per_trial": 1, "gpu_hours": 2.5}, "64 trials or 2.5 GPU-hours"),
        ({"stop_at": 0.98}, "64 trials or val_accuracy 0.98"),
    ],
)
def test_the_start_says_what_ends_the_sweep(options, line):
    assert screens._budget(Sweep(**options)).startswith(line)


@pytest.mark.parametrize("compiles", [True, False])
def test_the_start_prints_space_rungs_machines_and_data(compiles):
    from trainables import DeviceOptions

    device = DeviceOptions(compile=compiles)
    asked = Sweep(trials=27, max_epochs=9, seed=5, metric="val_loss", device=device, disk_limit=0.5)
    out = console()
    started = screens.Start(
        sweep=asked,
        space=LINE,
        scheduler=asked.scheduler.build(max_epochs=9, seed=5),
        data="digits: [8 x 8]",
        machines=screens.Machines(
            resources="1 node, 2 CPU",
            gpus=4.0 if compiles else 0.0,
            concurrent=2,
            workers=3 if compiles else 1,
        ),
        note="Sweeping the data set digits: [no] network",
        folder=Location.of("/some/[where]"),
        session=1,
        sized=compiles,
    )
    screens.start(started, out)
    text = said(out)
    assert text.startswith("Sweeping the data set digits: [no] network\n")
    assert re.search(r"learning_rate +0\.0001 … 1 +log +0\.01", text)
    assert ("--device.compile compiles anew for every shape" in text) is compiles
    unused = "The trials use none of the 4 GPU: --gpus-per-trial 1 gives each its own, 0.25 lets"
    assert (unused in text) is compiles
    assert "Random proposes, Asha stops" in text
    assert re.search(r"rung at epoch 1 +about 27 of the trials *\n", text)
    assert re.search(r"rung at epoch 3 +about 9 of the trials *\n", text)
    assert "trains     auto" in text
    assert "data       digits: [8 x 8]\n" in text
    several = " for 3 workers" if compiles else ""
    side = f"2 trials side by side, each with 1 CPU and 0 GPU{several}\n"
    assert f"machines   1 node, 2 CPU; {side}" in text
    assert "goal       min val_loss, seed 5, session 2 of this sweep" in text
    assert "budget     27 trials\n" in text
    unsized = "disk       --disk-limit is 0.5 GB. How large a checkpoint is cannot be told before "
    assert (unsized in text) is not compiles
    assert "folder     /some/[where]\n" in text
    assert METRIC not in text
