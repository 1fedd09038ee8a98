"""`caviar list`, `show`, `best` and `trials` on sweeps that were driven without Ray."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import shutil

import pyarrow.parquet
import pytest
from without_ray import (
    CONDITIONAL,
    LINE,
    METRIC,
    UP,
    Clock,
    controller,
    drive,
    report,
    run_trial,
    summary_of,
)

from caviar import Asha, Sweep
from caviar.cli import main
from caviar.store import recording, starting, status
from caviar.store.experiments import find
from caviar.store.history import History
from caviar.store.layout import SUMMARY, write_json
from caviar.store.session import Session, state


@pytest.fixture
def run(capsys, monkeypatch):
    """Run `caviar ...`: its exit code, stdout and stderr."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def caviar(*args):
        code = main.main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return code, out, err

    return caviar


def write(folder, body, *, space=LINE, finished=True, **changes):
    """A sweep on disk whose trials `body` runs; without `finished` it has no end."""
    folder.mkdir(parents=True)
    asked = Sweep(trials=10, max_epochs=9, metric=METRIC)
    starting.note(asked, space, "random_search", folder)
    history = History(folder, name=folder.name, objective=UP)
    clock = Clock()
    sweep = controller(history, space=space, clock=clock, **changes)
    noted = recording.recorded(history, sweep, asked, space, concurrent=2)
    noted.__enter__()
    body(sweep, clock)
    if finished:
        noted.__exit__(None, None, None)
        found = summary_of(sweep, folder, name=folder.name)
        write_json(found, folder / SUMMARY)
    history.close()
    return noted


def four_trials(sweep, clock):
    """By hand: the default 0.5, the best 0.75 at its second epoch, a failed and a diverged one."""
    for values, how in [
        ([0.25, 0.5, 0.5], {}),
        ([0.5, 0.75, 0.625], {}),
        ([0.9], {"error": "RuntimeError: [bold]no[/bold]"}),
        ([0.95, math.nan], {"diverged": True}),
    ]:
        run_trial(sweep, values, **how)
        clock.now += 10


# Where a sweep stands.


def test_a_finished_sweep(tmp_path):
    write(tmp_path / "a", four_trials, max_epochs=3)
    one = status.of(find(tmp_path / "a"))
    assert (str(one.state), one.metric, one.best, one.baseline) == ("finished", METRIC, 0.75, 0.5)
    assert (one.trials, one.asked, one.epochs, one.seconds) == (4, 10, 9, 40.0)
    assert one.outcomes == {"completed": 2, "stopped early": 0, "failed": 1, "diverged": 1}
    assert 0 <= one.age < 100
    assert one.sessions == 1


def test_a_sweep_that_runs_is_read_from_its_history(tmp_path):
    def two_and_a_half(sweep, clock):
        four_trials(sweep, clock)
        sweep.next()
        report(sweep, 4, 1, 0.875)
        clock.now += 5

    noted = write(tmp_path / "a", two_and_a_half, max_epochs=3, finished=False)
    one = status.of(find(tmp_path / "a"))
    assert (str(one.state), one.best, one.baseline) == ("running", 0.875, 0.5)
    assert (one.trials, one.epochs, one.seconds) == (5, 10, 40.0)
    assert one.outcomes["running"] == 1
    del noted


def test_a_resumed_sweep_that_runs_has_outgrown_its_summary(tmp_path):
    noted = write(tmp_path / "a", four_trials, max_epochs=3)
    history = History(tmp_path / "a", name=None, objective=UP)
    sweep = controller(history, max_epochs=3, session=1)
    sweep.replay(history.records())
    noted = recording.recorded(history, sweep, Sweep(trials=20), LINE)
    noted.__enter__()
    run_trial(sweep, [0.875])
    one = status.of(find(tmp_path / "a"))
    assert (str(one.state), one.best, one.trials, one.asked) == ("running", 0.875, 5, 20)
    history.close()


