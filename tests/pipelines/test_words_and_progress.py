"""What a person reads: words, the line of a finished trial, the live view, start and end."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import pyte
import pytest
from rich.console import Console
from without_ray import LINE, METRIC, Clock, InMemory, conductor, report, resumed, run_trial

from pipelines import Sweep
from pipelines.engine import show, summary
from pipelines.engine.progress import Progress
from pipelines.engine.records import Outcome
from pipelines.engine.schedulers import Asha
from pipelines.engine.searchers import CoarseToFine
from pipelines.engine.words import configuration, duration, how_it_ended, number

# Words.


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.RUNNING, "running"),
        (Outcome.COMPLETED, "completed"),
        (Outcome.STOPPED_EARLY, "stopped early"),
        (Outcome.FAILED, "failed"),
        (Outcome.DIVERGED, "diverged"),
    ],
)
def test_outcomes(outcome, words):
    assert how_it_ended(outcome) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (1e-05, "1e-05"),
        (1234567.0, "1.235e+06"),
        (0.5, "0.5"),
        (128, "128"),
        (1234567, "1234567"),
        (True, "True"),
        ("relu", "relu"),
        ([64, 32], "[64, 32]"),
        (math.nan, "nan"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_a_configuration_in_one_line():
    config = {"learning_rate": 0.012345, "units": 64, "activation": "relu", "widths": [8, 8]}
    assert configuration(config) == "learning_rate=0.01235 units=64 activation=relu widths=[8, 8]"
    assert configuration({}) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (135, "2 min 15 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (7325, "2 h 2 min"),
        (100_000, "27 h 46 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


# Progress where the output is not a terminal: one line a finished trial, and nothing else.


def console(*, terminal=False, width=100):
    """A console that writes into its ``file``."""
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=width, height=40, color_system=None
    )


def said(console):
    return console.file.getvalue()


def test_one_line_for_each_finished_trial():
    sweep, out = conductor(max_epochs=3), console(width=40)
    with Progress(sweep, out) as progress:
        sweep.next()
        progress.changed(None)
        for epoch, value in ((1, 0.5), (2, 0.75), (3, 0.25)):
            report(sweep, 0, epoch, value)
            progress.changed(None)
        assert said(out) == "", "nothing while it runs"
        sweep.end(0)
        progress.changed(0)
        run_trial(sweep, [], error="RuntimeError: [bold]out of luck[/bold]")
        progress.changed(1)
        run_trial(sweep, [0.1, math.nan], diverged=True)
        progress.changed(2)
        sweep.next()
        report(sweep, 3, 1, 0.5)
        sweep.end(3)  # put aside: to be resumed
        progress.changed(3)
    lines = said(out).splitlines()
    assert lines == [
        "trial    0  completed        3 epochs  val_accuracy 0.7500 at epoch 2  learning_rate=0.01",
        "trial    1  failed           0 epochs  RuntimeError: [bold]out of luck[/bold]",
        "trial    2  diverged         2 epochs  val_accuracy 0.1000 at epoch 1  "
        + configuration(sweep.records[2].config),
    ]


def test_many_reports_print_nothing():
    sweep, out = conductor(max_epochs=100), console()
    with Progress(sweep, out) as progress:
        sweep.next()
        for epoch in range(1, 51):
            report(sweep, 0, epoch, epoch / 100)
            progress.changed(None)
    assert said(out) == ""


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_decided_is_said_above_what_runs(terminal):
    options = CoarseToFine(stages=2, stage_trials=2, fine="random")
    sweep, out = conductor(searcher=options, trials=3), console(terminal=terminal)
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
    assert sweep.words() == []


STOPPING = Asha(quota=False)


def judged(*values, **options):
    """A sweep by ASHA after the default, which runs to epoch 3, and trials with these values at the
    first rung."""
    sweep = conductor(scheduler=STOPPING, max_epochs=3, **options)
    sign = 1 if sweep.plan.mode == "max" else -1
    run_trial(sweep, [sign * 0.5, sign * 0.6, sign * 0.7])
    for value in values:
        run_trial(sweep, [sign * value, sign * 0.8, sign * 0.9])
    return sweep


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
    assert list(sweep.talk.latest) == [line]
    assert history.decisions == [(line, 0.0)]
    assert sweep.words() == [], "it is not printed by itself"
    assert sweep.talk.reason(sweep.records[1]) == line.partition(": ")[2]
    assert sweep.talk.reason(sweep.records[2]) is None


def test_without_a_terminal_the_reason_is_in_the_line_of_the_trial():
    sweep, out = conductor(scheduler=STOPPING, max_epochs=3), console()
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
    sweep = conductor(scheduler=STOPPING, max_epochs=3, trials=3)
    first, second = sweep.next().record.number, sweep.next().record.number
    report(sweep, second, 1, 0.75)
    assert report(sweep, first, 1, 0.25).goes_on
    assert list(sweep.talk.latest) == []


def test_a_decision_that_is_told_again_is_noted_once():
    history = InMemory()
    sweep = conductor(history, scheduler=STOPPING, max_epochs=3, trials=2)
    run_trial(sweep, [0.5, 0.6, 0.7])
    sweep.next()
    report(sweep, 1, 1, 0.25)
    sweep.end(1, error="its machine is gone", lost=True)
    sweep.next()
    report(sweep, 1, 1, 0.25)
    assert len(history.decisions) == 1


def test_a_resumed_sweep_does_not_say_its_decisions_again():
    history = InMemory()
    judged(0.25, history=history, trials=9)
    again = resumed(history, scheduler=STOPPING, max_epochs=3, trials=9)
    assert list(again.talk.latest) == []
    assert len(history.decisions) == 1
    run_trial(again, [0.3])  # the cut of 0.25 and 0.5, two thirds of the way between them
    assert list(again.talk.latest) == [
        "stopped trial 2 at epoch 1: 0.3 is below the rung's cut 0.4167"
    ]


# The live view.


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
    lines = view(conductor(trials=10, max_epochs=9))
    assert "caviar sweep" in lines[0]
    assert row(lines, "trials") == "0 of 10"
    assert row(lines, "epochs") == "0 of at most 90, 0.0 a second"
    assert row(lines, "time") == "0 s"
    assert not any(line.startswith("best") for line in lines)
    assert "Ctrl-C stops, and can be resumed" in lines[-1]


def test_the_live_view_of_a_running_sweep():
    clock = Clock()
    sweep = conductor(trials=10, max_epochs=2, clock=clock)
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
    assert configuration(sweep.records[1].config) in lines
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
    sweep = conductor(max_epochs=1, clock=clock, **options)
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
    sweep = conductor(trials=10, clock=clock, gpus_per_trial=gpu_hours, **limits)
    sweep.next()
    for epoch in (1, 2, 3, 4):
        clock.now += 9
        report(sweep, 0, epoch, 0.5)
    lines = view(sweep)
    assert row(lines, "epochs").startswith(epochs)
    assert row(lines, "time") == time


def test_the_gain_has_a_sign_where_less_is_better():
    sweep = conductor(mode="min", max_epochs=1)
    run_trial(sweep, [0.5])
    run_trial(sweep, [0.2])
    assert "0.2000 trial 1, epoch 1 (-0.3000 against the default)" in row(view(sweep), "best")


def test_without_a_measured_default_there_is_no_gain():
    sweep = conductor(max_epochs=1)
    run_trial(sweep, [], error="RuntimeError")
    run_trial(sweep, [0.2])
    assert row(view(sweep), "best") == "val_accuracy 0.2000 trial 1, epoch 1"


def test_the_live_view_says_why_it_stops():
    sweep = conductor()
    sweep.request_stop("time budget")
    assert "stopping: time budget" in view(sweep)[-1]


@pytest.mark.parametrize("width", [20, 40, 200])
def test_the_live_view_fits_any_terminal(width):
    sweep = conductor(max_epochs=1)
    run_trial(sweep, [0.5])
    out = console(terminal=True, width=width)
    view(sweep, recent=[0], before=Progress(sweep, out))
    assert max(len(line) for line in said(out).splitlines()) <= width


@pytest.mark.parametrize("colours", [None, "standard"])
def test_only_the_newest_trials_are_listed(colours):
    sweep, out = conductor(trials=20, max_epochs=1), console(terminal=True)
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
    sweep, out = conductor(max_epochs=1), console(terminal=True)
    now = [100.0]
    monkeypatch.setattr("pipelines.engine.progress.time.monotonic", lambda: now[0])
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
    sweep, out = conductor(), console(terminal=True)
    with pytest.raises(RuntimeError, match="gone"), Progress(sweep, out):
        raise RuntimeError("gone")
    assert "\x1b[?25h" in said(out), "the cursor is back"


# What is printed at the end.


def ended(sweep, folder, *, width=100, **found):
    out = console(width=width)
    told = {**summary.summarise(sweep, name="x", recipe="r", folder=folder), **found}
    show.end(told, sweep, folder=folder, console=out)
    return said(out)


def test_the_end_sets_the_best_beside_the_default():
    clock = Clock()
    sweep = conductor(max_epochs=2, clock=clock)
    number = sweep.next().record.number
    report(sweep, number, 1, 0.5, val_loss=2.0)
    report(sweep, number, 2, 0.25, val_loss=1.0)
    sweep.end(number)
    number = sweep.next().record.number
    report(sweep, number, 1, 0.75, val_loss=math.nan)
    report(sweep, number, 2, 0.5, val_loss=1.0)
    sweep.end(number)
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
    return number(sweep.records[trial].config["learning_rate"])


def test_the_end_without_anything_finite():
    sweep = conductor(max_epochs=1)
    run_trial(sweep, [math.nan])
    text = ended(sweep, Path("/x"))
    assert "1 trials (1 completed), 1 epochs in 0 s" in text
    assert "No trial reported a finite value: there is no best one." in text
    assert "errors" not in text


def test_the_end_before_the_first_trial():
    text = ended(conductor(), Path("/x"))
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
    assert show._budget(Sweep(**options)).startswith(line)


@pytest.mark.parametrize("compiles", [True, False])
def test_the_start_prints_space_rungs_machines_and_data(monkeypatch, compiles):
    from trainables import DeviceOptions, data

    monkeypatch.setattr("pipelines.engine.cluster.resources_line", lambda: "1 node, 2 CPU")
    device = DeviceOptions(compile=compiles)
    asked = Sweep(trials=27, max_epochs=9, seed=5, metric="val_loss", device=device)
    out = console()
    show.start(
        asked,
        LINE,
        asked.scheduler.build(max_epochs=9, seed=5),
        data.load("digits"),
        out,
        note="Sweeping the data set digits: [no] network",
        concurrent=2,
        folder=Path("/some/[where]"),
        session=1,
    )
    text = said(out)
    assert text.startswith("Sweeping the data set digits: [no] network\n")
    assert re.search(r"learning_rate +0\.0001 … 1 +log +0\.01", text)
    assert ("--device.compile compiles anew for every shape" in text) is compiles
    assert "Random proposes, Asha stops" in text
    assert re.search(r"rung at epoch 1 +about 27 of the trials *\n", text)
    assert re.search(r"rung at epoch 3 +about 9 of the trials *\n", text)
    assert "trains     auto" in text
    assert "data       digits: 1,077 training, 360 validation and 360 test rows of 8 x 8" in text
    assert "machines   1 node, 2 CPU; 2 trials side by side, each with 1 CPU and 0 GPU" in text
    assert "goal       min val_loss, seed 5, session 2 of this sweep" in text
    assert "budget     27 trials\n" in text
    assert "folder     /some/[where]\n" in text
    assert METRIC not in text
