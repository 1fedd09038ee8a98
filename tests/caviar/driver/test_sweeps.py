"""Whole sweeps on a real Ray, as a person runs them: a command in a process of its own."""

from __future__ import annotations

import os
import re
import sys
import time

import pytest
from commands import (
    DIGITS,
    FASHION_MNIST,
    SLOW,
    caviar,
    check_nothing_lost,
    check_whole,
    finish,
    kill_mid_way,
    records,
    start,
    summary,
    sweep,
)

from caviar.base.trial import Outcome
from caviar.ray import capacity
from caviar.sweep import recipes
from trainables.loops import read_checkpoint

pytestmark = pytest.mark.timeout(800)


@pytest.mark.parametrize(
    ("recipe", "as_script", "trials"),
    [
        ("asha_optuna", True, 8),
        ("asha_hyperopt", False, 8),
        ("asha_parzen", False, 8),
        ("bohb", False, 10),
        ("caviar", True, 5),
        ("coarse_to_fine", True, 8),
        ("importance_staged", False, 10),
        ("hyperband_optuna", True, 8),
        ("random_search", False, 8),
        ("grid_search", True, 5),
    ],
)
def test_every_recipe_runs_to_its_end_on_digits(recipe, as_script, trials, tmp_path):
    options = [*DIGITS, "--max-epochs", 4, "--storage", tmp_path, "--name", "x"]
    if recipe == "grid_search":
        # two learning rates times two widths, after the default
        left = ["momentum=0.9", "batch_size=64", "hidden_layers=2", "units_1=64", "dropout=0"]
        options += ["--fix", *left, "activation=relu", "weight_decay_on=false"]
    else:
        options += ["--trials", trials]
    if as_script:
        script = [sys.executable, str(recipes.files()[recipe])]
        code, out, err = finish(start([*script, *map(str, options)]))
        assert code == 0, f"{out}\n{err}"
    else:
        out, err = sweep(recipe, *options)
    assert err == ""  # Ray's chatter is off
    found = check_whole(tmp_path / "x", trials=trials, max_epochs=4)
    assert found["recipe"] == recipe
    assert "space mlp" in out
    without_rungs = ("grid_search", "caviar", "bohb")
    assert ("rung at epoch 1" in out) == (recipe not in without_rungs)
    assert ("bracket 0   " in out) == (recipe == "bohb")
    assert "2 CPU" in out or "CPU" in out
    assert len(re.findall(r"^trial +\d+ ", out, re.MULTILINE)) == trials
    assert "against" not in err
    curves = out.partition("best learning curves: val_accuracy")[2].splitlines()
    first = next(line for line in curves if re.match(r" +\d", line))
    assert re.match(rf" +{found['best']['trial']}  +[▁▂▃▄▅▆▇█]{{1,4}} ", first)
    if recipe == "caviar":
        assert found["trials"]["completed"] == trials
    if recipe in ("coarse_to_fine", "importance_staged"):
        decided = (tmp_path / "x" / "decisions.log").read_text()
        told = [line[16:] for line in decided.splitlines()]  # without the time
        stopped = {line for line in told if re.match(r"stopped trial \d+ at epoch \d+: ", line)}
        said = [line for line in told if line not in stopped]
        # What becomes of a trial is in the line of the trial.
        for line in stopped:
            assert f"({line.partition(': ')[2]})" in out
        assert said == [line for line in out.splitlines() if line in said]
        stages = 3 if recipe == "coarse_to_fine" else 5
        begun = [line for line in said if re.match(rf"stage \d of {stages}: ", line)]
        assert len(begun) == stages
        assert any(re.match(r"  learning_rate 0.0001 … 1 -> 0\.\d+ … ", line) for line in said)


def test_a_population_is_trained_and_its_weak_members_are_replaced(tmp_path):
    folder = tmp_path / "x"
    options = ["--trials", 6, "--max-epochs", 5, "--scheduler.interval", 1]
    # With a momentum near 1 a fork may fall apart in an epoch, whatever it started from.
    options += ["--fix", "momentum=0.9", "dropout=0"]
    out, err = sweep("pbt", *DIGITS, *options, "--storage", tmp_path, "--name", "x")
    assert err == ""
    every = records(folder)
    forks = [record for record in every.values() if record.parent is not None]
    assert len(every) - len(forks) == 6
    assert forks, "of six members one is the weakest"
    check_whole(folder, trials=len(every), max_epochs=5)
    for fork in forks:
        parent = every[fork.parent]
        assert 1 <= fork.forked_at <= parent.epoch
        for name in ("hidden_layers", "units_1", "activation", "weight_decay_on"):
            assert fork.config[name] == parent.config[name]
        assert fork.config["learning_rate"] != parent.config["learning_rate"]
        if fork.reports:
            # It has its parent's weights: a fresh model is at about 0.1 after an epoch like these.
            start = parent.curve("val_accuracy")[fork.forked_at]
            assert fork.reports[0].metrics["val_accuracy"] > start - 0.3
    assert "every 1 epochs" in out


