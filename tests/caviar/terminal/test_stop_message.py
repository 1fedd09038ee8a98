"""What is said of a sweep that ended before its last trial."""

from __future__ import annotations

import dataclasses
import io
import shlex
from pathlib import Path

import pytest
from rich.console import Console
from without_ray import CHOICES, Clock, controller, drive, run_trial, write_sweep

from caviar import Grid, Sweep
from caviar.driver.command_line import parse
from caviar.terminal import stop_message


def said(sweep, asked, *, recipe="grid_search", ran=True, **started):
    out = Console(file=io.StringIO(), width=20, color_system=None)
    stop_message.say(sweep, asked, out, recipe=recipe, name="a", ran=ran, **started)
    return out.file.getvalue()


GO_ON = "caviar sweep grid_search --storage 'my [x]' --name a --resume"


@pytest.mark.parametrize(
    ("reason", "options", "why", "more"),
    [
        ("interrupted", {}, "", ""),
        ("time budget", {"time_budget": 30.0}, ": 30 s are spent", " --time-budget 60"),
        (
            "epoch budget",
            {"max_total_epochs": 7},
            ": 7 epochs are trained",
            " --max-total-epochs 14",
        ),
        (
            "GPU-hours",
            {"gpu_hours": 0.5, "gpus_per_trial": 1},
            ": 0.5 GPU-hours are spent",
            " --gpu-hours 1",
        ),
        (
            "no improvement",
            {"patience": 5},
            ": 5 trials have ended without a better value",
            " --patience 10",
        ),
        ("value reached", {"stop_at": 0.9}, ": val_accuracy has come to 0.9", " --stop-at None"),
    ],
)
@pytest.mark.parametrize(("ran", "stopped"), [(True, "Stopped"), (False, "Nothing was run")])
def test_the_reason_and_the_line_to_go_on_with(reason, options, why, more, ran, stopped):
    sweep = controller()
    sweep.request_stop(reason)
    asked = Sweep(storage=Path("my [x]"), **options)
    text = said(sweep, asked, ran=ran)
    assert text == f"\n{stopped} ({reason}){why}. Go on with:\n  {GO_ON}{more}\n"


def test_a_sweep_that_only_fails_says_why_and_where():
    sweep = controller(trials=64)
    for error in ["OSError: no disk", *[f"ValueError: {n} is no size" for n in range(9)]]:
        run_trial(sweep, [], error=error)
    assert said(sweep, Sweep(storage=Path("my [x]"))) == (
        "\nStopped (every trial fails): the first 10 trials of this session all failed before the "
        "end of an epoch, most often with ValueError: 0 is no size; the tracebacks are in "
        f"my [x]/a/errors. Go on with:\n  {GO_ON}\n"
    )


def test_the_line_can_be_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = Sweep(storage=Path("my [x]"), gpu_hours=0.5, gpus_per_trial=1, trials=None)
    write_sweep(tmp_path / "my [x]" / "a", first, recipe="grid_search")
    sweep = controller()
    sweep.request_stop("GPU-hours")
    words = shlex.split(said(sweep, first).splitlines()[-1])
    again = parse(Sweep(), recipe="grid_search", args=words[3:])
    assert again == dataclasses.replace(first, gpu_hours=1, name="a", resume=True)


def test_what_is_spent_already_is_not_asked_for_again():
    clock = Clock()
    sweep = controller(clock=clock)
    clock.now += 100
    sweep.request_stop("time budget")
    # 20, 40, 80 seconds would be spent already
    assert said(sweep, Sweep(time_budget=10.0)).endswith(" --time-budget 160\n")


@pytest.mark.parametrize(
    ("recipe", "script", "line"),
    [
        ("sweep", ["python", "my sweep.py"], "python 'my sweep.py' --storage results --name a"),
        ("asha_parzen", ["python", "-m", "mine"], "python -m mine --storage results --name a"),
        ("asha_parzen", None, "caviar sweep asha_parzen --storage results --name a"),
    ],
)
def test_a_script_goes_on_by_itself(recipe, script, line):
    sweep = controller()
    sweep.request_stop("epoch budget")
    text = said(sweep, Sweep(max_total_epochs=7), recipe=recipe, script=script)
    assert text.endswith(f". Go on with:\n  {line} --resume --max-total-epochs 14\n")


@pytest.mark.parametrize(
    ("recipe", "reason", "options", "line"),
    [
        ("python", "interrupted", {}, "run(Sweep(…, name='a', resume=True))"),
        (
            "python",
            "epoch budget",
            {"max_total_epochs": 2},
            "run(Sweep(…, name='a', resume=True, max_total_epochs=4))",
        ),
        (
            "my.own",
            "value reached",
            {"stop_at": 0.5},
            "run(Sweep(…, name='a', resume=True, stop_at=None), recipe='my.own')",
        ),
    ],
)
def test_a_sweep_from_python_goes_on_from_python(recipe, reason, options, line):
    sweep = controller()
    sweep.request_stop(reason)
    text = said(sweep, Sweep(**options), recipe=recipe)
    assert text.endswith(f". Go on with:\n  {line}\n")


def test_a_space_that_is_exhausted():
    sweep = controller(space=CHOICES, searcher=Grid(), trials=64, max_epochs=1)
    drive(sweep, curve=lambda config, epoch: 0.5)
    text = said(sweep, Sweep(searcher=Grid()))
    assert text == "\nEnded (nothing left to try): Grid has no more than these 12 trials.\n"


def test_nothing_is_said_when_the_last_trial_has_run():
    sweep = controller(trials=1, max_epochs=1)
    drive(sweep)
    assert said(sweep, Sweep(trials=1)) == ""
