"""`caviar reproduce`: the same curve, or what is another one; what differs around it."""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import replace

import pytest
from trained import train_sweep
from without_ray import write_sweep

from caviar import NoStopping, Pbt, Random, Sweep
from caviar.after import reproduction
from caviar.after.reproduction import Difference, Original, Reproduction
from caviar.base.format import number
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.cli import main
from caviar.controller import forks
from caviar.store import experiments
from trainables import TorchTrainable

NAN, INF = math.nan, math.inf
ASKED = Sweep(
    dataset="digits",
    max_epochs=2,
    trials=7,
    trainable="faulty:FailsAndDiverges",
    scheduler=NoStopping(),
)


class Noisy(TorchTrainable):
    """Ignores the trial's seed for its weights: no two runs are alike."""

    def build_model(self, config, input_shape, classes):
        import torch

        torch.manual_seed(torch.seed())
        return super().build_model(config, input_shape, classes)


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """The sweep x, in which trials go wrong in every way; nobody writes to it."""
    storage = tmp_path_factory.mktemp("storage")
    train_sweep(storage / "x", ASKED)
    return storage


@pytest.fixture
def reproduce(storage, capsys):
    def run(*args, where=storage, code=0):
        assert main.main(["reproduce", *map(str, args), "--storage", str(where)]) == code
        return capsys.readouterr()

    return run