def test_a_panda_goes_on_from_yesterdays_checkpoint(tmp_path):
    folder = tmp_path / "x"
    budget = ["--max-epochs", 8, "--scheduler.quantum-epochs", 2, "--scheduler.patience", 1]
    options = [*SLOW, *budget, "--storage", tmp_path, "--name", "x"]
    before = kill_mid_way("panda", options, folder, epochs=3)
    out, err = sweep("panda", "--storage", tmp_path, "--name", "x", "--resume")
    assert err == ""
    every = records(folder)
    check_nothing_lost(before, every)
    found = summary(folder)
    assert found["trials"]["total"] == len(every) > 2
    assert not any(r.unfinished for r in every.values())
    for record in every.values():
        # a fork begins where its parent ended, two epochs before its own end
        begins = 0 if record.parent is None else every[record.parent].epoch
        epochs = [report.epoch for report in record.reports]
        assert epochs == list(range(begins + 1, begins + 1 + len(epochs)))
        assert len(epochs) <= 2
    said = [line[16:] for line in (folder / "decisions.log").read_text().splitlines()]
    assert [line for line in said if line.startswith("round ")] == sorted(
        {line for line in said if line.startswith("round ")},
        key=lambda line: int(line.split()[1][:-1]),
    )
    for number, record in every.items():
        if record.parent is not None:
            line = f"  trial {number} goes on from trial {record.parent}: "
            assert sum(one.startswith(line) for one in said) == 1, "said once, over both sessions"
    assert sum(line.startswith("  done: ") for line in said) == 1
    kept = re.match(r"  the model is that of trial (\d+): ", said[-1])
    assert kept is not None
    assert int(kept[1]) == found["best"]["trial"]
    assert said[-1] in out
    checkpoint = read_checkpoint(found["best"]["checkpoint"])
    assert dict(checkpoint.configuration) == found["best"]["config"]


@pytest.mark.parametrize("seed", [0, 7])
def test_fashion_mnist_reaches_85_percent(seed, tmp_path):
    if not FASHION_MNIST.is_dir():
        message = f"{FASHION_MNIST} is not there: install Debian's dataset-fashion-mnist"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    budget = ["--trials", 24, "--max-epochs", 9, "--train-size", 10_000, "--val-size", 5_000]
    where = ["--dataset", "fashion_mnist", "--storage", tmp_path, "--name", "x"]
    sweep("asha_optuna", *budget, *where, "--seed", seed)
    found = check_whole(tmp_path / "x", trials=24, max_epochs=9)
    assert found["best"]["metrics"]["val_accuracy"] >= 0.85


def test_failed_and_diverged_trials_do_not_stop_a_sweep(tmp_path):
    folder = tmp_path / "x"
    options = ["--trainable", "faulty:FailsAndDiverges", "--trials", 7, "--max-epochs", 3]
    sweep("random_search", *DIGITS, *options, "--storage", tmp_path, "--name", "x")
    found = summary(folder)
    assert found["trials"]["total"] == 7
    every = records(folder)
    outcomes = {number: record.outcome for number, record in every.items()}
    assert outcomes[3] is Outcome.FAILED
    assert outcomes[4] is Outcome.DIVERGED
    assert outcomes[5] is Outcome.FAILED
    assert (every[5].error, every[5].reports) == (
        "out of memory: CUDA out of memory. Tried to allocate 80.00 GiB.",
        [],
    )
    assert "80.00 GiB" in (folder / "errors" / "trial-0005.txt").read_text()
    assert "this model cannot be built" in (folder / "errors" / "trial-0003.txt").read_text()
    assert "this model cannot be built" in (every[3].error or "")
    assert not any("\x1b" in path.read_text() for path in (folder / "errors").iterdir()), "colours"
    if every[2].epoch == 1 and outcomes[2] is Outcome.FAILED:  # not stopped at its first epoch
        assert "out of luck in epoch 2" in (folder / "errors" / "trial-0002.txt").read_text()
    assert found["trials"]["failed"] == sum(o is Outcome.FAILED for o in outcomes.values())
    assert all(outcomes[n] is not Outcome.RUNNING for n in outcomes)


