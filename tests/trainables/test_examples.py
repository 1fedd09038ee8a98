"""The examples as a person reads and runs them: short, trained without Ray, and in a sweep."""

import importlib
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from caviar import UsageError
from caviar.driver import loading, preparing
from caviar.sweep import compatibility, recipes
from trainables import GeneratorTrainable
from trainables.loops import CheckpointError, read_checkpoint

EXAMPLES = Path(__file__).parents[2] / "examples"
OF_LOOP = {"learning_rate": 0.05, "batch_size": 64, "units_1": 32}
CASES = {
    "own_model:OwnModel": [
        {"optimizer": "adamw", "learning_rate": 0.01, "batch_size": 32},
        {"optimizer": "sgd", "learning_rate": 0.3, "batch_size": 32, "memory": 16},
    ],
    "own_loop:OwnLoop": [OF_LOOP],
    "own_estimator:Estimator": [{}, {"kind": "forest", "leaf": 2}],
}
PAIRS = [(name, config) for name, configs in CASES.items() for config in configs]


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)

    def load(name):
        module, _, attribute = name.partition(":")
        return getattr(importlib.import_module(module), attribute)

    return load


def rows(trainable, epochs):
    found = [trainable.train() for _ in range(epochs)]
    clocks = {"epoch_seconds", "samples_per_second"}
    return [{n: row[n] for n in (*trainable.reported, "done") if n not in clocks} for row in found]


def test_every_example_is_tested_and_short():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {n.partition(":")[0] for n in CASES}
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) < 40, path


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize(("name", "config"), PAIRS)
def test_examples_learn_and_resume_exactly(build, digits, example, tmp_path, name, config, folds):
    """Six epochs equal three, a checkpoint, and three more in an actor that ran another trial."""
    trainable = example(name)
    options = {"data": digits.standardised(), "folds": folds}

    def with_trial(seed, restore_from=None):
        return {**config, "_trial": {"number": 1, "seed": seed, "restore_from": restore_from}}

    straight = build(trainable, with_trial(1), **options)
    curve = rows(straight, 6)
    assert curve[-1]["val_accuracy"] > 0.8
    assert [row["epoch"] for row in curve] == list(range(1, 7))
    assert [row["done"] for row in curve] == [False] * 5 + [True]
    assert ("val_accuracy_std" in curve[0]) == (folds > 1)
    assert set(straight.reported) <= set(straight.metrics)

    first = build(trainable, with_trial(1), **options)
    assert rows(first, 3) == curve[:3]
    first.save(str(tmp_path / "checkpoint"))
    second = build(trainable, with_trial(2), **options)
    rows(second, 1)
    torch.rand(3)
    second.reset(with_trial(2, restore_from=str(tmp_path / "checkpoint")))
    # The seed of a trial goes on with it; the estimator's is the trainable's own to give.
    if name == "own_estimator:Estimator":
        second.reset(with_trial(1, restore_from=str(tmp_path / "checkpoint")))
    assert rows(second, 3) == curve[3:]
    assert second._best.epoch == straight._best.epoch


@pytest.mark.parametrize("folds", [1, 2])
def test_a_fork_of_a_generator_trains_with_its_own_learning_rate_and_seed(
    build, example, tmp_path, folds
):
    trainable = example("own_loop:OwnLoop")
    parent = build(trainable, {**OF_LOOP, "_trial": {"number": 1, "seed": 1}}, folds=folds)
    rows(parent, 2)
    parent.save(str(tmp_path / "parent"))
    about = {"number": 2, "seed": 2, "restore_from": str(tmp_path / "parent"), "fork": True}
    fork = build(trainable, {**OF_LOOP, "learning_rate": 0.02, "_trial": about}, folds=folds)
    (row,) = rows(fork, 1)
    assert row["epoch"] == 3
    fork.save(str(tmp_path / "fork"))
    state = read_checkpoint(tmp_path / "fork").state
    parts = state.get("folds", [state])
    assert [part["seed"] for part in parts] == [2] * folds
    groups = [part["state"]["optimizer"]["param_groups"] for part in parts]
    assert [group["lr"] for (group,) in groups] == [0.02] * folds
    other = build(
        trainable, {**OF_LOOP, "learning_rate": 0.02, "_trial": {**about, "seed": 3}}, folds=folds
    )
    assert rows(other, 1) != [row], "its batches come in the order of its own seed"


