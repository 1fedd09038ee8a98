"""The live view in a terminal, as text."""

from __future__ import annotations

import io
import math
import re

import pytest
from rich.console import Console
from terminals import console, judged, said
from without_ray import Clock, controller, report, run_trial

from caviar.base.format import configuration
from caviar.terminal.progress import Progress


@pytest.mark.parametrize(
    ("height", "few"), [(24, 2), (40, 6), (10, 1)], ids=["usual", "high", "tiny"]
)
def test_the_live_view_shows_rungs_curves_and_decisions(height, few):
    sweep = judged(0.25, 0.3, 0.75, 0.2, 0.1, 0.15, 0.12, 0.11)
    out = Console(
        file=io.StringIO(), force_terminal=True, width=100, height=height, color_system=None
    )
    progress = Progress(sweep, out, rungs=(1,))
    lines = view(sweep, before=progress)
    assert row(lines, "rungs") == "epoch 1: 2 of 9 went on"
    decided = [line for line in lines if "stopped trial" in line]
    assert len(decided) == min(few, 7)
    # Eight were there before: 0.1 0.12 0.15 0.2 0.25 0.3 0.5 0.75; 7 · 2/3 = 4.667 along them.
    cut = "0.2833"
    assert decided[-1].endswith(f"stopped trial 8 at epoch 1: 0.11 is below the rung's cut {cut}")
    lowest = {1: "0.75", 2: "0.5", 6: "0.15"}[few]
    assert row(lines, "curves") == f"val_accuracy from ▁ {lowest} to █ 0.9"
    drawn = [line for line in lines if "█" in line and "at epoch" in line]
    assert len([line for line in lines if re.search("[▁▂▃▄▅▆▇█]+ +0.* at epoch", line)]) == few
    assert drawn[0].split()[1:] == ["0.9", "at", "epoch", "3", "trial", "3,", "completed"]


def view(sweep, *, recent=(), width=100, before=None):
    """The live view as text, without its frame."""
    out = console(terminal=True, width=width)
    progress = before or Progress(sweep, out)
    progress._recent = list(recent)
    progress._console.print(progress._view())
    text = said(progress._console)
    return [line.strip("│╭╮╰╯ ").rstrip() for line in text.splitlines()]


def row(lines, name):
    (found,) = [line for line in lines if line.startswith(f"{name} ")]
    return re.sub(" +", " ", found.removeprefix(name).strip())


def test_the_live_view_before_the_first_trial():
    lines = view(controller(trials=10, max_epochs=9))
    assert "caviar sweep" in lines[0]
    assert row(lines, "trials") == "0 of 10"
    assert row(lines, "epochs") == "0 of at most 90, 0.0 a second"
    assert row(lines, "time") == "0 s"
    assert not any(line.startswith("best") for line in lines)
    assert "Ctrl-C stops, and can be resumed" in lines[-1]


def test_the_live_view_of_a_running_sweep():
    clock = Clock()
    sweep = controller(trials=10, max_epochs=2, clock=clock)
    run_trial(sweep, [0.5, 0.25])
    run_trial(sweep, [0.75, 0.5])
    run_trial(sweep, [0.1], error="RuntimeError: no")
    run_trial(sweep, [math.nan], diverged=True)
    sweep.next()
    report(sweep, 4, 1, 0.3)
    clock.now += 60
    lines = view(sweep, recent=[0, 1, 2])
    assert row(lines, "trials") == "5 of 10"
    counts = "1 running 2 completed 0 stopped early 1 failed 1 diverged"
    assert counts in [re.sub(" +", " ", line) for line in lines]
    assert row(lines, "best") == (
        "val_accuracy 0.7500 trial 1, epoch 1 (+0.2500 against the default)"
    )
    assert configuration(sweep.trials[1].config) in lines
    assert row(lines, "epochs").startswith("7 of at most 20, ")
    # 4 of 10 trials took a minute: the other 6 take 90 seconds
    assert row(lines, "time") == "1 min 0 s, about 1 min 30 s left"
    assert [line[:25] for line in lines if line.startswith("trial ")] == [
        "trial    0  completed    ",
        "trial    1  completed    ",
        "trial    2  failed       ",
    ]