def test_a_sweep_whose_driver_ended_with_an_error_is_no_finished_one(tmp_path):
    write(tmp_path / "a", four_trials, max_epochs=3)
    history = History(tmp_path / "a", name=None, objective=UP)
    sweep = controller(history, max_epochs=3, session=1)
    sweep.replay(history.records())

    def crash():
        with recording.recorded(history, sweep, Sweep(trials=20), LINE):
            run_trial(sweep, [0.875], error="RuntimeError")
            sweep.next()
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        crash()
    history.close()
    # Its summary is that of the session before.
    one = status.of(find(tmp_path / "a"))
    assert (str(one.state), one.best, one.trials, one.asked) == ("crashed", 0.75, 6, 20)
    assert one.outcomes["crashed"] == 1


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({"stop_reason": None}, "finished"),
        ({"stop_reason": "time budget"}, "time budget"),
        ({"stop_reason": "interrupted"}, "interrupted"),
        ({"host": "HERE", "pid": os.getpid()}, "running"),
        ({"host": "HERE", "pid": 1}, "running"),  # of root, as a rule somebody else's
        ({"host": "HERE", "pid": 2**22 + 1}, "killed"),  # above every process id of Linux
        ({"host": "another", "pid": os.getpid()}, "unfinished"),
        ({}, "unfinished"),  # by a version that did not note its process
    ],
)
def test_state(session, expected, monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "HERE")
    before = {"stop_reason": "interrupted"}
    found = [Session.from_json(one) for one in (before, session)]
    assert str(state(found)) == expected
    assert str(state([])) == "killed"


# caviar list.


def test_the_list_has_a_row_a_sweep_and_shows_what_is_damaged(tmp_path, run):
    write(tmp_path / "first", four_trials, max_epochs=3)
    write(tmp_path / "none", lambda sweep, clock: None)
    shutil.copytree(tmp_path / "first", tmp_path / "broken")
    (tmp_path / "broken" / "sweep.json").write_text('{"recipe": "x"}')
    shutil.copytree(tmp_path / "first", tmp_path / "no database")
    (tmp_path / "no database" / "history.db").write_text("no database")
    shutil.copytree(tmp_path / "first", tmp_path / "no text")
    (tmp_path / "no text" / "sweep.json").write_bytes(b"\xff\xfe\xff")
    code, out, err = run("list", "--storage", tmp_path)
    assert (code, err) == (0, "")
    rows = {
        re.split(r" {2,}", line)[0]: re.split(r" {2,}", line.strip()) for line in out.splitlines()
    }
    assert rows["first"][1:7] == ["finished", METRIC, "0.7500", "0.5000", "4 of 10", "9"]
    assert rows["none"][1:7] == ["finished", METRIC, "–", "–", "0 of 10", "0"]
    assert rows["broken"][1] == "damaged"
    assert rows["no database"][1] == "damaged"
    assert rows["no text"][1] == "damaged"
    assert list(rows).index("first") < list(rows).index("none"), "the newest last"


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"5", b"\xff\xfe\xff", b'{"trials": 4}', b'{"trials": {"total": "x"}}'],
)
def test_a_damaged_summary_is_read_from_the_history_instead(content, tmp_path, run):
    write(tmp_path / "a", four_trials, max_epochs=3)
    (tmp_path / "a" / "summary.json").write_bytes(content)
    code, out, err = run("list", "--storage", tmp_path)
    assert (code, err) == (0, "")
    assert re.split(r" {2,}", out.splitlines()[-1].strip())[:6] == [
        "a", "finished", METRIC, "0.7500", "0.5000", "4 of 10"
    ]  # fmt: skip
    code, out, err = run("show", tmp_path / "a")
    assert (code, err) == (0, "")
    assert "best: trial 1, epoch 2" in out


def test_a_storage_without_sweeps(tmp_path, run):
    code, out, err = run("list", "--storage", tmp_path)
    assert (code, out) == (2, "")
    assert f"There is no sweep in {tmp_path}" in err


# caviar show, caviar best.


def test_show(tmp_path, run):
    write(tmp_path / "a", four_trials, max_epochs=3)
    code, out, err = run("show", "a", "--storage", tmp_path)
    assert (code, err) == (0, "")
    for expected in (
        "sweep a, finished",
        "2 completed, 1 failed, 1 diverged",
        "caviar sweep random_search --trials 10 --max-epochs 9 --seed 0",
        "best: trial 1, epoch 2",
        "learning_rate",
    ):
        assert expected in out