@pytest.mark.parametrize("name", CASES)
def test_examples_run_in_a_sweep(example, tmp_path, name):
    """`caviar sweep` from the folder of the examples, in a process of its own."""
    module = name.partition(":")[0]
    space = [] if name == "own_loop:OwnLoop" else ["--space", f"{module}:space"]
    command = [sys.executable, "-m", "caviar.cli.main", "sweep", "random_search"]
    command += ["--trainable", name, *space, "--dataset", "digits", "--trials", "4"]
    command += ["--max-epochs", "3", "--storage", str(tmp_path), "--name", "x"]
    done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    summary = json.loads((tmp_path / "x" / "summary.json").read_text())
    assert summary["trials"]["total"] == 4
    assert summary["trials"]["failed"] == summary["trials"]["diverged"] == 0
    assert summary["best"]["metrics"]["val_accuracy"] > 0.3
    assert Path(summary["best"]["checkpoint"], "checkpoint.json").is_file()


@pytest.mark.parametrize("name", CASES)
def test_of_the_recipes_only_those_that_fork_refuse_an_example(example, digits, name):
    given = {"trainable": example(name), "dataset": "digits"}
    if name != "own_loop:OwnLoop":
        given["space"] = example(f"{name.partition(':')[0]}:space")
    refused = set()
    for recipe in recipes.files():
        sweep = replace(recipes.load(recipe), **given)
        try:
            space = loading.load_space(sweep)
            compatibility.check(sweep, space)
            preparing.prepare(sweep, space, (digits, None))
        except UsageError:
            refused.add(recipe)
    assert refused == ({"panda", "pbt"} if name == "own_estimator:Estimator" else set())


class Scripted(GeneratorTrainable):
    """Yields what it is told to."""

    metrics = ("val_accuracy", "val_loss")
    script = ()

    def run_epochs(self, config, data, state, epochs):
        yield from self.script


def test_metrics_of_a_generator():
    assert Scripted.metrics == (
        "val_accuracy", "val_loss", "epoch", "epoch_seconds", "val_accuracy_std", "val_loss_std",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ((), ValueError, "ended after 0: loop over `epochs`"),
        (
            (({"val_acuracy": 1}, {}),),
            ValueError,
            r"Unknown metric 'val_acuracy'. Did you mean 'val_accuracy'\?",
        ),
        (({"val_accuracy": 1},), TypeError, "metrics of .* it yielded dict: write yield metrics, "),
        (((1.0, {}),), TypeError, "but it yielded tuple: write yield metrics, state"),
        ((({"val_loss": 1}, {}),), ValueError, "must yield the metric 'val_accuracy'"),
        (
            (({"val_accuracy": 1}, {"model": [{"w": object()}]}),),
            TypeError,
            r"state\['model'\]\[0\]\['w'\] must be a tensor, a plain value, .* of type object",
        ),
    ],
)
def test_generators_refused(build, script, error, message):
    trainable = build(Scripted, {})
    type(trainable).script = script
    with pytest.raises(error, match=message):
        trainable.step()


def test_a_generator_that_diverges(build, tmp_path):
    trainable = build(Scripted, {})
    type(trainable).script = (
        ({"val_accuracy": 0.5}, {"w": torch.ones(2)}),
        ({"val_accuracy": 0.6, "val_loss": math.inf}, {}),
    )
    trainable.step()
    row = trainable.step()
    assert (row["outcome"], row["epoch"], row["done"]) == ("diverged", 2, True)


def test_the_best_state_is_a_copy(build):
    weight = torch.zeros(2)

    class Growing(GeneratorTrainable):
        def run_epochs(self, config, data, state, epochs):
            for accuracy in (0.1, 0.9, 0.5):
                weight.add_(1)
                yield {"val_accuracy": accuracy}, {"nested": {"w": weight}}

    trainable = build(Growing, {})
    for _ in range(3):
        trainable.step()
    assert trainable._best.epoch == 2
    assert trainable._best.weights["nested"]["w"].tolist() == [2, 2]


def test_another_number_of_folds_is_refused(build, digits, example, tmp_path):
    trainable = example("own_estimator:Estimator")
    first = build(trainable, {}, data=digits, folds=2)
    first.train()
    first.save(str(tmp_path / "checkpoint"))
    config = {"_trial": {"restore_from": str(tmp_path / "checkpoint")}}
    with pytest.raises(CheckpointError, match="it has 2 folds instead of 3"):
        build(trainable, config, data=digits, folds=3)