@pytest.mark.parametrize(
    ("options", "seconds", "trials", "time"),
    [
        # a quarter of the trials, half of the time: the time is what ends it
        ({"trials": 4, "time_budget": 100.0}, 50, 1, "50 s, about 50 s left"),
        # half of the trials, a tenth of the time
        ({"trials": 2, "time_budget": 100.0}, 10, 1, "10 s, about 10 s left"),
        ({"trials": None, "time_budget": 100.0}, 25, 3, "25 s, about 1 min 15 s left"),
        ({"trials": 3, "time_budget": None}, 30, 0, "30 s"),
        ({"trials": 9, "time_budget": 10.0}, 20, 0, "20 s, about 0 s left"),
    ],
)
def test_the_time_that_is_left(options, seconds, trials, time):
    clock = Clock()
    sweep = controller(max_epochs=1, clock=clock, **options)
    for _ in range(trials):
        run_trial(sweep, [0.5])
    clock.now += seconds
    lines = view(sweep)
    assert row(lines, "time") == time
    expected = f"{trials} of {options['trials']}" if options["trials"] else f"{trials}"
    assert row(lines, "trials") == expected


@pytest.mark.parametrize(
    ("limits", "epochs", "gpu_hours", "time"),
    [
        # of 40 epochs 4: the sweep takes ten times as long as until now
        ({"max_total_epochs": 40}, "4 of at most 40, ", 0.0, "36 s, about 5 min 24 s left"),
        # of 90 epochs 4, of 0.1 GPU-hours 0.02: a fifth
        ({"gpu_hours": 0.1}, "4 of at most 90, ", 2.0, "36 s, about 2 min 24 s left"),
    ],
)
def test_epochs_and_gpu_hours_are_part_of_the_budget(limits, epochs, gpu_hours, time):
    clock = Clock()
    sweep = controller(trials=10, clock=clock, gpus_per_trial=gpu_hours, **limits)
    sweep.next()
    for epoch in (1, 2, 3, 4):
        clock.now += 9
        report(sweep, 0, epoch, 0.5)
    lines = view(sweep)
    assert row(lines, "epochs").startswith(epochs)
    assert row(lines, "time") == time


def test_the_gain_has_a_sign_where_less_is_better():
    sweep = controller(mode="min", max_epochs=1)
    run_trial(sweep, [0.5])
    run_trial(sweep, [0.2])
    assert "0.2000 trial 1, epoch 1 (-0.3000 against the default)" in row(view(sweep), "best")


def test_without_a_measured_default_there_is_no_gain():
    sweep = controller(max_epochs=1)
    run_trial(sweep, [], error="RuntimeError")
    run_trial(sweep, [0.2])
    assert row(view(sweep), "best") == "val_accuracy 0.2000 trial 1, epoch 1"


def test_the_live_view_says_why_it_stops():
    sweep = controller()
    sweep.request_stop("time budget")
    assert "stopping: time budget" in view(sweep)[-1]


@pytest.mark.parametrize("width", [20, 40, 200])
def test_the_live_view_fits_any_terminal(width):
    sweep = controller(max_epochs=1)
    run_trial(sweep, [0.5])
    out = console(terminal=True, width=width)
    view(sweep, recent=[0], before=Progress(sweep, out))
    assert max(len(line) for line in said(out).splitlines()) <= width


@pytest.mark.parametrize("colours", [None, "standard"])
def test_only_the_newest_trials_are_listed(colours):
    sweep, out = controller(trials=20, max_epochs=1), console(terminal=True)
    with Progress(sweep, out) as progress:
        for number in range(9):
            run_trial(sweep, [0.5])
            progress.changed(number)
    out = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=colours)
    out.print(progress._view())
    plain = re.sub(r"\x1b\[[\d;]*m", "", said(out))
    listed = re.findall(r"(?m)^│ trial +(\d+)  completed", plain)
    assert [int(trial) for trial in listed] == [3, 4, 5, 6, 7, 8]


def test_the_live_view_is_drawn_and_taken_away(monkeypatch):
    sweep, out = controller(max_epochs=1), console(terminal=True)
    now = [100.0]
    monkeypatch.setattr("caviar.terminal.progress.time.monotonic", lambda: now[0])
    with Progress(sweep, out) as progress:
        run_trial(sweep, [0.5])
        progress.changed(0)
        drawn = said(out)
        assert "caviar sweep" in drawn
        for _ in range(1000):  # a sweep that reports faster than anybody reads
            progress.changed(None)
        assert said(out) == drawn
        now[0] += 0.3
        progress.changed(None)
        assert len(said(out)) > len(drawn)
    assert said(out).endswith("\x1b[2K"), "its lines are erased: the summary takes their place"


def test_an_error_ends_the_live_view():
    sweep, out = controller(), console(terminal=True)
    with pytest.raises(RuntimeError, match="gone"), Progress(sweep, out):
        raise RuntimeError("gone")
    assert "\x1b[?25h" in said(out), "the cursor is back"