def test_the_sweep_has_every_outcome(storage):
    records = experiments.find("x", storage).trials()
    failed, diverged, completed = Outcome.FAILED, Outcome.DIVERGED, Outcome.COMPLETED
    assert [(record.outcome, record.epoch) for record in records.values()] == [
        *[(completed, 2)] * 2, (failed, 1), (failed, 0), (diverged, 1), (failed, 0), (completed, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("number", [0, 1, 6])
def test_the_same_curve(number, reproduce, storage):
    record = experiments.find("x", storage).trials()[number]
    out, err = reproduce("x", number, "--tolerance", 0)
    assert err == ""
    lines = out.splitlines()
    assert lines[-2] == f"The same: largest difference 0 over {record.epoch} epochs"
    assert lines[-1] == "Its versions and data are those of the sweep."
    then = str(record.reports[0].metrics["val_accuracy"])
    assert [line.split() for line in lines if line.startswith("    1 ")] == [["1", then, then, "0"]]


@pytest.mark.parametrize(
    ("number", "epochs", "error"),
    [
        (2, 1, "RuntimeError: out of luck in epoch 2"),
        (3, 0, "ValueError: this model cannot be built"),
    ],
)
def test_a_trial_that_failed_fails_again(number, epochs, error, reproduce):
    out, err = reproduce("x", number)
    assert (
        f"The same: largest difference 0 over {epochs} epochs; then: {error}; now: {error}" in out
    )
    assert err.startswith("Traceback")
    assert error in err


def test_a_trial_that_diverged_diverges_again(reproduce):
    out, _ = reproduce("x", 4)
    assert "The same: largest difference 0 over 1 epochs; now it ended as diverged" in out


def test_a_trial_that_ran_out_of_memory_does_so_again(reproduce):
    out, _ = reproduce("x", 5)
    assert "The same: " in out
    assert "then: out of memory: CUDA out of memory." in out
    assert "now: out_of_memory" in out


def test_another_curve(reproduce):
    out, _ = reproduce("x", 0, "--trainable", "test_reproduce:Noisy", code=1)
    assert "Not the same: largest difference " in out
    assert " (train_" in out or " (val_" in out


def test_a_tolerance(reproduce):
    reproduce("x", 0, "--trainable", "test_reproduce:Noisy", "--tolerance", 100)


def test_a_failure_that_was_none(reproduce, storage):
    out, err = reproduce("x", 0, "--trainable", "test_reproduce:Broken", code=1)
    assert "and 2 recorded epochs did not come again" in out
    assert "then: no error; now: RuntimeError: not today" in out
    assert "not today" in err


class Broken(TorchTrainable):
    """Cannot be built."""

    def build_model(self, config, input_shape, classes):
        raise RuntimeError("not today")


def test_a_fork_is_trained_after_what_it_goes_on_from(reproduce, tmp_path):
    """Each of its ancestors with its own configuration and seed: the same curve."""
    scheduler = Pbt(interval=1, share=0.5)
    asked = Sweep(
        dataset="digits", max_epochs=4, trials=3, seed=1, searcher=Random(), scheduler=scheduler
    )
    sweep = train_sweep(tmp_path / "pbt", asked)
    fork = sweep.trials[5]
    chain = forks.ancestors(fork, sweep.trials)
    assert [record.number for record in chain] == [2, 3, 4], "a fork of a fork of a fork"
    out, err = reproduce("pbt", 5, "--tolerance", 0, where=tmp_path)
    assert err == ""
    lines = out.splitlines()
    rates = [number(record.config["learning_rate"]) for record in chain]
    assert lines[2:6] == [
        "It is a fork, so what it goes on from is trained first:",
        f"  trial 2 to epoch 1: learning_rate={rates[0]}",
        f"  trial 3 to epoch 2: learning_rate={rates[1]}",
        f"  trial 4 to epoch 3: learning_rate={rates[2]}",
    ]
    assert lines[-2] == "The same: largest difference 0 over 1 epochs"


def test_what_differs_is_said(reproduce, storage, tmp_path):
    """A sweep whose notes say otherwise."""
    write_sweep(tmp_path / "y", Sweep(dataset="digits", max_epochs=5), epochs=1)
    with sqlite3.connect(tmp_path / "y" / "history.db") as connection:
        (text,) = connection.execute(
            "select value_json from study_user_attributes where key = 'sessions'"
        ).fetchone()
        (session,) = json.loads(text)
        session["versions"] |= {"torch": "1.0", "gone": "7"}
        session["data"] = "digits: 3 rows"
        connection.execute(
            "update study_user_attributes set value_json = ? where key = 'sessions'",
            [json.dumps([session])],
        )
    out, _ = reproduce("y", 0, where=tmp_path, code=1)
    assert "What differs:\n  torch 1.0 then, " in out
    assert "  gone 7 then, none now\n" in out
    assert "  data: digits: 3 rows then, digits: 1,077 training" in out


@pytest.mark.parametrize(
    ("checksum", "told"),
    [
        (
            "0badcafe",
            "What differs:\n  data: digits: {0} (checksum 0badcafe) then, "
            "digits: {0} (checksum {1}) now\n",
        ),
        (None, "Its versions are those of the sweep.\n"),
    ],
)
def test_values_that_have_changed_are_said(checksum, told, reproduce, tmp_path):
    """Though there are as many of them."""
    train_sweep(tmp_path / "z", replace(ASKED, trials=1, max_epochs=1))
    with experiments.find("z", tmp_path).history() as history:
        (session,) = history.get("sessions")
        today, session["data_checksum"] = session["data_checksum"], checksum
        history.set("sessions", [session])
    out, _ = reproduce("z", 0, where=tmp_path)
    rows = session["data"].removeprefix("digits: ")
    assert out.endswith(told.format(rows, today))


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["y", 0], "There is no sweep 'y', neither as a folder nor in "),
        (["x", 7], "'x' has no trial 7: its trials are 0 … 6."),
        (["x", "two"], "argument TRIAL: invalid int value: 'two'"),
        (["x", 0, "--trainable", "nowhere:Mine"], "--trainable names the module 'nowhere'"),
        (["x", 0, "--data-dir", "empty"], "digits "),
    ],
)
def test_bad_input(args, told, reproduce):
    out, err = reproduce(*args, code=2)
    assert out == ""
    assert err.startswith("caviar: " + told)
    assert len(err.splitlines()) == 1