@pytest.mark.parametrize("how", ["folder", "name"])
def test_the_best_as_json(how, tmp_path, run):
    write(tmp_path / "a", four_trials, max_epochs=3)
    where = [tmp_path / "a"] if how == "folder" else ["a", "--storage", tmp_path]
    code, out, err = run("best", *where, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    config = find(tmp_path / "a").trials()[1].config
    assert found == {
        "name": "a",
        "metric": METRIC,
        "mode": "max",
        "best": {
            "trial": 1,
            "epoch": 2,
            "config": config,
            "metrics": {METRIC: 0.75},
            "checkpoint": None,
        },
        "baseline": {"config": {"learning_rate": 0.01}, "metrics": {METRIC: 0.5}},
    }


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_best_yet(form, tmp_path, run):
    write(tmp_path / "a", lambda sweep, clock: run_trial(sweep, [math.nan], diverged=True))
    code, out, err = run("best", tmp_path / "a", *form)
    assert (code, out) == (2, "")
    assert err == f"caviar: No trial of 'a' has reported a finite {METRIC}.\n"
    code, out, err = run("show", tmp_path / "a")
    assert (code, err) == (0, "")
    assert out.endswith(f"\nNo trial of 'a' has reported a finite {METRIC}.\n")


@pytest.mark.parametrize("command", ["show", "best", "trials"])
def test_an_unknown_sweep(command, tmp_path, run):
    write(tmp_path / "first", lambda sweep, clock: None)
    code, out, err = run(command, "frist", "--storage", tmp_path)
    assert (code, out) == (2, "")
    assert "There is no sweep 'frist'" in err
    assert "Did you mean 'first'?" in err


# caviar trials.


def test_trials_on_the_screen_best_first(tmp_path, run):
    write(tmp_path / "a", four_trials, max_epochs=3)
    code, out, err = run("trials", tmp_path / "a")
    assert (code, err) == (0, "")
    first = [line.split()[:2] for line in out.splitlines()[1:]]
    assert first == [["3", "diverged"], ["2", "failed"], ["1", "completed"], ["0", "completed"]]


def test_csv_and_parquet_hold_every_trial(tmp_path, run):
    write(tmp_path / "a", four_trials, max_epochs=3)
    files = tmp_path / "a.csv", tmp_path / "a.parquet"
    code, out, err = run("trials", tmp_path / "a", "--csv", files[0], "--parquet", files[1])
    assert (code, err) == (0, "")
    assert out == "".join(f"{path}  4 rows, 12 columns\n" for path in files)
    with files[0].open() as file:
        rows = list(csv.DictReader(file))
    assert [row["best"] for row in rows] == ["0.5", "0.75", "0.9", "0.95"]
    assert [row["best_epoch"] for row in rows] == ["2", "2", "1", "1"]
    assert [row["started"] for row in rows] == ["0", "10", "20", "30"]
    assert rows[2]["error"] == "RuntimeError: [bold]no[/bold]"
    assert pyarrow.parquet.read_table(files[1]).to_pylist() == [
        {
            "trial": number,
            "outcome": record.outcome.value,
            "epochs": record.epoch,
            "best": (0.5, 0.75, 0.9, 0.95)[number],
            "best_epoch": (2, 2, 1, 1)[number],
            "started": 10.0 * number,
            "ended": 10.0 * number,
            "seed": record.seed,
            "session": 0,
            "error": record.error,
            "config.learning_rate": record.config["learning_rate"],
            f"metric.{METRIC}": (0.5, 0.75, 0.9, 0.95)[number],
        }
        for number, record in find(tmp_path / "a").trials().items()
    ]


def test_an_epoch_a_row_and_mixed_columns(tmp_path, run):
    write(tmp_path / "a", lambda sweep, clock: drive(sweep), space=CONDITIONAL, scheduler=Asha())
    path = tmp_path / "epochs.parquet"
    assert run("trials", tmp_path / "a", "--epochs", "--parquet", path)[0] == 0
    rows = pyarrow.parquet.read_table(path).to_pylist()
    records = find(tmp_path / "a").trials()
    assert [(row["trial"], row["epoch"], row[f"metric.{METRIC}"]) for row in rows] == [
        (number, one.epoch, one.metrics[METRIC])
        for order, number, one in sorted(
            (one.order, number, one) for number, record in records.items() for one in record.reports
        )
    ]
    for row in rows:
        config = records[row["trial"]].config
        assert row["config.momentum"] == config.get("momentum")
        assert json.loads(row["config.widths"]) == config["widths"]


def test_a_file_that_cannot_be_written(tmp_path, run):
    write(tmp_path / "a", four_trials, max_epochs=3)
    code, out, err = run("trials", tmp_path / "a", "--csv", tmp_path / "no" / "a.csv")
    assert (code, out) == (2, "")
    assert f"--csv cannot write {tmp_path / 'no' / 'a.csv'}" in err