def test_a_worker_that_dies_fails_its_trial_alone(tmp_path):
    options = ["--trainable", "faulty:Killed", "--trials", 4, "--max-epochs", 2]
    sweep("random_search", *DIGITS, *options, "--storage", tmp_path, "--name", "x")
    outcomes = {n: r.outcome for n, r in records(tmp_path / "x").items()}
    assert outcomes.pop(1) is Outcome.FAILED
    assert all(o in (Outcome.COMPLETED, Outcome.STOPPED_EARLY) for o in outcomes.values())
    assert (tmp_path / "x" / "errors" / "trial-0001.txt").read_text()


def test_more_gpus_than_there_are_is_refused_at_once(tmp_path):
    began = time.monotonic()
    options = ["--gpus-per-trial", 64, "--storage", tmp_path, "--name", "x"]
    _, err = sweep("random_search", *DIGITS, *options, code=2)
    asked = "A trial asks for 1 CPU and 64 GPU for 64 workers"
    assert re.fullmatch(rf"caviar: {asked}, and no machine .*\n", err)
    assert time.monotonic() - began < capacity.JOIN_SECONDS, "waited for no machine"
    assert not (tmp_path / "x").exists(), "nothing was started, so nothing is left behind"


def test_checkpoints_that_may_fill_the_disk_are_refused(tmp_path):
    options = ["--disk-limit", 0.0001, "--storage", tmp_path, "--name", "x", "--concurrent", 1]
    _, err = sweep("random_search", *DIGITS, *options, code=2)
    told = (
        r"caviar: The checkpoints of this sweep may take 0\.\d+ GB \(2 of \S+ GB for each of 1 "
        r"running and 3 kept trials\), and --disk-limit is 0.0001 GB: lower --concurrent or .*\n"
    )
    assert re.fullmatch(told, err)
    assert not (tmp_path / "x").exists(), "nothing was started, so nothing is left behind"


def test_a_loop_of_ones_own_ends_at_its_first_checkpoint_above_the_limit(tmp_path):
    options = ["--disk-limit", 0.000001, "--storage", tmp_path, "--name", "x", "--concurrent", 1]
    options += ["--trials", 4, "--max-epochs", 2, "--checkpoint-seconds", 0]
    own = ["--trainable", "faulty:OwnLoop", *DIGITS]
    out, err = sweep("random_search", *own, *options, code=2)
    assert "How large a checkpoint is cannot be told before one is written" in out
    told = (
        r"caviar: The checkpoints of this sweep may take \S+ GB .*, and --disk-limit is 1e-06 GB: "
        r"lower --concurrent .*\. With --resume the sweep goes on from what is trained\.\n"
    )
    assert re.fullmatch(told, err)
    before = records(tmp_path / "x")
    assert before[0].reports
    assert len([*(tmp_path / "x" / "trials").rglob("last.pt")]) == 1
    sweep("random_search", "--resume", *options[2:6], "--trials", 2, "--disk-limit", 1)
    after = records(tmp_path / "x")
    assert after[0].reports[: len(before[0].reports)] == before[0].reports
    assert not any(record.unfinished for record in after.values())


def test_another_space_on_resume_is_refused(tmp_path):
    common = [*DIGITS, "--storage", tmp_path, "--name", "x"]
    sweep("random_search", *common, "--trials", 2, "--max-epochs", 1)
    _, err = sweep("random_search", *common, "--resume", "--fix", "dropout=0.25", code=2)
    assert err.startswith("caviar: 'x' searched another space than 'mlp' as it is now")
    assert len(err.splitlines()) == 1


def test_the_same_seed_gives_the_same_sweep(tmp_path):
    options = [*DIGITS, "--trials", 5, "--max-epochs", 2, "--storage", tmp_path]
    never = ["--scheduler.min-epochs", 2]  # no rung below the end: nothing depends on the clock
    for name in ("a", "b"):
        sweep("random_search", *options, *never, "--seed", 3, "--name", name)
    a, b = records(tmp_path / "a"), records(tmp_path / "b")
    for number in a:
        assert a[number].config == b[number].config
        for one, other in zip(a[number].reports, b[number].reports, strict=True):
            for metric in ("train_loss", "val_loss", "val_accuracy", "val_f1"):
                assert one.metrics[metric] == other.metrics[metric]
    # And one of its trials alone, in another process without Ray, has the same curve.
    code, out, err = finish(start(caviar("reproduce", tmp_path / "a", 4, "--tolerance", 0)))
    assert code == 0, f"{out}\n{err}"
    assert "The same: largest difference 0 over 2 epochs" in out
    assert "Its versions and data are those of the sweep." in out