def test_a_trial_without_a_report(tmp_path, reproduce):
    write_sweep(tmp_path / "z", Sweep(dataset="digits"))
    _, err = reproduce("z", 0, where=tmp_path, code=2)
    assert err == "caviar: Trial 0 of 'z' has not reported an epoch yet.\n"


# What is compared, and how it is judged.


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ({"val_loss": 0.5}, {"val_loss": 0.5}, Difference()),
        ({"val_loss": 0.5}, {"val_loss": 0.75}, Difference(0.25, "val_loss", 3)),
        ({"a": 1.0, "b": 1.0}, {"a": 1.5, "b": -1.0}, Difference(2.0, "b", 3)),
        ({"a": NAN}, {"a": NAN}, Difference()),
        ({"a": INF}, {"a": INF}, Difference()),
        ({"a": INF}, {"a": -INF}, Difference(INF, "a", 3)),
        ({"a": NAN}, {"a": 1.0}, Difference(INF, "a", 3)),
        ({"a": 1.0}, {}, Difference(INF, "a", 3)),
        ({}, {"a": 1.0}, Difference(INF, "a", 3)),
        ({"epoch_seconds": 1.0}, {"epoch_seconds": 2.0}, Difference()),
        ({"samples_per_second": 1.0}, {}, Difference()),
    ],
)
def test_the_difference_of_an_epoch(then, now, expected):
    assert reproduction.difference(Report(3, then, 0, 0.0), now) == expected


def came_of(then, *, error=None, **now):
    record = TrialRecord(0, {}, 0, 0, then, [], error)
    before = Original(record=record, options=Sweep(), versions=None, data=None)
    return Reproduction(original=before, data="", **now)


SMALL = Difference(1e-9, "val_loss", 1)


@pytest.mark.parametrize(
    ("found", "same"),
    [
        (came_of(Outcome.COMPLETED), True),
        (came_of(Outcome.COMPLETED, difference=SMALL), True),
        (came_of(Outcome.COMPLETED, difference=Difference(1e-3, "val_loss", 1)), False),
        (came_of(Outcome.STOPPED_EARLY, missing=1), False),
        (came_of(Outcome.RUNNING), True),
        (came_of(Outcome.COMPLETED, outcome="diverged"), False),
        (came_of(Outcome.COMPLETED, outcome="out_of_memory"), False),
        (came_of(Outcome.DIVERGED, outcome="diverged"), True),
        (came_of(Outcome.DIVERGED), False),
        (came_of(Outcome.FAILED, error="ValueError: a"), False),
    ],
)
def test_the_verdict(found, same):
    assert found.is_same(1e-6) is same


@pytest.mark.parametrize(
    ("then", "now", "same"),
    [
        ("ValueError: a", "ValueError: a", True),
        ("ValueError: a", "ValueError: b", False),
        ("ValueError: a", None, False),
    ],
)
def test_the_verdict_on_a_failure(then, now, same):
    found = came_of(Outcome.FAILED, error=then)
    found.error = now
    assert found.is_same(1e-6) is same


@pytest.mark.parametrize(
    ("data", "dataset"),
    [
        ("digits: 1,077 training rows", Sweep(dataset="digits")),
        ("fashion_mnist: 10 rows", Sweep(dataset="fashion_mnist", train_size=9000)),
        (None, Sweep(train_size=9000)),
    ],
)
def test_auto_is_what_it_was(data, dataset, tmp_path):
    write_sweep(tmp_path / "x", Sweep(train_size=9000), epochs=1)
    with sqlite3.connect(tmp_path / "x" / "history.db") as connection:
        connection.execute(
            "update study_user_attributes set value_json = json_set(value_json, '$[0].data', ?) "
            "where key = 'sessions'",
            [data],
        )
    options = reproduction.original(experiments.find("x", tmp_path), 0).options
    assert options == replace(dataset, trainable="trainables:TorchTrainable")
